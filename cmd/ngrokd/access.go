package main

import (
	"net"
	"net/netip"
	"strings"

	"ngrok/server/auth"
	"ngrok/server/configfile"
)

// admitsAll reports whether everybody is admitted under the settings of file: when
// -open says so, or when it says nothing, no tokens were ever made, and only this machine
// reaches the server.
func (o *options) admitsAll(file *configfile.File) bool {
	if o.open.given {
		return o.open.value
	}
	return o.loopbackOnly() && !file.HasTokens
}

// wantsFirstToken reports whether nobody could get in, because no token was made yet.
// An empty list of tokens is somebody's decision and stays.
func (o *options) wantsFirstToken() bool { return !o.admitsAll(o.file) && !o.file.HasTokens }

func (o *options) policy(file *configfile.File) (*auth.Policy, error) {
	return file.Policy(o.admitsAll(file))
}

// loopbackOnly reports whether every listener is for this machine alone: those that are
// asked for, and those that were passed, whatever is asked for.
func (o *options) loopbackOnly() bool {
	for _, addr := range append([]string{o.httpAddr, o.httpsAddr, o.tunnelAddr}, o.passed...) {
		if addr == "" {
			continue // disabled
		}
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !isLoopback(host) {
			return false
		}
	}
	return o.tcpHost == "" || isLoopback(o.tcpHost)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
