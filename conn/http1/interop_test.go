package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const marker = "GET /marker HTTP/1.1\r\nHost: marker\r\nConnection: close\r\n\r\n"

// askBoth sends a request and then the marker on one connection. It returns the bodies of
// the answers; a status of 400 or more stands as "refused" and ends the list.
func askBoth(t *testing.T, network, addr string, request []byte) (answers []string) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := c.Write(append(bytes.Clone(request), marker...)); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return answers
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("answer to %q: %v", request, err)
		}
		switch {
		case resp.StatusCode >= 400:
			return append(answers, "refused")
		case resp.StatusCode >= 200:
			answers = append(answers, string(body))
		}
	}
}

// checkServer sends each request that this package takes, followed by the marker, to a
// real server. The server may refuse it, else it must see exactly these two requests.
func checkServer(t *testing.T, network, addr string, seen func(*ours) string) {
	t.Helper()
	taken, refused := 0, 0
	for _, in := range requestSeeds() {
		o, err := readOurs(in)
		if err != nil || o == nil || !o.done {
			continue
		}
		taken++
		answers := askBoth(t, network, addr, in[o.start:o.end])
		want := []string{seen(o), "GET /marker "}
		if o.r.Close {
			want = want[:1]
		}
		if len(answers) == 1 && answers[0] == "refused" {
			refused++
		} else if fmt.Sprintf("%q", answers) != fmt.Sprintf("%q", want) {
			t.Errorf("%q: the server answers %q, want %q", in[:o.end], answers, want)
		}
	}
	if taken < 30 || refused > taken/3 {
		t.Errorf("%d requests tried, %d refused: too few to tell anything", taken, refused)
	}
	t.Logf("%d requests tried, %d refused by the server", taken, refused)
}

func TestNodeSeesTheSameRequests(t *testing.T) {
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs node (Debian's nodejs)")
	}
	const script = `
require("http").createServer((req, res) => {
  const parts = [];
  req.on("data", p => parts.push(p));
  req.on("end", () => res.end(req.method + " " + req.url + " " + Buffer.concat(parts)));
}).listen(process.argv[1], () => console.log("ready"));`
	socket := filepath.Join(t.TempDir(), "node")
	cmd := exec.Command(path, "-e", script, socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("node says %q: %v", line, err)
	}
	checkServer(t, "unix", socket, func(o *ours) string {
		return string(o.r.Method) + " " + latin1(o.r.Target) + " " + o.payload
	})
}

// latin1 is how node turns bytes into a string.
func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

func TestNginxSeesTheSameRequests(t *testing.T) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("needs nginx (Debian's nginx-light)")
	}
	dir, err := os.MkdirTemp("", "nginx") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, config := filepath.Join(dir, "s"), filepath.Join(dir, "c")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
events {}
http {
  access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
  server { listen unix:%[2]s; return 200 "$request_method $request_uri "; }
}`, dir, socket)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-p", dir, "-e", "stderr", "-c", config)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cmd.Process.Kill()
		<-ended
	}()
	for start := time.Now(); ; time.Sleep(time.Millisecond) { // until it listens
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		if time.Since(start) > 60*time.Second {
			t.Fatalf("nginx does not listen: %v", err)
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("nginx ended: %v\n%s", err, log.String())
		default:
		}
	}
	checkServer(t, "unix", socket, func(o *ours) string {
		target := o.r.Target
		if _, _, path, ok := splitAbsolute(target); ok { // it shows the path alone
			if target = path; len(path) == 0 {
				target = []byte("/")
			}
		}
		return string(o.r.Method) + " " + string(target) + " "
	})
}
