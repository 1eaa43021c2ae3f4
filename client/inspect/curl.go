package inspect

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted is the longest body that goes on the command line as text, in bytes: Linux
// takes no argument of more than 128 KiB.
const maxQuoted = 64 << 10

// Curl returns a shell command (POSIX sh, with base64 when the body is binary or long)
// that sends the request to the tunnel's public URL with curl: the same method, target,
// header fields and body bytes. Chunks of a body may be others, trailers are left out. It
// returns [ErrBodyCut], [ErrIncomplete], [ErrWebSocket] or [ErrNotHTTP] when that cannot be.
func (e *Exchange) Curl() (string, error) {
	if err := e.repeatable(); err != nil {
		return "", err
	}
	body := e.Request.Body
	piped := len(body) > maxQuoted || !pasteable(string(body))
	args := []string{"curl"}
	args = append(args, e.curlMethod()...)
	args = append(args, e.curlURL()...)
	args = append(args, e.curlHeaders()...)
	switch {
	case len(body) > 0 && piped:
		args = append(args, "--data-binary @-")
		encoded := base64.StdEncoding.EncodeToString(body)
		args[0] = "printf %s '" + encoded + "' | base64 -d | curl"
	case len(body) > 0:
		args = append(args, "--data-raw "+quote(string(body)))
	case e.Request.Value("Content-Length") == "0":
		args = append(args, "--data-raw ''")
	}
	return strings.Join(args, " \\\n  "), nil
}

// repeatable says why the request cannot be sent again as it was.
func (e *Exchange) repeatable() error {
	switch {
	case e.Kind == KindRaw || e.Request.StartLine == "":
		return ErrNotHTTP
	case e.Kind == KindWebSocket || e.Kind == KindUpgrade:
		return ErrWebSocket
	case !e.Request.Complete:
		return ErrIncomplete
	case e.Request.Truncated:
		return ErrBodyCut
	}
	return nil
}

func (e *Exchange) curlMethod() []string {
	var args []string
	if e.Request.Proto == "HTTP/1.0" {
		args = append(args, "--http1.0")
	}
	switch {
	case e.Method == "HEAD" && len(e.Request.Body) == 0:
		return append(args, "--head")
	case e.Method == "GET" && len(e.Request.Body) == 0:
		return args
	}
	return append(args, "-X "+quote(e.Method))
}

func (e *Exchange) curlURL() []string {
	target := e.Target
	if strings.HasPrefix(target, "/") && !strings.ContainsFunc(target, func(r rune) bool { return r > '~' || r == '\\' }) {
		// Neither brackets nor dots are to be interpreted.
		return []string{"--globoff --path-as-is " + quote(e.PublicURL+target)}
	}
	return []string{"--request-target " + quote(target), quote(e.PublicURL + "/")}
}

// curlHeaders gives the header fields that curl would not send by itself, and takes
// away those that it would.
func (e *Exchange) curlHeaders() []string {
	var args []string
	add := func(s string) { args = append(args, "-H "+quote(s)) }
	for _, f := range e.Request.Header {
		switch strings.ToLower(f.Name) {
		case "content-length":
			continue
		case "host":
			if _, authority, _ := strings.Cut(e.PublicURL, "://"); authority == f.Value {
				continue
			}
		}
		if f.Value == "" {
			add(f.Name + ";") // with a colon curl would leave it out
		} else {
			add(f.Name + ": " + f.Value)
		}
	}
	for _, name := range []string{"User-Agent", "Accept", "Content-Type", "Expect"} {
		hasBody := len(e.Request.Body) > 0 || e.Request.Value("Content-Length") == "0"
		if !hasBody && (name == "Content-Type" || name == "Expect") {
			continue
		}
		if !slices.ContainsFunc(e.Request.Header, func(f Field) bool { return strings.EqualFold(f.Name, name) }) {
			add(name + ":")
		}
	}
	return args
}

// pasteable says whether s survives on a command line in single quotes, and in the
// clipboard.
func pasteable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	})
}

// quote makes one shell word of s, whatever bytes it holds; it must not end with a line feed.
func quote(s string) string {
	if pasteable(s) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString(`"$(printf '`)
	for i := range len(s) {
		if c := s[i]; c == '%' || c == '\\' || c == '\'' || c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteString(`')"`)
	return b.String()
}
