package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ngrok/client"
	"ngrok/client/configfile"
	"ngrok/cmd/internal/logging"
)

// pick returns the named tunnels of the file, all of them when no name is given.
func pick(f *configfile.File, path string, names []string) ([]client.Tunnel, error) {
	if len(f.Tunnels) == 0 {
		return nil, fmt.Errorf("%s defines no tunnels: add some below the key tunnels, or give an address as in \"ngrok 8080\"", path)
	}
	if len(names) == 0 {
		return f.Tunnels, f.Clash(f.Tunnels)
	}
	var defined []string
	for _, t := range f.Tunnels {
		defined = append(defined, t.Name)
	}
	var picked []client.Tunnel
	seen := map[string]bool{}
	for _, name := range names {
		found := false
		for _, t := range f.Tunnels {
			if t.Name == name {
				found = true
				if !seen[name] {
					picked = append(picked, t)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("no tunnel %q in %s: it defines %s", name, path, strings.Join(defined, ", "))
		}
		seen[name] = true
	}
	return picked, f.Clash(picked)
}

// list prints the names of the file's tunnels, one on each line.
func (a *app) list(o *options) error {
	s, err := a.load(o)
	if err != nil {
		return err
	}
	if len(s.file.Tunnels) == 0 {
		fmt.Fprintf(a.stderr, "%s defines no tunnels: add some below the key tunnels\n", s.path)
	}
	var b strings.Builder
	for _, t := range s.file.Tunnels {
		b.WriteString(t.Name + "\n")
	}
	_, err = fmt.Fprint(a.stdout, b.String())
	return err
}

// saveToken is ngrok authtoken TOKEN. Programs that call it look for the first words
// of what it prints.
func (a *app) saveToken(o *options, command string, words []string) error {
	if len(words) != 1 {
		return usagef("\"ngrok %s\" takes one token", command)
	}
	path, _, err := a.configPath(o)
	if err != nil {
		return err
	}
	if err := configfile.SaveToken(path, words[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "Authtoken saved to configuration file: %s\n", path)
	return err
}

// config is ngrok config add-authtoken TOKEN and ngrok config check.
func (a *app) config(o *options, words []string) error {
	if len(words) == 0 {
		return usagef("\"ngrok config\" needs a command: add-authtoken TOKEN, or check")
	}
	switch command, rest := words[0], words[1:]; command {
	case "add-authtoken":
		return a.saveToken(o, "config add-authtoken", rest)
	case "check":
		if len(rest) > 0 {
			return usagef("\"ngrok config check\" takes no arguments: name the file with -config")
		}
		return a.checkConfig(o)
	default:
		return usagef("unknown command \"config %s\": use add-authtoken TOKEN, or check", command)
	}
}

// checkConfig reads all that the client would read of its file.
func (a *app) checkConfig(o *options) error {
	path, _, err := a.configPath(o)
	if err != nil {
		return err
	}
	// Here a file that does not exist is worth an error, whoever named it.
	if _, err := configfile.Load(path); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := a.load(o)
	if err != nil {
		return err
	}
	if _, err := a.tlsConfig(s.file, s.serverAddr); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := logging.Check(s.log); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, w := range s.file.Warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", lines(w))
	}
	_, err = fmt.Fprintf(a.stdout, "Valid configuration file at %s\n", path)
	return err
}
