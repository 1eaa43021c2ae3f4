package logging

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// redacted stands in the place of a credential.
const redacted = "[redacted]"

// redact replaces the value when the key says that it is a credential, and the
// passwords in URLs. It is a second line of defence: nothing should log these.
func redact(key string, v slog.Value) slog.Value {
	if secretKey(key) {
		if v.Kind() == slog.KindString && v.String() == "" {
			return v // that there is none is no secret, and helps
		}
		return slog.StringValue(redacted)
	}
	switch v.Kind() {
	case slog.KindString:
		if s := v.String(); strings.Contains(s, "://") {
			return slog.StringValue(maskUserinfo(s))
		}
	case slog.KindAny:
		switch a := v.Any().(type) {
		case *url.URL:
			if a != nil {
				return slog.StringValue(a.Redacted())
			}
		case http.Header:
			return slog.StringValue(headerNames(a))
		}
	}
	return v
}

// secretKey reports whether an attribute of that name holds a credential.
func secretKey(key string) bool {
	k := strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(key))
	switch k {
	case "auth", "httpauth", "basicauth", "inspectauth", "clientid", "identity", "user", "credentials":
		return true
	}
	for _, end := range []string{"token", "authorization", "password", "passwd", "secret", "cookie", "privatekey"} {
		if strings.HasSuffix(k, end) {
			return true
		}
	}
	return false
}

// maskUserinfo replaces what stands before the @ of every URL's authority in s.
func maskUserinfo(s string) string {
	var b strings.Builder
	for {
		_, rest, found := strings.Cut(s, "://")
		if !found {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:len(s)-len(rest)])
		end := strings.IndexAny(rest, "/?# \t\r\n\"'<>")
		if end < 0 {
			end = len(rest)
		}
		authority := rest[:end]
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = redacted + authority[at:]
		}
		b.WriteString(authority)
		s = rest[end:]
	}
}

// headerNames keeps of a header what is safe to log.
func headerNames(h http.Header) string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
