package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ngrok/conn/http1"
	"ngrok/msg"
)

// maxOptionEntries bounds each list of a tunnel's options: they are gone through for
// each request.
const maxOptionEntries = 256

// options are what the server enforces for the visitors of a tunnel, request by request.
// The zero options let everybody in.
type options struct {
	users       [][sha256.Size]byte // hashes of "user:password"; empty: no password
	allow, deny []netip.Prefix
	maxBody     int64  // 0: no limit
	redirects   bool   // visitors are sent on, and not served
	redirect    string // where to, without a path
}

// newOptions reads what m asks for a tunnel of that protocol.
func newOptions(m *msg.ReqTunnel, protocol string) (o options, err error) {
	web := protocol == "http" || protocol == "https"
	asked := m.Options
	if asked == nil {
		asked = &msg.TunnelOptions{}
	}
	if !web && (m.HttpAuth != "" || len(asked.Users) > 0) {
		return o, fmt.Errorf("a %s tunnel cannot ask for a password: leave auth out, or use http", protocol)
	}
	if !web && asked.MaxBody != 0 {
		return o, fmt.Errorf("a %s tunnel has no request bodies: leave max_body out, or use http", protocol)
	}
	if len(asked.Users) > maxOptionEntries || len(asked.AllowCIDRs) > maxOptionEntries || len(asked.DenyCIDRs) > maxOptionEntries {
		return o, fmt.Errorf("a tunnel may have %d users, allowed and denied networks at the most", maxOptionEntries)
	}
	if m.HttpAuth != "" {
		o.users = append(o.users, sha256.Sum256([]byte(m.HttpAuth)))
	}
	for _, user := range asked.Users {
		if strings.IndexByte(user, ':') <= 0 {
			return o, errors.New(`each user of a tunnel must be "user:password"`)
		}
		o.users = append(o.users, sha256.Sum256([]byte(user)))
	}
	if o.allow, err = parsePrefixes("allow_cidrs", asked.AllowCIDRs); err != nil {
		return o, err
	}
	if o.deny, err = parsePrefixes("deny_cidrs", asked.DenyCIDRs); err != nil {
		return o, err
	}
	if o.maxBody = asked.MaxBody; o.maxBody < 0 {
		return o, errors.New("max_body must be a number of bytes above 0")
	}
	o.redirects = asked.HTTPSRedirect && protocol == "http"
	return o, nil
}

// checkRedirect refuses a redirection that leads nowhere.
func checkRedirect(m *msg.ReqTunnel, protocols []string) error {
	if m.Options == nil || !m.Options.HTTPSRedirect {
		return nil
	}
	if !slices.Contains(protocols, "https") && !slices.Contains(protocols, "tls") {
		return errors.New("https_redirect needs a tunnel for https or tls beside that for http")
	}
	return nil
}

func parsePrefixes(key string, list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, s := range list {
		p, err := parsePrefix(s)
		if err != nil {
			const most = 64 // of what a client sends, so that the log stays readable
			return nil, fmt.Errorf("%s: %q is no network: write it like 192.0.2.0/24, or an address", key, s[:min(len(s), most)])
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// allows reports whether visitors from a are let in. An address that nobody knows is
// not, where there are rules.
func (o *options) allows(a netip.Addr) bool {
	switch {
	case len(o.allow) == 0 && len(o.deny) == 0:
		return true
	case !a.IsValid() || inPrefixes(o.deny, a):
		return false
	}
	return len(o.allow) == 0 || inPrefixes(o.allow, a)
}

// admits reports whether the visitor's credentials are among those of the tunnel.
func (o *options) admits(r *http1.Request) bool {
	if len(o.users) == 0 {
		return true
	}
	user, password, ok := r.BasicAuth()
	given := sha256.Sum256([]byte(user + ":" + password))
	found := 0
	for i := range o.users { // all of them, so that time tells nothing
		found |= subtle.ConstantTimeCompare(given[:], o.users[i][:])
	}
	return found == 1 && ok
}

// turnsAway returns what a visitor's request is answered with that the tunnel's options
// keep from it; ok is false for one that is served.
func (v *httpVisit) turnsAway(t *tunnel) (a answer, ok bool) {
	o := &t.options
	if len(o.allow)+len(o.deny) > 0 && !o.allows(v.server.visitor(v.from, &v.req)) {
		return forbidden(), true
	}
	switch {
	case o.redirects && !v.cameByTLS():
		return redirected(o.redirect, v.req.Target), true
	case !o.admits(&v.req):
		return unauthorized(), true
	case o.maxBody > 0 && v.req.ContentLength > o.maxBody:
		return refused(errBodyTooLarge), true
	}
	return a, false
}

// cameByTLS reports whether a trusted proxy says that it ended the visitor's TLS: to send
// such a visitor to https would lead in circles.
func (v *httpVisit) cameByTLS() bool {
	return v.from.proxy && bytes.EqualFold(v.req.Get("X-Forwarded-Proto"), []byte("https"))
}

// redirected sends a visitor to the same path of another URL: for now, since the name
// may be somebody else's tomorrow.
func redirected(url string, target []byte) answer {
	path := "/"
	switch i := bytes.IndexByte(target, '/'); {
	case i == 0:
		path = string(target)
	case i > 0: // an absolute URL: scheme://host/path
		_, rest, _ := strings.Cut(string(target), "://")
		if j := strings.IndexAny(rest, "/?"); j >= 0 {
			path = "/" + strings.TrimPrefix(rest[j:], "/")
		}
	}
	return answer{
		status: 307,
		title:  "This tunnel is to be reached by https",
		hint:   "Go on at " + url + path,
		header: "Location: " + url + path + "\r\n",
	}
}

func forbidden() answer {
	return answer{
		status: 403,
		title:  "Your address is not let in",
		hint:   "Whoever runs this tunnel lets only certain addresses in.",
	}
}
