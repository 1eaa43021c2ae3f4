package inspect

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Filter selects exchanges. Its language: words separated by spaces, all of which
// must match. A bare word matches part of method, path with query, host or status; "quotes"
// keep spaces together; a leading - negates. Letter case is ignored. With a name and colon:
//
//	method:POST  status:404  status:5xx  status:>=400  path:/hook  host:example
//	header:X-Foo  header:X-Foo=bar  body:text  type:json  tunnel:api  visitor:1.2.3.4
//	dur:>500ms  size:>1MB  is:replay  is:ws  is:sse  is:raw  is:open  is:error  is:pinned
//	is:imported
//
// header and body look into requests and responses, size is the larger body of the two,
// numbers take >, >=, <, <= or =, and is:error means an abnormal end or a status from 500.
type Filter struct {
	terms []term
	deep  bool // at least one term looks into whole exchanges
}

// term is one condition: of summary and exchange, one is set.
type term struct {
	not      bool
	summary  func(*Summary) bool
	exchange func(*Exchange) bool
}

// FilterError says what in a filter cannot be understood.
type FilterError struct {
	Pos int    // byte offset of the term
	Msg string // what is wrong and what would be right
}

// Error returns the message.
func (e *FilterError) Error() string { return e.Msg }

// ParseFilter reads a filter. The empty string matches everything. Errors are of type
// *[FilterError].
func ParseFilter(s string) (*Filter, error) {
	f := &Filter{}
	for pos := 0; ; {
		w, next, err := nextWord(s, pos)
		if err != nil {
			return nil, err
		}
		if next == pos {
			return f, nil
		}
		pos = next
		t, msg := w.term()
		if msg != "" {
			return nil, &FilterError{Pos: w.pos, Msg: msg}
		}
		f.terms = append(f.terms, t)
		f.deep = f.deep || t.exchange != nil
	}
}

// Match says whether the exchange matches. A nil filter matches everything.
func (f *Filter) Match(e *Exchange) bool {
	if f == nil {
		return true
	}
	if !f.matchSummary(&e.Summary) {
		return false
	}
	for _, t := range f.terms {
		if t.exchange != nil && t.exchange(e) == t.not {
			return false
		}
	}
	return true
}

// matchSummary evaluates the terms that need no more than a summary.
func (f *Filter) matchSummary(s *Summary) bool {
	for _, t := range f.terms {
		if t.summary != nil && t.summary(s) == t.not {
			return false
		}
	}
	return true
}

// word is a term as it is written.
type word struct {
	pos   int
	not   bool
	name  string // before the colon, in lower case; empty for a bare word
	value string // in lower case
}

// nextWord cuts the word at pos off; next is pos at the end of s.
func nextWord(s string, pos int) (w word, next int, err error) {
	i := pos
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	if i == len(s) {
		return w, pos, nil
	}
	w.pos = i
	if s[i] == '-' && i+1 < len(s) && s[i+1] != ' ' {
		w.not = true
		i++
	}
	var text strings.Builder
	quoted, colon := false, -1
	for ; i < len(s) && (quoted || s[i] != ' ' && s[i] != '\t'); i++ {
		switch c := s[i]; {
		case c == '"':
			if !quoted && colon < 0 && text.Len() == 0 {
				colon = 0 // what begins with a quote is a bare word
			}
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(s):
			i++
			text.WriteByte(s[i])
		default:
			if c == ':' && !quoted && colon < 0 {
				colon = text.Len()
			}
			text.WriteByte(c)
		}
	}
	if quoted {
		return w, 0, &FilterError{Pos: w.pos, Msg: `a quote is not closed: write "some words"`}
	}
	w.value = text.String()
	if colon > 0 {
		w.name, w.value = strings.ToLower(w.value[:colon]), w.value[colon+1:]
	}
	w.value = strings.ToLower(w.value)
	return w, i, nil
}

// term compiles the word; msg says what is wrong with it.
func (w word) term() (t term, msg string) {
	t.not = w.not
	v := w.value
	if w.name != "" && v == "" {
		return t, fmt.Sprintf("%s: needs something behind the colon", w.name)
	}
	part := func(of func(*Summary) string) {
		t.summary = func(s *Summary) bool { return strings.Contains(strings.ToLower(of(s)), v) }
	}
	switch w.name {
	case "":
		t.summary = func(s *Summary) bool { return matchBare(s, v) }
	case "method":
		t.summary = func(s *Summary) bool { return strings.ToLower(s.Method) == v }
	case "path":
		part(func(s *Summary) string { return s.Target })
	case "host":
		part(func(s *Summary) string { return s.Host })
	case "type":
		part(func(s *Summary) string { return s.ContentType })
	case "visitor":
		part(func(s *Summary) string { return s.VisitorAddr })
	case "tunnel":
		part(func(s *Summary) string { return s.Tunnel })
	case "status":
		t.summary, msg = statusTerm(v)
	case "dur":
		t.summary, msg = durationTerm(v)
	case "size":
		t.summary, msg = sizeTerm(v)
	case "is":
		t.summary, msg = isTerm(v)
	case "header":
		t.exchange = headerTerm(v)
	case "body":
		t.exchange = func(e *Exchange) bool { return bodyContains(e, []byte(v)) }
	default:
		msg = fmt.Sprintf(`there is no filter %q: use method, status, path, host, header, body, type, tunnel, visitor, dur, size or is; to search for the text itself, put it in "quotes"`, w.name)
	}
	return t, msg
}

func matchBare(s *Summary, v string) bool {
	return strings.Contains(strings.ToLower(s.Method), v) ||
		strings.Contains(strings.ToLower(s.Target), v) ||
		strings.Contains(strings.ToLower(s.Host), v) ||
		s.Status > 0 && strings.Contains(strconv.Itoa(s.Status), v)
}

// comparison cuts an operator off; without one it is def.
func comparison(v, def string) (op, rest string) {
	for _, op := range [...]string{">=", "<=", ">", "<", "="} {
		if rest, ok := strings.CutPrefix(v, op); ok {
			return op, rest
		}
	}
	return def, v
}

func compare(op string, a, b int64) bool {
	switch op {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	case "<=":
		return a <= b
	}
	return a == b
}

func statusTerm(v string) (func(*Summary) bool, string) {
	op, rest := comparison(v, "=")
	if len(rest) == 3 && strings.HasSuffix(rest, "xx") && rest[0] >= '1' && rest[0] <= '9' && op == "=" {
		class := int(rest[0] - '0')
		return func(s *Summary) bool { return s.Status/100 == class }, ""
	}
	n, err := strconv.ParseUint(rest, 10, 16)
	if err != nil {
		return nil, fmt.Sprintf("%q is no status: write status:404, status:5xx or status:>=400", v)
	}
	return func(s *Summary) bool { return s.Status > 0 && compare(op, int64(s.Status), int64(n)) }, ""
}

func durationTerm(v string) (func(*Summary) bool, string) {
	op, rest := comparison(v, ">=")
	d, err := time.ParseDuration(rest)
	if err != nil {
		ms, err := strconv.ParseFloat(rest, 64)
		if err != nil || ms < 0 || ms > 1e12 {
			return nil, fmt.Sprintf("%q is no duration: write dur:>500ms or dur:<2s", v)
		}
		d = time.Duration(ms * float64(time.Millisecond))
	}
	return func(s *Summary) bool { return compare(op, int64(s.Duration), int64(d)) }, ""
}

// units of sizes, the longest first.
var units = [...]struct {
	suffix string
	bytes  float64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"b", 1}}

func sizeTerm(v string) (func(*Summary) bool, string) {
	op, rest := comparison(v, ">=")
	unit := 1.0
	for _, u := range units {
		if number, ok := strings.CutSuffix(rest, u.suffix); ok {
			rest, unit = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
	if err != nil || !(n >= 0 && n*unit <= 1<<62) {
		return nil, fmt.Sprintf("%q is no size: write size:>1MB or size:<10kB", v)
	}
	limit := int64(n * unit)
	return func(s *Summary) bool { return compare(op, max(s.RequestSize, s.ResponseSize), limit) }, ""
}

func isTerm(v string) (func(*Summary) bool, string) {
	switch v {
	case "replay":
		return func(s *Summary) bool { return s.ReplayOf != "" }, ""
	case "ws", "websocket":
		return func(s *Summary) bool { return s.Kind == KindWebSocket }, ""
	case "sse", "events":
		return func(s *Summary) bool { return s.Kind == KindEvents }, ""
	case "raw":
		return func(s *Summary) bool { return s.Kind == KindRaw }, ""
	case "open":
		return func(s *Summary) bool { return s.Open }, ""
	case "error":
		return func(s *Summary) bool { return s.Error != "" || s.Status >= 500 }, ""
	case "pinned":
		return func(s *Summary) bool { return s.Pinned }, ""
	case "imported":
		return func(s *Summary) bool { return s.Imported }, ""
	}
	return nil, fmt.Sprintf("nothing is %q: write is:replay, is:ws, is:sse, is:raw, is:open, is:error, is:pinned or is:imported", v)
}

func headerTerm(v string) func(*Exchange) bool {
	name, value, withValue := strings.Cut(v, "=")
	return func(e *Exchange) bool {
		for _, fields := range [...][]Field{e.Request.Header, e.Response.Header, e.Request.Trailer, e.Response.Trailer} {
			for _, f := range fields {
				if strings.EqualFold(f.Name, name) && (!withValue || strings.Contains(strings.ToLower(f.Value), value)) {
					return true
				}
			}
		}
		return false
	}
}

// bodyContains looks for text, in lower case, in the decoded bodies and in the messages.
func bodyContains(e *Exchange, text []byte) bool {
	for _, m := range [...]*Message{&e.Request, &e.Response} {
		if plain, _, _, _ := m.decode(); bytes.Contains(bytes.ToLower(plain), text) {
			return true
		}
	}
	for i := range e.Messages {
		if bytes.Contains(bytes.ToLower(e.Messages[i].Payload), text) {
			return true
		}
	}
	for i := range e.Events {
		if strings.Contains(strings.ToLower(e.Events[i].Data), string(text)) {
			return true
		}
	}
	return false
}
