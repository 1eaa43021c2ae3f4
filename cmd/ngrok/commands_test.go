package main

import (
	"os"
	"strings"
	"testing"

	"ngrok/cmd/internal/version"
)

const twoTunnels = "tunnels:\n  www:\n    proto: {http: 8080}\n  ssh:\n    proto: {tcp: 22}\n"

// Every command, error and exit code, as a script meets them. HOME is the directory of
// the files; $D in arguments and expectations is that directory.
func TestCommands(t *testing.T) {
	hint := "Run \"ngrok help\" to see how it is used.\n"
	files := map[string]string{".ngrok": twoTunnels, "token": "abc", "bad": "server_adr: x\n", "empty": "", "odd": "console_ui: false\nlog_level: loud\n", "warn": "console_ui: false\n"}
	tests := []struct {
		args           string
		code           int
		stdout, stderr string // exactly, unless it ends in "…", which stands for more
	}{
		{"", 2, "", "ngrok: nothing to do: give the port of your service, as in \"ngrok 8080\", or a command\n" + hint},
		{"version", 0, "ngrok version " + version.Number + "\n", ""},
		{"--version", 0, "ngrok version " + version.Number + "\n", ""},
		{"-version", 0, "ngrok version " + version.Number + "\n", ""},
		{"start -version", 0, "ngrok version " + version.Number + "\n", ""},
		{"help", 0, "ngrok makes a private service reachable under a public URL.\n…", ""},
		{"-h", 0, "ngrok makes a private service reachable under a public URL.\n…", ""},
		{"--help", 0, "ngrok makes a private service reachable under a public URL.\n…", ""},
		{"help start", 0, "ngrok start [options] NAME…\nngrok start-all…", ""},
		{"start -help", 0, "ngrok start [options] NAME…\nngrok start-all…", ""},
		{"help start-all", 0, "ngrok start [options] NAME…\nngrok start-all…", ""},
		{"help tcp", 0, "ngrok http|https|tls|tcp…", ""},
		{"help me", 2, "", "ngrok: there is no command \"me\": there are authtoken, config,…"},

		{"list", 0, "www\nssh\n", ""},
		{"list -config=$D/empty", 0, "", "$D/empty defines no tunnels: add some below the key tunnels\n"},
		{"list more", 2, "", "ngrok: \"ngrok list\" takes no arguments\n" + hint},
		{"list -config $D/missing", 1, "", "ngrok: read configuration: open $D/missing: …"},
		{"list -config $D/bad", 1, "", "ngrok: $D/bad:1: unknown key \"server_adr\" in the file: did you mean \"server_addr\"?\n"},
		{"start-all more", 2, "", "ngrok: \"ngrok start-all\" takes no arguments\n" + hint},

		{"config", 2, "", "ngrok: \"ngrok config\" needs a command: add-authtoken TOKEN, or check\n" + hint},
		{"config chekc", 2, "", "ngrok: unknown command \"config chekc\": use add-authtoken TOKEN, or check\n" + hint},
		{"config check", 0, "Valid configuration file at $D/.ngrok\n", ""},
		{"config check -config=$D/token", 0, "Valid configuration file at $D/token\n", ""},
		{"config check -config=$D/warn", 0, "Valid configuration file at $D/warn\n", "warning: $D/warn:1: console_ui has no effect with this program\n"},
		{"config check more", 2, "", "ngrok: \"ngrok config check\" takes no arguments: name the file with -config\n" + hint},
		{"config check --config=$D/odd", 1, "", "ngrok: $D/odd: log level \"loud\" is unknown: use DEBUG, INFO, WARNING or ERROR\n"},
		{"config check --config=$D/missing", 1, "", "ngrok: read configuration: open $D/missing: …"},
		{"config add-authtoken", 2, "", "ngrok: \"ngrok config add-authtoken\" takes one token\n" + hint},
		{"config add-authtoken T --config=$D/new", 0, "Authtoken saved to configuration file: $D/new\n", ""},
		{"authtoken T --config=$D/token --log=stdout", 0, "Authtoken saved to configuration file: $D/token\n", ""},
		{"--config $D/token authtoken T", 0, "Authtoken saved to configuration file: $D/token\n", ""},
		{"authtoken T", 0, "Authtoken saved to configuration file: $D/.ngrok\n", ""},
		{"authtoken", 2, "", "ngrok: \"ngrok authtoken\" takes one token\n" + hint},
		{"authtoken a b", 2, "", "ngrok: \"ngrok authtoken\" takes one token\n" + hint},
		{"authtoken é", 1, "", "ngrok: the token holds a space or an unprintable character: copy it again\n"},
		{"authtoken T -config=$D", 1, "", "ngrok: read configuration: read $D: …"},

		{"start", 2, "", "ngrok: \"ngrok start\" needs the names of tunnels…"},
		{"start www nope", 1, "", "ngrok: no tunnel \"nope\" in $D/.ngrok: it defines www, ssh\n"},
		{"start www -config=$D/empty", 1, "", "ngrok: $D/empty defines no tunnels: add some below the key tunnels, or give an address as in \"ngrok 8080\"\n"},
		{"start-all -config=$D/empty", 1, "", "ngrok: $D/empty defines no tunnels…"},
		{"start -none www", 2, "", "ngrok: -none starts no tunnel: leave out the names or -none\n" + hint},
		{"start -all www", 2, "", "ngrok: all tunnels are started: leave out the names\n" + hint},
		{"start www -subdomain=x", 2, "", "ngrok: -subdomain has no meaning for \"ngrok start\"\n" + hint},
		{"list -none", 2, "", "ngrok: -none has no meaning for \"ngrok list\"\n" + hint},
		{"8080 -none", 2, "", "ngrok: -none has no meaning for \"ngrok 8080\"\n" + hint},

		{"strat", 2, "", "ngrok: \"strat\" is neither a command nor an address: did you mean \"ngrok start\"?\n" + hint},
		{"localhost", 2, "", "ngrok: \"localhost\" is neither a command nor an address: \"localhost\" is no address: write a port or host:port\n" + hint},
		{"99999", 2, "", "ngrok: \"99999\" is neither a command nor an address: …"},
		{"80 81", 2, "", "ngrok: one address can be served on the command line, not 2: …"},
		{"http", 2, "", "ngrok: the address of your service is missing, as in \"ngrok http 8080\"\n" + hint},
		{"http://u:p@x:1", 2, "", "ngrok: the address has more than host and port, such as a password or a query: write for example localhost:8080\n" + hint},
		{"http x", 2, "", "ngrok: \"x\" is no address: write a port or host:port\n" + hint},
		{"http -proto=tcp 80", 2, "", "ngrok: -proto has no meaning for \"ngrok http\"\n" + hint},
		{"-proto=udp 80", 2, "", "ngrok: -proto: protocol \"udp\" is unknown: use http, https, http+https, tls or tcp\n" + hint},
		{"-httpauth=me 80", 2, "", "ngrok: auth must be \"user:password\"\n" + hint},
		{"tcp 22 -httpauth=me:pw", 2, "", "ngrok: auth protects http and https only…"},
		{"tcp 22 -remote-port=x", 2, "", "ngrok: -remote-port: \"x\" is no port: it must be a number from 1 to 65535\n" + hint},
		{"-remote-port=1 22", 2, "", "ngrok: -remote-port is for tcp tunnels: add -proto=tcp\n" + hint},
		{"-subdomain=a/b 80", 2, "", "ngrok: subdomain \"a/b\" is no host name\n" + hint},
		{"-sub=x 80", 2, "", "ngrok: unknown flag -sub\n" + hint},
		{"80 --sudomain=x", 2, "", "ngrok: unknown flag -sudomain: did you mean -subdomain?\n" + hint},
		{"80 -grace=long", 2, "", "ngrok: invalid value \"long\" for flag -grace…"},
		{"80 -subdomain", 2, "", "ngrok: flag needs an argument: -subdomain\n" + hint},
		{"-server-addr=a://b 80", 2, "", "ngrok: -server-addr: \"a://b\" is a URL: write host:port\n" + hint},
		{"-inspect-addr=x 80", 2, "", "ngrok: -inspect-addr: \"x\" is no address…"},
		{"80 -log-level=loud", 2, "", "ngrok: log level \"loud\" is unknown: use DEBUG, INFO, WARNING or ERROR\n" + hint},
		{"80 -log-format=xml", 2, "", "ngrok: log format \"xml\" is unknown: use logfmt, json or term\n" + hint},
		{"80 -config=$D/odd", 1, "", "…"},
		{"80 -log=$D/no/dir", 1, "", "ngrok: open log: open $D/no/dir: …"},
		{"80 -config=$D/missing", 1, "", "ngrok: read configuration: open $D/missing: …"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			s := newSetup(t, files, ends)
			in := func(text string) string { return strings.ReplaceAll(text, "$D", s.dir) }
			code := s.run(strings.Fields(in(tt.args)))
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, o := range []struct{ name, got, want string }{{"stdout", s.out.String(), in(tt.stdout)}, {"stderr", s.err.String(), in(tt.stderr)}} {
				if start, more := strings.CutSuffix(o.want, "…"); o.got != o.want && !(more && strings.HasPrefix(o.got, start)) {
					t.Errorf("%s %q\nwant   %q", o.name, o.got, o.want)
				}
			}
		})
	}
}

func TestAuthtokenWritesFile(t *testing.T) {
	s := newSetup(t, map[string]string{".ngrok": "# mine\n" + twoTunnels}, nil)
	if code := s.run([]string{"authtoken", "secret"}); code != 0 {
		t.Fatal(s.err.String())
	}
	if got := s.file(t, ".ngrok"); got != "# mine\n"+twoTunnels+"auth_token: secret\n" {
		t.Errorf("file %q", got)
	}
}

// Without a home there is no default file to read or write.
func TestNoHome(t *testing.T) {
	s := newSetup(t, nil, ends)
	s.env = nil
	if code := s.run([]string{"80"}); code != 1 || !strings.Contains(s.err.String(), "name a file with -config") {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

// The help text names every flag that is accepted, and every command.
func TestHelpIsComplete(t *testing.T) {
	_, _, err := parseArgs([]string{"-nonsense"})
	if err == nil {
		t.Fatal("an unknown flag is accepted")
	}
	for _, name := range []string{"authtoken", "config", "grace", "hostname", "httpauth", "inspect-addr", "log", "log-format", "log-level",
		"none", "plain", "proto", "region", "remote-port", "server-addr", "subdomain", "version"} {
		if !strings.Contains(helpText, "\n  -"+name) {
			t.Errorf("help says nothing about -%s", name)
		}
	}
	for _, c := range commands {
		if !strings.Contains(helpText, c) {
			t.Errorf("help says nothing about %s", c)
		}
		s := newSetup(t, nil, nil)
		if code := s.run([]string{"help", c}); code != 0 {
			t.Errorf("help %s: %s", c, s.err.String())
		}
	}
}

// The real run reads the real surroundings, up to where a server would be asked.
func TestRun(t *testing.T) {
	var out, errs buffer
	if code := run([]string{"version"}, os.Getenv, os.Stdin, &out, &errs); code != 0 || out.String() == "" {
		t.Errorf("exit code %d, %q, %q", code, out.String(), errs.String())
	}
}
