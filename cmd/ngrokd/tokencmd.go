package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"ngrok/server/auth"
	"ngrok/server/configfile"
)

// runToken is the command "ngrokd token".
func (p program) runToken(args []string) error {
	o := &options{}
	fs := flag.NewFlagSet("ngrokd token", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.config, "config", "", "")
	fs.StringVar(&o.dataDir, "dataDir", "", "")
	words, err := parseMixed(fs, args)
	if errors.Is(err, flag.ErrHelp) || len(words) == 1 && words[0] == "help" {
		fmt.Fprint(p.stdout, tokenUsage)
		return nil
	}
	if err != nil {
		return wrongUsage("%v\n%s", err, tokenUsage)
	}
	if err := o.locate(p.env); o.config == "" {
		return err
	}
	switch {
	case len(words) == 2 && words[0] == "new":
		return p.newToken(o, words[1])
	case len(words) == 1 && words[0] == "list":
		return p.listTokens(o)
	case len(words) == 2 && words[0] == "revoke":
		return p.revokeToken(o, words[1])
	case len(words) == 1 && (words[0] == "new" || words[0] == "revoke"):
		return wrongUsage("token %s needs a name\n%s", words[0], tokenUsage)
	}
	return wrongUsage("say what to do with which token\n%s", tokenUsage)
}

// parseMixed parses flags that may stand before, between and behind the words.
func parseMixed(fs *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return words, err
		}
		if fs.NArg() == 0 {
			return words, nil
		}
		words = append(words, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

func (p program) newToken(o *options, name string) error {
	if err := os.MkdirAll(filepath.Dir(o.config), 0o700); err != nil {
		return err
	}
	token := auth.NewToken()
	err := configfile.AddToken(o.config, name, auth.HashToken(token))
	if errors.Is(err, configfile.ErrTokenExists) {
		return fmt.Errorf("%w: choose another, or first run ngrokd token revoke %s", err, name)
	}
	if err != nil {
		return err
	}
	// The token alone goes to standard output, so that a script can take it from there.
	fmt.Fprintln(p.stdout, token)
	fmt.Fprintf(p.stderr, `This is the token of %s; it is shown only now. Its hash is in %s,
where its rights can be written beside it. The user needs an ngrok.yml like the one that
ngrokd printed at its first start, with this token behind auth_token.
`, name, o.config)
	return nil
}

func (p program) listTokens(o *options) error {
	file, err := configfile.Load(o.config)
	if err != nil && !configfile.IsMissing(err) {
		return err
	}
	if err != nil || len(file.Tokens) == 0 {
		fmt.Fprintf(p.stderr, "There is no token in %s; ngrokd token new NAME makes one.\n", o.config)
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMAY ASK FOR\tTCP PORTS\tHASH")
	for _, t := range file.Tokens {
		ports := "any"
		if t.Ports != nil {
			ports = t.Ports.String()
		}
		// The beginning of a hash tells tokens apart and is no use to anybody else.
		fmt.Fprintf(w, "%s\t%s\t%s\t%.15s…\n", t.Name, names(t), ports, t.Hash)
	}
	return w.Flush()
}

// names lists the names that a token may ask for.
func names(t auth.Token) string {
	if t.Subdomains == nil && t.Hostnames == nil {
		return "any"
	}
	var list []string
	for _, n := range t.Subdomains {
		list = append(list, n.String())
	}
	for _, n := range t.Hostnames {
		list = append(list, n.String())
	}
	if len(list) == 0 {
		return "random"
	}
	return strings.Join(list, ", ")
}

func (p program) revokeToken(o *options, name string) error {
	err := configfile.RemoveToken(o.config, name)
	if errors.Is(err, configfile.ErrTokenUnknown) {
		return fmt.Errorf("%w in %s; ngrokd token list shows all", err, o.config)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "The token of %s is no longer admitted; a running server ends its sessions within seconds.\n", name)
	return nil
}
