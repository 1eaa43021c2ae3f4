//go:build linux

package programs

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ngrok/conn/conntest"
)

// redis-benchmark works through a TCP tunnel: pipelines, many connections, large values.
func TestRealRedis(t *testing.T) {
	server := need(t, "redis-server", "redis-server")[0]
	client := need(t, "redis-tools", "redis-benchmark", "redis-cli")
	benchmark, cli := client[0], client[1]
	port := conntest.ReservePort(t)
	run(t, nil, server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()).await(t, port)
	s := newSite(t)
	host, public := s.client("-proto=tcp", port).hostport()
	for _, args := range [][]string{ // of a pipeline, n is a multiple
		{"-c", "50", "-n", sized("5000", "100000"), "-t", "set,get"},
		{"-c", "10", "-n", sized("20032", "1000000"), "-P", "64", "-t", "incr,lpush"},
		{"-c", "20", "-n", sized("500", "20000"), "-d", "100000", "-t", "set,get"},
		{"-c", "5", "-n", sized("500", "5000"), "-k", "0", "-t", "ping_mbulk"}, // a connection each
	} {
		out := command(t, nil, benchmark, append([]string{"-h", host, "-p", public, "-q", "--csv"}, args...)...)
		t.Log(strings.Join(args, " ") + "\n" + out)
		if strings.Contains(out, "rror") {
			t.Errorf("redis-benchmark %v:\n%s", args, out)
		}
	}
	if out := command(t, nil, cli, "-h", host, "-p", public, "get", "counter:__rand_int__"); strings.TrimSpace(out) != sized("20032", "1000000") {
		t.Errorf("the counter shows %q", out)
	}
}

// psql and pgbench work through a TCP tunnel.
func TestRealPostgreSQL(t *testing.T) {
	bin := postgresDir(t)
	edit, dir := asOrdinaryUser(t)
	data := filepath.Join(dir, "data")
	command(t, edit, bin+"initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync", "--locale=C", "-E", "UTF8")
	port := conntest.ReservePort(t)
	server := run(t, edit, bin+"postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+dir, "-c", "fsync=off")
	server.find(t, "ready to accept connections")
	// Memory that it shares between processes is given back only by a proper stop.
	t.Cleanup(func() {
		server.signal(t, syscall.SIGINT)
		server.end(t)
	})
	s := newSite(t)
	host, public := s.client("-proto=tcp", port).hostport()
	at := []string{"-h", host, "-p", public, "-U", "tester", "postgres"}
	psql := func(sql string) string {
		t.Helper()
		return strings.TrimSpace(command(t, edit, bin+"psql", append([]string{"-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql}, at...)...))
	}
	if got := psql("select sum(n) from generate_series(1, 100000) n"); got != "5000050000" {
		t.Errorf("sum is %s", got)
	}
	if got := psql("select n, repeat('x', 1000) from generate_series(1, 20000) n"); strings.Count(got, "\n") != 19999 {
		t.Errorf("%d rows", strings.Count(got, "\n")+1)
	}
	command(t, edit, bin+"pgbench", append([]string{"-i", "-q", "-s", "1"}, at...)...)
	out := command(t, edit, bin+"pgbench", append([]string{"-c", "10", "-j", "2", "-t", sized("50", "2000")}, at...)...)
	t.Log(out)
	if want := sized("500/500", "20000/20000"); !strings.Contains(out, want) {
		t.Errorf("pgbench did not do %s:\n%s", want, out)
	}
	// -C makes a connection for each transaction.
	out = command(t, edit, bin+"pgbench", append([]string{"-C", "-S", "-c", "4", "-t", sized("25", "500")}, at...)...)
	if want := sized("100/100", "2000/2000"); !strings.Contains(out, want) {
		t.Errorf("pgbench -C did not do %s:\n%s", want, out)
	}
}

// postgresDir returns where PostgreSQL's programs are, with a slash.
func postgresDir(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed (Debian package postgresql; make prepare installs it)")
	}
	return filepath.Dir(found[len(found)-1]) + "/"
}

// asOrdinaryUser returns a directory, and what makes a command run there as a user that
// is not root, which PostgreSQL refuses to be.
func asOrdinaryUser(t testing.TB) (edit func(*exec.Cmd), dir string) {
	t.Helper()
	// Sockets have short paths, and the parents of t.TempDir are closed to others.
	dir, err := os.MkdirTemp("", "ngrok-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	plain := in(dir)
	if os.Getuid() != 0 {
		return plain, dir
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("no user to run PostgreSQL as: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return func(cmd *exec.Cmd) {
		plain(cmd)
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}, dir
}
