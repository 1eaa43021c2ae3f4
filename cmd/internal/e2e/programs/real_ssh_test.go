//go:build linux

package programs

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"ngrok/conn/conntest"
)

// ssh logs in and scp copies through a TCP tunnel, as many at once.
func TestRealSSH(t *testing.T) {
	sshd := need(t, "openssh-server", "sshd")[0]
	client := need(t, "openssh-client", "ssh", "scp", "ssh-keygen")
	ssh, scp, keygen := client[0], client[1], client[2]
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		// Debian makes it when the service starts, which it may never do here.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skipf("sshd can't run as root here: %v", err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		command(t, nil, keygen, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name))
	}
	port := conntest.ReservePort(t)
	config := write(t, dir, "sshd_config", fmt.Sprintf(`
ListenAddress 127.0.0.1:%s
HostKey %s/host
AuthorizedKeysFile %[2]s/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
`, port, dir))
	server := run(t, nil, sshd, "-D", "-e", "-f", config)
	server.await(t, port)

	s := newSite(t)
	_, public := s.client("-proto=tcp", port).hostport()
	options := []string{"-F", "none", "-i", filepath.Join(dir, "user"), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known_hosts")}
	login := append(options, "-p", public, me.Username+"@127.0.0.1")

	if out := command(t, nil, ssh, append(login, "echo", "hello from there; exit 0")...); !strings.Contains(out, "hello from there") {
		t.Errorf("ssh printed %q", out)
	}
	// The exit code, and both streams with their ends.
	cmd := exec.CommandContext(t.Context(), ssh, append(login, "sha256sum; echo done >&2; exit 7")...)
	size := sized[int64](20<<20, 1<<30)
	cmd.Stdin = noise([32]byte{1}, size)
	var errout strings.Builder
	cmd.Stderr = &errout
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, %v", code, err)
	}
	_, want := sum(t, noise([32]byte{1}, size))
	if !strings.HasPrefix(string(out), want) || !strings.Contains(errout.String(), "done") {
		t.Errorf("there arrived %q, want %s; stderr %q", out, want, errout.String())
	}

	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	here := filepath.Join(dir, "here")
	f, err := os.Create(here)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, noise([32]byte{2}, size)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	remote := fmt.Sprintf("%s@127.0.0.1:%s", me.Username, there)
	copying := append(options, "-q", "-P", public)
	command(t, nil, scp, append(copying, here, remote)...)
	command(t, nil, scp, append(copying, remote, back)...)
	command(t, nil, "cmp", here, back)

	// A forwarded port within the ssh session within the tunnel.
	inner := conntest.ReservePort(t)
	forward := run(t, nil, ssh, append(append(options, "-N", "-L", inner+":"+greeting(t, "through ssh")), login[len(options):]...)...)
	forward.await(t, inner)
	if !greets("tcp://localhost:"+inner, "through ssh") {
		t.Error("the forwarded port does not lead to the service")
	}
}
