package main

import (
	"fmt"
	"slices"
	"strings"

	"ngrok/client"
	"ngrok/client/configfile"
	"ngrok/cmd/internal/version"
)

// commandLine names the tunnel that the command line describes.
const commandLine = "command_line"

// commands are the words that can't be meant as an address.
var commands = []string{"authtoken", "config", "help", "http", "https", "list", "start", "start-all", "tcp", "tls", "version"}

// nearest finds the command or flag that was meant.
func nearest(word string, names []string) string { return configfile.Nearest(word, names) }

// dispatch does what args ask for.
func (a *app) dispatch(args []string) error {
	o, words, err := parseArgs(args)
	if err != nil {
		return err
	}
	switch {
	case o.help:
		return a.help(words)
	case o.version:
		return a.version()
	case len(words) == 0:
		return usagef("nothing to do: give the port of your service, as in \"ngrok 8080\", or a command")
	}
	command, rest := words[0], words[1:]
	if !slices.Contains(commands, command) {
		return a.serveAddress(o, command, rest)
	}
	if !slices.Contains([]string{"http", "https", "tls", "tcp"}, command) {
		if err := o.allow(command, tunnelFlags...); err != nil {
			return err
		}
	}
	if command != "start" {
		if err := o.allow(command, "none", "all"); err != nil {
			return err
		}
	}
	switch command {
	case "help":
		return a.help(rest)
	case "version":
		return a.version()
	case "http", "https", "tls", "tcp":
		return a.serveProtocol(o, command, rest)
	case "start":
		return a.start(o, rest)
	case "authtoken":
		return a.saveToken(o, "authtoken", rest)
	case "config":
		return a.config(o, rest)
	}
	if len(rest) > 0 {
		return usagef("\"ngrok %s\" takes no arguments", command)
	}
	if command == "list" {
		return a.list(o)
	}
	o.all = true
	return a.start(o, nil)
}

// serveAddress is the program without a command: ngrok 8080.
func (a *app) serveAddress(o *options, addr string, rest []string) error {
	if err := o.allow(addr, "none", "all"); err != nil {
		return err
	}
	protocols, err := configfile.Protocols(o.proto)
	if err != nil {
		return usagef("-proto: %v", err)
	}
	if _, err := configfile.LocalAddr(addr); err != nil {
		msg := fmt.Sprintf("%q is neither a command nor an address", addr)
		if near := nearest(addr, commands); near != "" {
			return usagef("%s: did you mean \"ngrok %s\"?", msg, near)
		}
		if strings.ContainsAny(addr, "?#@") {
			return usagef("%v", err) // which tells no password or query
		}
		return usagef("%s: %v", msg, err)
	}
	return a.serveOne(o, protocols, append([]string{addr}, rest...))
}

// serveProtocol is ngrok http 8080 and its like.
func (a *app) serveProtocol(o *options, protocol string, rest []string) error {
	if err := o.allow(protocol, "proto"); err != nil {
		return err
	}
	return a.serveOne(o, []string{protocol}, rest)
}

// serveOne runs the client with the tunnel of the command line.
func (a *app) serveOne(o *options, protocols, addrs []string) error {
	switch len(addrs) {
	case 0:
		return usagef("the address of your service is missing, as in \"ngrok %s 8080\"", protocols[0])
	case 1:
	default:
		return usagef("one address can be served on the command line, not %d: put several tunnels into the configuration file and use \"ngrok start\"", len(addrs))
	}
	t := client.Tunnel{Name: commandLine, Hostname: o.hostname, Subdomain: o.subdomain, HTTPAuth: o.httpAuth, Local: map[string]string{}}
	addr, err := configfile.LocalAddr(addrs[0])
	if err != nil {
		return usagef("%v", err)
	}
	for _, p := range protocols {
		t.Local[p] = addr
	}
	if o.remotePort != "" {
		if t.RemotePort, err = configfile.RemoteAddr(o.remotePort); err != nil {
			return usagef("-remote-port: %v", err)
		}
		if !slices.Contains(protocols, "tcp") {
			return usagef("-remote-port is for tcp tunnels: add -proto=tcp")
		}
	}
	if err := configfile.CheckTunnel(t); err != nil {
		return usagef("%v", err)
	}
	return a.serve(o, func(*configfile.File, string) ([]client.Tunnel, error) { return []client.Tunnel{t}, nil })
}

// start runs the client with tunnels of the configuration file.
func (a *app) start(o *options, names []string) error {
	switch {
	case o.none && (o.all || len(names) > 0):
		return usagef("-none starts no tunnel: leave out the names or -none")
	case o.none:
		return a.serve(o, func(*configfile.File, string) ([]client.Tunnel, error) { return nil, nil })
	case o.all && len(names) > 0:
		return usagef("all tunnels are started: leave out the names")
	case !o.all && len(names) == 0:
		return usagef("\"ngrok start\" needs the names of tunnels of the configuration file: \"ngrok list\" shows them, \"ngrok start-all\" starts all, \"ngrok start -none\" none")
	}
	return a.serve(o, func(f *configfile.File, path string) ([]client.Tunnel, error) { return pick(f, path, names) })
}

func (a *app) version() error {
	_, err := fmt.Fprintf(a.stdout, "ngrok version %s\n", version.Number)
	return err
}
