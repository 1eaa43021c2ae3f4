package http1

import "bytes"

// checkTarget checks the target (RFC 9112 section 3.2) and the Host field, of which there
// are hosts, against each other, and sets HostPort and Host.
func (r *Request) checkTarget(hosts int) error {
	if string(r.Method) == "CONNECT" {
		return badRequest("CONNECT is refused: this is no proxy")
	}
	if hosts == 0 && r.Minor > 0 {
		return badRequest("the request has no Host header")
	}
	var port []byte
	if hosts > 0 {
		var err error
		r.Host, port, r.hostScratch, err = canonicalHost(r.hostScratch, r.HostPort)
		if err != nil {
			return badRequest("the request's Host header is not a host name")
		}
	}
	switch {
	case r.Target[0] == '/':
		return nil
	case len(r.Target) == 1 && r.Target[0] == '*':
		if string(r.Method) != "OPTIONS" {
			return badRequest("the address * is for OPTIONS alone")
		}
		return nil
	}
	scheme, authority, _, ok := splitAbsolute(r.Target)
	if !ok {
		return badRequest("the request's address is neither a path nor an http or https URL")
	}
	if bytes.IndexByte(authority, '@') >= 0 {
		return badRequest("the request's address holds a user name")
	}
	host, targetPort, scratch, err := canonicalHost(r.targetScratch, authority)
	r.targetScratch = scratch
	if err != nil {
		return badRequest("the request's address does not hold a host name")
	}
	if hosts == 0 {
		r.HostPort, r.Host = authority, host
		return nil
	}
	if !bytes.Equal(host, r.Host) || !samePort(targetPort, port, scheme) {
		return badRequest("the request's address and its Host header name different hosts")
	}
	return nil
}

// splitAbsolute takes apart a target in absolute form, "http://authority/path?query". The
// rest begins with / or ?, or is empty.
func splitAbsolute(target []byte) (scheme, authority, rest []byte, ok bool) {
	scheme, after, ok := bytes.Cut(target, []byte("://"))
	if !ok || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return nil, nil, nil, false
	}
	end := bytes.IndexAny(after, "/?")
	if end < 0 {
		end = len(after)
	}
	return scheme, after[:end], after[end:], true
}
