package inspect

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// HAROptions configures [Store.WriteHAR].
type HAROptions struct {
	Version string // of this program, named as the creator
	Reveal  bool   // write secrets in plain text instead of masking them
}

// The parts of an HTTP Archive 1.2. Names with an underscore are extensions that the
// format provides for; browsers use the same for websockets.
type (
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harEntry struct {
		Started      string       `json:"startedDateTime"`
		Time         float64      `json:"time"` // ms
		Request      harRequest   `json:"request"`
		Response     harResponse  `json:"response"`
		Cache        struct{}     `json:"cache"`
		Timings      harTimings   `json:"timings"`
		Comment      string       `json:"comment,omitempty"`
		ResourceType string       `json:"_resourceType,omitempty"`
		Messages     []harMessage `json:"_webSocketMessages,omitempty"`
		Tunnel       string       `json:"_tunnel,omitempty"`
		VisitorAddr  string       `json:"_visitorAddress,omitempty"`
		Error        string       `json:"_error,omitempty"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		Proto       string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Query       []harField `json:"queryString"`
		PostData    *harPost   `json:"postData,omitempty"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harPost struct {
		MimeType string     `json:"mimeType"`
		Params   []harField `json:"params,omitempty"`
		Text     string     `json:"text"`
		Encoding string     `json:"encoding,omitempty"` // "base64" for what is no text
	}
	harResponse struct {
		Status      int        `json:"status"`
		Reason      string     `json:"statusText"`
		Proto       string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harContent struct {
		Size        int64  `json:"size"`
		Compression int64  `json:"compression,omitempty"`
		MimeType    string `json:"mimeType"`
		Text        string `json:"text,omitempty"`
		Encoding    string `json:"encoding,omitempty"`
		Comment     string `json:"comment,omitempty"`
	}
	harTimings struct {
		Blocked float64 `json:"blocked"`
		DNS     float64 `json:"dns"`
		Connect float64 `json:"connect"`
		SSL     float64 `json:"ssl"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harField struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harMessage struct {
		Type   string  `json:"type"` // "send" from the visitor, "receive" from the service
		Time   float64 `json:"time"` // s since 1970
		Opcode int     `json:"opcode"`
		Data   string  `json:"data"` // text, or base64
	}
)

// WriteHAR writes exchanges as an HTTP Archive 1.2, oldest first: those of ids, or
// all when ids is nil. Ones that are no longer kept, and raw ones that are not HTTP, are left out.
// It holds one exchange in memory at a time.
func (s *Store) WriteHAR(w io.Writer, ids []ID, o HAROptions) error {
	creator, err := json.Marshal(harCreator{Name: "ngrok", Version: o.Version})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	// Errors of a bufio.Writer stay; Flush returns them.
	out.WriteString(`{"log":{"version":"1.2","creator":` + string(creator) + `,"pages":[],"entries":[`)
	separator := "\n"
	for _, v := range s.selection(ids) {
		e, ok := s.exchange(v)
		if !ok || e.Kind == KindRaw || e.Request.StartLine == "" {
			continue
		}
		if !o.Reveal {
			e = e.Masked()
		}
		entry, err := json.Marshal(e.har())
		if err != nil {
			return err
		}
		out.WriteString(separator)
		if _, err := out.Write(entry); err != nil {
			return err
		}
		separator = ",\n"
	}
	out.WriteString("\n]}}\n")
	return out.Flush()
}

// selection returns the records of ids, or all, oldest first.
func (s *Store) selection(ids []ID) []version {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.newestLocked(math.MaxUint64, s.countLocked())
	slices.Reverse(all)
	if ids == nil {
		return all
	}
	wanted := make(map[*record]bool, len(ids))
	for _, id := range ids {
		wanted[s.findLocked(id)] = true
	}
	return slices.DeleteFunc(all, func(v version) bool { return !wanted[v.r] })
}

// har makes the entry of an exchange.
func (e *Exchange) har() harEntry {
	entry := harEntry{
		Started:     e.Start.UTC().Format(time.RFC3339Nano),
		Time:        milliseconds(e.Duration),
		Timings:     e.harTimings(),
		Comment:     strings.Join(e.Notes, "\n"),
		Tunnel:      e.Tunnel,
		VisitorAddr: e.VisitorAddr,
		Error:       e.Error,
	}
	entry.Request = e.harRequest()
	entry.Response = e.harResponse()
	entry.ResourceType = e.resourceType()
	if e.Kind == KindWebSocket {
		for i := range e.Messages {
			entry.Messages = append(entry.Messages, e.Messages[i].har())
		}
	}
	return entry
}

func (e *Exchange) harTimings() harTimings {
	t := harTimings{Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Wait: milliseconds(e.Duration)}
	if !e.FirstByte.IsZero() {
		t.Wait = max(0, milliseconds(e.FirstByte.Sub(e.Start)))
		t.Receive = max(0, milliseconds(e.Duration)-t.Wait)
	}
	return t
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (e *Exchange) harRequest() harRequest {
	m := &e.Request
	r := harRequest{
		Method:      e.Method,
		URL:         e.url(),
		Proto:       e.Proto,
		Cookies:     cookies(m.Header, "Cookie"),
		Headers:     harFields(m.Header),
		Query:       harFields(e.Query()),
		HeadersSize: m.HeadSize,
		BodySize:    m.BodySize,
	}
	if m.BodySize > 0 {
		r.PostData = &harPost{MimeType: m.Value("Content-Type")}
		// As it was sent: a reader of the archive takes no encoding off here.
		r.PostData.Text, r.PostData.Encoding = harText(m.Body)
		if c := m.Content(); c.Kind == ContentForm {
			r.PostData.Params = harFields(c.Form)
		}
	}
	return r
}

// url is the address that the visitor used.
func (e *Exchange) url() string {
	if strings.Contains(e.Target, "://") && !strings.HasPrefix(e.Target, "/") {
		return e.Target
	}
	return e.PublicURL + e.Target
}

func (e *Exchange) harResponse() harResponse {
	m := &e.Response
	c := m.Content()
	r := harResponse{
		Status:      e.Status,
		Reason:      e.Reason,
		Proto:       m.Proto,
		Cookies:     cookies(m.Header, "Set-Cookie"),
		Headers:     harFields(m.Header),
		RedirectURL: m.Value("Location"),
		HeadersSize: m.HeadSize,
		BodySize:    m.BodySize,
		Content: harContent{
			Size:     int64(len(c.Bytes)),
			MimeType: m.Value("Content-Type"),
			Comment:  c.Note,
		},
	}
	if len(c.Encodings) > 0 && !c.Cut {
		r.Content.Compression = r.Content.Size - m.BodySize
	}
	lossy := strings.ContainsRune(c.Text, utf8.RuneError) && !utf8.Valid(c.Bytes)
	if c.Text != "" && c.Kind != ContentMultipart && !lossy {
		r.Content.Text = c.Text
	} else {
		r.Content.Text, r.Content.Encoding = harText(c.Bytes)
	}
	if m.Truncated {
		if len(c.Encodings) == 0 {
			r.Content.Size = m.BodySize // what there was, with no more than a part as text
		}
		r.Content.Comment = strings.TrimSpace(r.Content.Comment + " the body was not kept in full")
	}
	return r
}

// harText returns p as text, or as base64 when it is none.
func harText(p []byte) (text, encoding string) {
	if utf8.Valid(p) {
		return string(p), ""
	}
	return base64.StdEncoding.EncodeToString(p), "base64"
}

func harFields(fields []Field) []harField {
	out := make([]harField, 0, len(fields))
	for _, f := range fields {
		out = append(out, harField(f))
	}
	return out
}

// cookies reads the names and values of cookie fields.
func cookies(fields []Field, name string) []harField {
	out := []harField{}
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		pairs := strings.Split(f.Value, ";")
		if name == "Set-Cookie" {
			pairs = pairs[:1] // attributes follow
		}
		for _, pair := range pairs {
			k, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
			out = append(out, harField{Name: k, Value: v})
		}
	}
	return out
}

func (m *WSMessage) har() harMessage {
	h := harMessage{Type: "receive", Time: float64(m.Time.UnixMicro()) / 1e6, Opcode: m.Opcode}
	if m.Dir == FromVisitor {
		h.Type = "send"
	}
	if m.Opcode == opText && utf8.Valid(m.Payload) {
		h.Data = string(m.Payload)
	} else {
		h.Data = base64.StdEncoding.EncodeToString(m.Payload)
	}
	return h
}
