package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// doomedEnv makes the test binary a program that sends something and waits to be killed.
const doomedEnv = "NGROK_TEST_DOOMED_PEER"

func TestDeathIsSeenAsACut(t *testing.T) {
	const sent = "the first half"
	if addr := os.Getenv(doomedEnv); addr != "" {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		NewConn(nc).Write([]byte(sent))
		time.Sleep(time.Minute)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	peer.Env = append(os.Environ(), doomedEnv+"="+l.Addr().String())
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	defer peer.Wait()
	defer peer.Process.Kill()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, len(sent))); err != nil {
		t.Fatal(err)
	}
	peer.Process.Kill()
	if _, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the reader of a program that was killed sees %v, as if all had been sent", err)
	}
}
