package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"ngrok/client"
)

// MaxHAR bounds what [Store.ImportHAR] reads, in bytes (64 MiB).
const MaxHAR = 64 << 20

// maxEntries bounds the entries of an archive: more rows than anybody scrolls through.
const maxEntries = 20000

const noteImported = "imported from a HAR file: the raw bytes are made of its fields, they are not what passed"

// ImportHAR adds the entries of an HTTP Archive and returns their ids in the order of
// the file. Entries of other schemes than http, https, ws and wss are left out (browsers
// write data and blob addresses as well); of a file that needs more than the budget, the
// last entries stay. On an error nothing is added.
func (s *Store) ImportHAR(r io.Reader) ([]ID, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxHAR+1))
	if err != nil {
		return nil, fmt.Errorf("read HAR: %w", err)
	}
	if len(data) > MaxHAR {
		return nil, fmt.Errorf("the HAR file is larger than %d MiB; export fewer requests", MaxHAR>>20)
	}
	var file struct {
		Log *struct {
			Entries []json.RawMessage `json:"entries"`
		} `json:"log"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &file); err != nil {
		return nil, fmt.Errorf("this is no HAR file: %w", err)
	}
	if file.Log == nil {
		return nil, errors.New(`this is no HAR file: it has no "log"`)
	}
	if len(file.Log.Entries) > maxEntries {
		return nil, fmt.Errorf("the HAR file has %d entries, more than %d; export fewer requests", len(file.Log.Entries), maxEntries)
	}
	records, err := s.importEntries(file.Log.Entries)
	if err != nil {
		for _, r := range records {
			r.dropLocked(s.arena) // nobody else knows of them
		}
		return nil, err
	}
	var ids []ID
	for _, r := range records {
		r.mu.Lock()
		s.register(r.record)
		ids = append(ids, s.id(r.sum.Number))
		r.mu.Unlock()
		s.settle(r.record, r.grown)
	}
	return ids, nil
}

var httpSchemes = []string{"http", "https", "ws", "wss"}

// imported is a record with the memory that it takes beyond recordCost.
type imported struct {
	*record
	grown int64
}

// importEntries reads all entries before any of them is shown, those before the broken
// one if there is an error. It holds no more than
// fits into the budget.
func (s *Store) importEntries(entries []json.RawMessage) ([]imported, error) {
	var records []imported
	var total int64
	for i, data := range entries {
		var entry harEntry
		if err := json.Unmarshal(data, &entry); err != nil {
			return records, fmt.Errorf("entry %d of the HAR file: %w", i+1, err)
		}
		entries[i] = nil
		r, grown, err := s.importEntry(&entry)
		if err != nil {
			return records, fmt.Errorf("entry %d of the HAR file: %w", i+1, err)
		}
		if r == nil {
			continue
		}
		records = append(records, imported{r, grown})
		for total += recordCost + grown; total > s.budget; records = records[1:] {
			total -= recordCost + records[0].grown
			records[0].dropLocked(s.arena)
			records[0] = imported{}
		}
	}
	return records, nil
}

// importEntry makes the record of an entry; it is nil for one that is left out.
func (s *Store) importEntry(entry *harEntry) (*record, int64, error) {
	u, err := url.Parse(entry.Request.URL)
	if err == nil && u.Scheme != "" && !slices.Contains(httpSchemes, u.Scheme) {
		return nil, 0, nil
	}
	if err != nil || u.Host == "" {
		return nil, 0, fmt.Errorf("%.100q is no address of a request", entry.Request.URL)
	}
	start, err := time.Parse(time.RFC3339, entry.Started)
	if err != nil {
		return nil, 0, fmt.Errorf("%.100q is no time", entry.Started)
	}
	req, res := &entry.Request, &entry.Response
	target := strings.ReplaceAll(u.RequestURI(), " ", "%20")
	if u.ForceQuery && u.RawQuery == "" {
		target = strings.TrimSuffix(target, "?") + "?"
	}
	scheme := strings.Replace(u.Scheme, "ws", "http", 1)
	r := &record{origin: new(origin), reqDone: true, resDone: true, counted: true}
	r.info = client.ConnInfo{
		Tunnel:      cleanText(entry.Tunnel),
		PublicURL:   scheme + "://" + u.Host,
		Protocol:    scheme,
		VisitorAddr: cleanText(entry.VisitorAddr),
	}
	r.sum = facts{
		Kind:     KindHTTP,
		Method:   cleanText(req.Method),
		Target:   target,
		Host:     u.Host,
		Proto:    cleanText(req.Proto),
		Status:   res.Status,
		Reason:   cleanText(res.Reason),
		Start:    start,
		End:      start.Add(duration(entry.Time)),
		Imported: true,
	}
	if entry.Error != "" {
		r.failLocked("%s", cleanText(entry.Error))
	}
	r.noteLocked(noteImported)
	grown, err := s.importMessages(r, entry)
	if err != nil {
		r.dropLocked(s.arena)
		return nil, 0, err
	}
	if entry.ResourceType == "websocket" || len(entry.Messages) > 0 {
		grown += s.importFrames(r, entry.Messages)
	}
	return r, grown + 2*int64(len(target)), nil
}

// importMessages makes the raw request and response out of the fields.
func (s *Store) importMessages(r *record, entry *harEntry) (grown int64, err error) {
	req, res := &entry.Request, &entry.Response
	host := []harField{{"Host", r.sum.Host}}
	for _, h := range req.Headers {
		if strings.EqualFold(h.Name, "Host") {
			host, r.sum.Host = nil, cleanText(h.Value)
		}
	}
	head := rawHead(fmt.Sprintf("%s %s HTTP/1.1", r.sum.Method, r.sum.Target), append(host, req.Headers...))
	if err := checkImported(head); err != nil {
		return 0, err
	}
	var body []byte
	if req.PostData != nil {
		if body, err = harBytes(req.PostData.Text, req.PostData.Encoding); err != nil {
			return 0, err
		}
	}
	grown = s.importMessage(&r.req, head, body)
	if res.Status < 100 || res.Status > 999 {
		r.sum.Status = 0
		return grown, nil
	}
	if body, err = harBytes(res.Content.Text, res.Content.Encoding); err != nil {
		return 0, err
	}
	head = rawHead(fmt.Sprintf("HTTP/1.1 %d %s", res.Status, r.sum.Reason), res.Headers)
	grown += s.importMessage(&r.res, head, body)
	r.res.plain = true
	_, fields := parseHead(head)
	r.sum.ContentType = fieldValue(fields, "Content-Type")
	if isEventStream(r.sum.ContentType) {
		r.sum.Kind = KindEvents
	}
	r.sum.FirstByte = r.sum.Start.Add(duration(max(0, entry.Time-max(0, entry.Timings.Receive))))
	return grown, nil
}

func (s *Store) importMessage(m *message, head, body []byte) (grown int64) {
	kept := body[:min(int64(len(body)), s.bodySize)]
	grown = m.buf.append(s.arena, head, int64(len(kept)))
	grown += m.buf.append(s.arena, kept, 0)
	m.headSize = len(head)
	m.bodySize = int64(len(body))
	m.size = int64(len(head) + len(body))
	m.truncated = len(kept) < len(body)
	m.complete = true
	return grown
}

// importFrames makes the messages of a websocket.
func (s *Store) importFrames(r *record, messages []harMessage) (grown int64) {
	r.sum.Kind = KindWebSocket
	r.ws = &wsTimeline{limit: 2 * s.bodySize}
	for _, m := range messages {
		item := wsItem{dir: FromService, opcode: m.Opcode & 0x0f, fragments: 1, payload: []byte(m.Data)}
		if m.Type == "send" {
			item.dir = FromVisitor
		}
		if item.opcode != opText {
			if p, err := base64.StdEncoding.DecodeString(m.Data); err == nil {
				item.payload = p
			}
		}
		item.size = int64(len(item.payload))
		item.payload = item.payload[:min(item.size, s.bodySize)]
		item.time = r.sum.Start
		if m.Time > 0 && m.Time < 1e11 {
			item.time = time.UnixMicro(int64(m.Time * 1e6))
		}
		r.ws.passed += item.size
		r.ws.add(item)
	}
	r.rareLocked().streamHeld = r.ws.kept
	return r.ws.kept
}

// rawHead writes a head. Names that begin with a colon are HTTP/2's own.
func rawHead(startLine string, fields []harField) []byte {
	var b strings.Builder
	b.WriteString(startLine + "\r\n")
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, ":") {
			b.WriteString(cleanText(f.Name) + ": " + cleanText(f.Value) + "\r\n")
		}
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// checkImported refuses a head with a start line that could not have been one.
func checkImported(head []byte) error {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	if bytes.Count(line, []byte(" ")) != 2 || line[0] == ' ' {
		return fmt.Errorf("%.100q is no request line", line)
	}
	if len(head) > headLimits.HeadBytes {
		return errors.New("the header fields are too long")
	}
	return nil
}

// cleanText takes out what would break a line.
func cleanText(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

func harBytes(text, encoding string) ([]byte, error) {
	if encoding != "base64" {
		return []byte(text), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("a body is not valid base64: %w", err)
	}
	return b, nil
}

// duration converts milliseconds, within reason.
func duration(ms float64) time.Duration {
	const day = 24 * 60 * 60 * 1000
	if !(ms > 0) {
		return 0
	}
	return time.Duration(min(ms, 365*day) * float64(time.Millisecond))
}
