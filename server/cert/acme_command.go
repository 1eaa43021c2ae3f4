package cert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/libdns/libdns"
)

const (
	// commandTimeout bounds one run of the operator's program.
	commandTimeout = 2 * time.Minute

	// maxPrinted is how much is kept of what the program has printed last, in bytes.
	maxPrinted = 64 << 10
)

// command has a program of the operator's do what is to be done: it is run as
// "PROGRAM present NAME VALUE" to add a TXT record and as "PROGRAM cleanup NAME VALUE" to
// delete it, and tells of success by its exit code.
//
// The program is a stranger to the server. It gets nothing of the server's environment but
// what any program needs and what the settings name. It may print credentials of its own,
// as scripts that trace themselves do: that goes into a file, never into the log.
type command struct {
	path string
	env  []string // KEY=value
	dir  string   // what is printed is kept in
}

// anyPrograms returns the variables that are no secrets and that programs need.
func anyPrograms() []string {
	return []string{"HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "PATHEXT", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "USERPROFILE"}
}

// newCommand reads the settings command and env. getenv may be nil.
func newCommand(take func(key, standard string) string, getenv func(string) string, dir string) (*command, error) {
	c := &command{path: take("command", ""), env: []string{}, dir: dir} // nil would be all of the environment
	if !filepath.IsAbs(c.path) {
		return nil, errors.New("exec wants command, the absolute path of a program")
	}
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	for _, key := range anyPrograms() {
		if value := getenv(key); value != "" {
			c.env = append(c.env, key+"="+value)
		}
	}
	for i, key := range several(take("env", "")) {
		value := getenv(key)
		if value == "" { // the name is not repeated: it may be the secret itself
			return nil, fmt.Errorf("exec: number %d of what env names is not in ngrokd's environment: env takes names of variables, without their values", i+1)
		}
		c.env = append(c.env, key+"="+value)
	}
	return c, nil
}

// AppendRecords adds records to the zone.
func (c *command) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.run(ctx, "present", zone, records)
}

// DeleteRecords deletes records from the zone.
func (c *command) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.run(ctx, "cleanup", zone, records)
}

func (c *command) run(ctx context.Context, verb, zone string, records []libdns.Record) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for _, record := range records {
		rr := record.RR()
		cmd := exec.CommandContext(ctx, c.path, verb, libdns.AbsoluteName(rr.Name, zone), rr.Data)
		cmd.Env = c.env
		cmd.WaitDelay = time.Second
		var printed tail
		cmd.Stdout, cmd.Stderr = &printed, &printed
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w (%s)", c.path, verb, err, c.keep(verb, printed.b))
		}
	}
	return nil
}

// keep puts what a failed run has printed where only the server's user can read it, in the
// place of what the last one has left, and says where.
func (c *command) keep(verb string, printed []byte) (where string) {
	if len(printed) == 0 {
		return "it has printed nothing"
	}
	name := filepath.Join(c.dir, "dns-"+verb+".log")
	err := os.MkdirAll(c.dir, 0o700)
	if err == nil {
		err = writeFile(name, printed, 0o600)
	}
	if err != nil {
		return fmt.Sprintf("what it has printed cannot be kept: %v", err)
	}
	return "what it has printed is in " + name
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

// Write keeps the last maxPrinted bytes.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-maxPrinted):]...)
	if over := len(t.b) - maxPrinted; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}
