package msg

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzStartProxy compares the way by hand with that of encoding/json, in both directions.
func FuzzStartProxy(f *testing.F) {
	f.Add("tcp://example.com:1", "192.0.2.1:2", true, []byte(`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b"}}`))
	f.Add("", "", false, []byte(`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b","Reuse":true}}`))
	f.Add(`q"`, `b\`, false, []byte(`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b","ClientAddr":"c","Reuse":true}}`))
	f.Add("<&>", "\x7f\xff", true, []byte(`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"\u0062","Reuse":true}}`))
	f.Add("a\x00", "ä", true, []byte(`{"Type":"StartProxy","Payload":{"Url":"a","ClientAddr":"b","Reuse":true}} `))
	f.Fuzz(func(t *testing.T, url, client string, reuse bool, payload []byte) {
		m := &StartProxy{Url: url, ClientAddr: client, Reuse: reuse}
		want, err := json.Marshal(struct {
			Type    string
			Payload *StartProxy
		}{"StartProxy", m})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := appendStartProxy([]byte("before"), m); ok && !bytes.Equal(got[len("before")+lengthBytes:], want) {
			t.Errorf("wrote  %s\nJSON is %s", got, want)
		}
		for _, p := range [][]byte{payload, want} {
			fast := decodeStartProxy(p)
			if fast == nil {
				continue
			}
			var e envelope
			var slow StartProxy
			if err := json.Unmarshal(p, &e); err != nil {
				t.Fatalf("read %s, which is no JSON: %v", p, err)
			}
			if err := json.Unmarshal(e.Payload, &slow); err != nil {
				t.Fatalf("read %s, which JSON refuses: %v", p, err)
			}
			if !reflect.DeepEqual(*fast, slow) {
				t.Errorf("read %s as %+v, JSON as %+v", p, *fast, slow)
			}
		}
	})
}

// What the server sends is what goes the short way, in both directions.
func TestStartProxyByHand(t *testing.T) {
	for _, m := range []*StartProxy{
		{Url: "https://abc.example.com:8443", ClientAddr: "[2001:db8::1]:123", Reuse: true},
		{Url: "tcp://example.com:1", ClientAddr: "192.0.2.1:2"},
	} {
		b, ok := appendStartProxy(nil, m)
		if !ok {
			t.Fatalf("%+v is written as JSON", m)
		}
		got := decodeStartProxy(b[lengthBytes:])
		if got == nil || *got != *m {
			t.Errorf("read %+v, want %+v", got, m)
		}
		if whole, err := Append(nil, m); err != nil || !bytes.Equal(whole, b) {
			t.Errorf("Append wrote %q, %v; want %q", whole, err, b)
		}
	}
}
