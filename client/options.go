package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ngrok/conn/http1"
	"ngrok/msg"
)

// protocols are those that a tunnel can have.
var protocols = []string{"http", "https", "tls", "tcp"}

// Validate reports what can't work about the protocols and options of t, before a server
// is asked. Its errors name keys as they stand in the configuration file, and never show
// a password.
func (t *Tunnel) Validate() error {
	web, raw := false, false
	for protocol := range t.Local {
		if !slices.Contains(protocols, protocol) {
			return fmt.Errorf("unknown protocol %q: choose http, https, tls or tcp", protocol)
		}
		web = web || isWeb(protocol)
		raw = raw || !isWeb(protocol)
	}
	if t.Local["https"] != "" && t.Local["tls"] != "" {
		return errors.New("https and tls would share one name on one port: choose one of them")
	}
	if err := t.validateEnforced(web, raw); err != nil {
		return err
	}
	switch {
	case t.ProxyProto < 0 || t.ProxyProto > 2:
		return fmt.Errorf("proxy_proto %d: there are versions 1 and 2", t.ProxyProto)
	case t.ProxyProto != 0 && !raw:
		return errors.New("proxy_proto is for tcp and tls tunnels: http ones have X-Forwarded-For")
	case !web && t.editsHeads():
		return errors.New("host_header, request_header and response_header are for http and https tunnels")
	}
	for protocol := range t.Local {
		if _, err := newHeadRules(t, grant{protocol: protocol}); err != nil && isWeb(protocol) {
			return err
		}
	}
	return nil
}

// validateEnforced looks at what the server is to enforce.
func (t *Tunnel) validateEnforced(web, raw bool) error {
	for _, user := range t.Users {
		if strings.IndexByte(user, ':') <= 0 {
			return errors.New(`auth: each user must be "user:password"`)
		}
	}
	for key, list := range map[string][]string{"allow_cidrs": t.AllowCIDRs, "deny_cidrs": t.DenyCIDRs} {
		for _, s := range list {
			_, err := netip.ParsePrefix(s)
			if a, addrErr := netip.ParseAddr(s); err != nil && (addrErr != nil || a.Zone() != "") {
				return fmt.Errorf("%s: %q is no network: write it like 192.0.2.0/24, or an address", key, s)
			}
		}
	}
	switch {
	case raw && len(t.Users) > 0:
		return errors.New("auth protects http and https only: visitors of a tcp or tls tunnel can't be asked for a password")
	case t.MaxBody < 0:
		return errors.New("max_body must be a number of bytes above 0")
	case raw && t.MaxBody > 0:
		return errors.New("max_body is for http and https tunnels: tcp and tls have no requests")
	case t.HTTPSRedirect && (t.Local["http"] == "" || t.Local["https"] == "" && t.Local["tls"] == ""):
		return errors.New("https_redirect needs both in one tunnel: http, and https or tls to lead to")
	}
	return nil
}

func (t *Tunnel) editsHeads() bool {
	return t.HostHeader != "" || len(t.RequestHeaders.Add)+len(t.RequestHeaders.Remove)+
		len(t.ResponseHeaders.Add)+len(t.ResponseHeaders.Remove) > 0
}

// isWeb reports whether the protocol's tunnels carry HTTP that can be read.
func isWeb(protocol string) bool { return protocol == "http" || protocol == "https" }

// enforced returns what of t the server has to enforce; nil for nothing, which every
// server can.
func (t *Tunnel) enforced() *msg.TunnelOptions {
	if len(t.Users)+len(t.AllowCIDRs)+len(t.DenyCIDRs) == 0 && t.MaxBody == 0 && !t.HTTPSRedirect {
		return nil
	}
	return &msg.TunnelOptions{
		Users:         t.Users,
		AllowCIDRs:    t.AllowCIDRs,
		DenyCIDRs:     t.DenyCIDRs,
		MaxBody:       t.MaxBody,
		HTTPSRedirect: t.HTTPSRedirect,
	}
}

// unenforceable returns why a server without msg.FeatureOptions is not asked for t.
func unenforceable(t *Tunnel) error {
	return &TunnelError{Tunnel: t.Name, Reason: "it can't enforce all that the tunnel asks for (several users in auth, " +
		"allow_cidrs, deny_cidrs, max_body or https_redirect), and would let visitors in unchecked: " +
		"update the server, or leave these settings out"}
}

// edits returns the changes in the form that heads are rewritten with.
func (c *HeaderChanges) edits() http1.Edits {
	e := http1.Edits{Remove: c.Remove}
	for _, h := range c.Add {
		e.Add = append(e.Add, http1.Header(h))
	}
	return e
}
