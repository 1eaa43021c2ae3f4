package main

import (
	"fmt"
	"strings"
)

const helpText = `ngrok makes a private service reachable under a public URL.

Usage:
  ngrok [options] <port or address>     serve it as http and https
  ngrok http|https|tcp|tls [options] <port or address>
  ngrok <command> [options] [arguments]

Examples:
  ngrok 8080                            http and https, a name that the server picks
  ngrok -subdomain=example 8080         under a name of your own
  ngrok -httpauth="user:password" 8080  visitors need a password
  ngrok tcp 22                          ssh, databases, anything
  ngrok http box.lan:3000               a service on another machine
  ngrok start www ssh                   tunnels of the configuration file

Commands:
  start NAME…                 start tunnels of the configuration file by name
  start-all                   start all of them
  start -none                 start none; they can be added through the page's API
  list                        list the tunnels of the configuration file
  authtoken TOKEN             save a token in the configuration file
  config add-authtoken TOKEN  the same
  config check                check the configuration file
  version                     print the version
  help [COMMAND]              print this text, or what it says of one command

Options, before or after a command and its arguments, with one dash or two:
  -authtoken TOKEN      who you are for the server; saved once it was accepted
  -config FILE          the configuration file (default $HOME/.ngrok)
  -grace DURATION       how long open connections may go on after Ctrl+C (default
                        30s); a second Ctrl+C ends them
  -hostname NAME        ask for a whole host name
  -httpauth USER:PASS   visitors must present these
  -inspect-addr ADDR    the inspector's page (default 127.0.0.1:4040), or "disabled"
  -log DEST             stdout, stderr, none or a file (default none)
  -log-format FORMAT    logfmt, json or term (default logfmt)
  -log-level LEVEL      DEBUG, INFO, WARNING or ERROR (default INFO)
  -none                 with start: no tunnel
  -plain                offer the server no extension of the protocol: to compare, or
                        to find out whether an extension is what goes wrong
  -proto PROTOCOL       http, https, http+https, tls or tcp (default
                        http+https)
  -region NAME          accepted and without effect
  -remote-port PORT     ask for a port of the server, for tcp
  -server-addr ADDR     the server's tunnel port (default 127.0.0.1:4443; also
                        NGROK_SERVER_ADDR and server_addr in the file)
  -subdomain NAME       ask for a name below the server's domain
  -version              print the version

With no terminal, or with -log=stdout, lines are printed in place of the screen.
`

// commandHelp is what "ngrok help COMMAND" prints.
var commandHelp = map[string]string{
	"authtoken": `ngrok authtoken TOKEN [-config FILE]

Saves the token in the configuration file, which keeps all else that it says.
`,
	"config": `ngrok config add-authtoken TOKEN [-config FILE]
ngrok config check [-config FILE]

Saves a token in the configuration file, or checks what the file says.
`,
	"help": `ngrok help [COMMAND]
`,
	"http": `ngrok http|https|tls|tcp [options] <port or address>

Serves a private service by that protocol alone:

  ngrok http -subdomain=example 8080
  ngrok https 127.0.0.1:8080
  ngrok tls -hostname=www.example.com 443
  ngrok tcp -remote-port=2222 22
`,
	"list": `ngrok list [-config FILE]

Prints the names of the tunnels of the configuration file.
`,
	"start": `ngrok start [options] NAME…
ngrok start-all [options]
ngrok start -none [options]

Starts tunnels of the configuration file, which looks like this:

  server_addr: tunnel.example.com:4443
  auth_token: YOUR_TOKEN
  tunnels:
    www:
      subdomain: example
      auth: "user:password"
      proto:
        http: 8080
        https: 8080
    ssh:
      remote_port: 2222
      proto:
        tcp: 22
`,
	"version": `ngrok version

Prints the version of this program.
`,
}

// help prints what there is to know, about a command if one is given.
func (a *app) help(words []string) error {
	text := helpText
	if len(words) > 0 {
		command := words[0]
		switch command {
		case "https", "tls", "tcp":
			command = "http"
		case "start-all":
			command = "start"
		}
		var found bool
		if text, found = commandHelp[command]; !found {
			return usagef("there is no command %q: there are %s", words[0], strings.Join(commands, ", "))
		}
	}
	_, err := fmt.Fprint(a.stdout, text)
	return err
}
