package msg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

var samples = []Message{
	&Auth{Version: "2", MmVersion: "1.7", User: "sesame", OS: "linux", Arch: "amd64", Features: []string{FeatureReuse}},
	&AuthResp{Version: "2", MmVersion: "1.7", ClientId: "3d0f", Error: "no"},
	&ReqTunnel{ReqId: "a", Protocol: "http+https", Subdomain: "example", HttpAuth: "user:password", RemotePort: 65535},
	&NewTunnel{ReqId: "a", Url: "http://example.test", Protocol: "http"},
	&ReqProxy{}, &RegProxy{ClientId: "3d0f"}, &StartProxy{Url: "tcp://x:1", ClientAddr: "[::1]:2", Reuse: true},
	&StartProxy{Url: "http://x", ClientAddr: "192.0.2.1:0", Reuse: true, Proxy: "192.0.2.9:5"}, &StartProxy{Url: "http://x", ClientAddr: "a:1", Proxy: "b:2"},
	&ReqTunnel{ReqId: "b", Protocol: "tls", Options: &TunnelOptions{Users: []string{"a:b"}, AllowCIDRs: []string{"::/0"}, DenyCIDRs: []string{"::1"}, MaxBody: 1, HTTPSRedirect: true}},
	&Ping{}, &Pong{}, &CloseTunnel{Url: "http://example.test", Error: "taken over"},
}

// countingWriter counts the calls of Write.
type countingWriter struct {
	bytes.Buffer
	calls int
}

func (w *countingWriter) Write(p []byte) (int, error) { w.calls++; return w.Buffer.Write(p) }

func TestRoundTrip(t *testing.T) {
	for _, want := range samples {
		t.Run(want.typeName(), func(t *testing.T) {
			var w countingWriter
			if err := Write(&w, want); err != nil {
				t.Fatal(err)
			}
			if w.calls != 1 {
				t.Errorf("written in %d calls, old peers need one", w.calls)
			}
			w.WriteString("rest")
			got, err := Read(iotest.OneByteReader(&w), MaxBeforeAuth)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if rest, _ := io.ReadAll(&w); string(rest) != "rest" {
				t.Errorf("left %q behind the message, want all of it", rest)
			}
		})
	}
}

// TestVersion2Bytes fixes the encoding that plain version-2 peers send and expect.
func TestVersion2Bytes(t *testing.T) {
	tests := []struct {
		m    Message
		want string
	}{
		{&ReqProxy{}, `{"Type":"ReqProxy","Payload":{}}`},
		{&RegProxy{ClientId: "c"}, `{"Type":"RegProxy","Payload":{"ClientId":"c"}}`},
		{&StartProxy{Url: "u", ClientAddr: "a"}, `{"Type":"StartProxy","Payload":{"Url":"u","ClientAddr":"a"}}`},
		{&AuthResp{Version: "2", MmVersion: "1.7", ClientId: "c"},
			`{"Type":"AuthResp","Payload":{"Version":"2","MmVersion":"1.7","ClientId":"c","Error":""}}`},
	}
	for _, tt := range tests {
		b, err := Append(nil, tt.m)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[8:]); got != tt.want {
			t.Errorf("payload %s, want %s", got, tt.want)
		}
		if n := binary.LittleEndian.Uint64(b); n != uint64(len(tt.want)) {
			t.Errorf("length %d, want %d", n, len(tt.want))
		}
	}
}

func frame(payload string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(payload)))
	return append(b, payload...)
}

func length(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name  string
		input []byte
		want  error // nil: any error
	}{
		{"nothing", nil, io.EOF},
		{"half a length", length(5)[:4], io.ErrUnexpectedEOF},
		{"length 2^40", length(1 << 40), ErrLength},
		{"length -1", length(-1), ErrLength},
		{"length 0", length(0), ErrLength},
		{"HTTP", []byte("HTTP/1.1 400 Bad Request\r\n"), ErrHTTP},
		{"length 1", append(length(1), '{'), ErrLength},
		{"one above the limit", length(MaxBeforeAuth + 1), ErrLength},
		{"announced and not sent", append(length(MaxBeforeAuth), "{}"...), io.ErrUnexpectedEOF},
		{"not JSON", frame("hello"), nil},
		{"an array", frame(`[]`), nil},
		{"payload of another shape", frame(`{"Type":"Auth","Payload":[1]}`), nil},
		{"port out of range", frame(`{"Type":"ReqTunnel","Payload":{"RemotePort":65536}}`), nil},
		{"nested deeply", frame(`{"Type":"Ping","Payload":` + strings.Repeat("[", 20000) + `}`), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Read(bytes.NewReader(tt.input), MaxBeforeAuth)
			if err == nil {
				t.Fatalf("read %+v, want an error", m)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestReadKeepsStepBehindUnknownType(t *testing.T) {
	r := bytes.NewReader(append(frame(`{"Type":"Shout","Payload":{}}`), frame(`{"Type":"Ping"}`)...))
	var unknown *UnknownTypeError
	if _, err := Read(r, MaxAfterAuth); !errors.As(err, &unknown) || unknown.Type != "Shout" {
		t.Fatalf("error %v, want the unknown type Shout", err)
	}
	if m, err := Read(r, MaxAfterAuth); err != nil {
		t.Fatal(err)
	} else if _, ok := m.(*Ping); !ok {
		t.Errorf("read %T, want *Ping", m)
	}
}

// A key that stands twice, in any case of its letters, is read in one way: the last one
// counts. So it is for the message that is not read by encoding/json, too.
func TestReadRepeatedKeys(t *testing.T) {
	for payload, want := range map[string]Message{
		`{"Type":"Pong","Type":"Ping"}`:                                                           &Ping{},
		`{"Type":"Ping","Payload":{"ClientId":"a"},"Type":"RegProxy"}`:                            &RegProxy{ClientId: "a"},
		`{"Type":"Auth","Payload":{"User":"a"},"Payload":{"User":"b"}}`:                           &Auth{User: "b"},
		`{"Type":"Auth","Payload":{"User":"a","User":"b"}}`:                                       &Auth{User: "b"},
		`{"Type":"Auth","Payload":{"User":"a","USER":"b"}}`:                                       &Auth{User: "b"},
		`{"Type":"StartProxy","Payload":{"Url":"a","Url":"b","ClientAddr":"c"}}`:                  &StartProxy{Url: "b", ClientAddr: "c"},
		`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b","ClientAddr":"c"}}`:           &StartProxy{Url: "a", ClientAddr: "c"},
		`{"Type":"StartProxy","Payload":{"Url":"a"},"Payload":{"Url":"b","ClientAddr":"c"}}`:      &StartProxy{Url: "b", ClientAddr: "c"},
		`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b","Reuse":true,"Reuse":false}}`: &StartProxy{Url: "a", ClientAddr: "b"},
	} {
		got, err := Read(bytes.NewReader(frame(payload)), MaxBeforeAuth)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v; want %+v", payload, got, err, want)
		}
	}
}

// Whatever length is announced, one that is not allowed is refused, and another one is
// read to its last byte and no further.
func TestReadEveryLength(t *testing.T) {
	const limit = 2000
	for n := -limit; n <= 2*limit; n++ {
		payload := `{"Type":"Ping"}`
		if n > len(payload) {
			payload += strings.Repeat(" ", n-len(payload))
		}
		b := append(length(int64(n)), payload...)
		r := bytes.NewReader(append(b, frame(`{"Type":"Pong"}`)...))
		m, err := Read(r, limit)
		switch {
		case n < 2 || n > limit:
			if !errors.Is(err, ErrLength) {
				t.Fatalf("length %d: %+v, %v", n, m, err)
			}
		case n < len(`{"Type":"Ping"}`):
			if err == nil {
				t.Fatalf("length %d, which cuts the message: %+v", n, m)
			}
		default:
			if _, ok := m.(*Ping); !ok || err != nil {
				t.Fatalf("length %d: %T, %v", n, m, err)
			}
			if next, err := Read(r, limit); err != nil || next.typeName() != "Pong" {
				t.Fatalf("behind the length %d: %T, %v", n, next, err)
			}
			if _, err := Read(bytes.NewReader(b[:len(b)-1]), limit); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("length %d, one byte short: %v", n, err)
			}
		}
	}
}

func TestReadAllocatesWhatArrives(t *testing.T) {
	input := append(length(MaxAfterAuth), "{}"...)
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Read(bytes.NewReader(input), MaxAfterAuth)
		}
	}).AllocedBytesPerOp()
	if got > 64<<10 {
		t.Errorf("%d bytes allocated for a peer that sent 10", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, m := range samples {
		b, _ := Append(nil, m)
		f.Add(b)
	}
	f.Add(length(-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b), MaxBeforeAuth)
		if err != nil {
			return
		}
		again, err := Append(nil, m)
		if err != nil {
			t.Fatalf("read %+v but cannot write it: %v", m, err)
		}
		m2, err := Read(bytes.NewReader(again), 8*MaxBeforeAuth)
		if err != nil || m2.typeName() != m.typeName() {
			t.Fatalf("second reading: %+v, %v", m2, err)
		}
	})
}
