package web

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestTunnelRequest(t *testing.T) {
	for name, c := range map[string]struct{ json, local, fail string }{
		"port as number":     {`{"name":"a","proto":"http","addr":8080}`, "http=127.0.0.1:8080 https=127.0.0.1:8080", ""},
		"port as string":     {`{"name":"a","proto":"http","addr":"8080"}`, "http=127.0.0.1:8080 https=127.0.0.1:8080", ""},
		"host and port":      {`{"name":"a","proto":"http","addr":"db.local:80","bind_tls":false}`, "http=db.local:80", ""},
		"ipv6":               {`{"name":"a","proto":"tcp","addr":"[::1]:80"}`, "tcp=[::1]:80", ""},
		"url":                {`{"name":"a","proto":"http","addr":"http://localhost:5000/","bind_tls":"true"}`, "https=localhost:5000", ""},
		"url without port":   {`{"name":"a","proto":"http","addr":"http://localhost","bind_tls":"false"}`, "http=localhost:80", ""},
		"schemes":            {`{"name":"a","proto":"http","addr":1,"schemes":["https","https"]}`, "https=127.0.0.1:1", ""},
		"null is nothing":    {`{"name":"a","proto":"http","addr":1,"bind_tls":null,"inspect":null}`, "http=127.0.0.1:1 https=127.0.0.1:1", ""},
		"no name":            {`{"proto":"http","addr":1}`, "", "name is missing"},
		"no addr":            {`{"name":"a","proto":"http"}`, "", "addr is missing"},
		"no proto":           {`{"name":"a","addr":1}`, "", "proto is missing"},
		"unknown proto":      {`{"name":"a","proto":"udp","addr":1}`, "", `"udp" is not known`},
		"tls service":        {`{"name":"a","proto":"http","addr":"https://localhost"}`, "", "speaks https"},
		"directory":          {`{"name":"a","proto":"http","addr":"file:///srv"}`, "", "speaks file"},
		"port 0":             {`{"name":"a","proto":"http","addr":0}`, "", "is not the address"},
		"port too large":     {`{"name":"a","proto":"http","addr":65536}`, "", "is not the address"},
		"path":               {`{"name":"a","proto":"http","addr":"http://localhost/x"}`, "", "is not the address"},
		"bind_tls":           {`{"name":"a","proto":"http","addr":1,"bind_tls":"maybe"}`, "", "bind_tls"},
		"scheme":             {`{"name":"a","proto":"http","addr":1,"schemes":["ftp"]}`, "", "ftp"},
		"auth of tcp":        {`{"name":"a","proto":"tcp","addr":1,"auth":"u:p"}`, "", "http tunnels only"},
		"auth form":          {`{"name":"a","proto":"http","addr":1,"auth":"u"}`, "", "user:password"},
		"two passwords":      {`{"name":"a","proto":"http","addr":1,"basic_auth":["u:p","v:q"]}`, "", "one user"},
		"remote_addr":        {`{"name":"a","proto":"tcp","addr":1,"remote_addr":"host"}`, "", "remote_addr"},
		"inspect":            {`{"name":"a","proto":"http","addr":1,"inspect":"maybe"}`, "", "neither"},
		"object for address": {`{"name":"a","proto":"http","addr":{}}`, "", "not a string"},
	} {
		t.Run(name, func(t *testing.T) {
			var r tunnelRequest
			err := json.Unmarshal([]byte(c.json), &r)
			var got []string
			if err == nil {
				tunnel, _, e := r.tunnel()
				err = e
				for _, p := range []string{"http", "https", "tcp"} {
					if a, ok := tunnel.Local[p]; ok {
						got = append(got, p+"="+a)
					}
				}
			}
			switch {
			case c.fail == "" && err != nil:
				t.Fatal(err)
			case c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)):
				t.Fatalf("error is %v, want one about %q", err, c.fail)
			case c.fail == "" && strings.Join(got, " ") != c.local:
				t.Fatalf("got %q, want %q", got, c.local)
			}
		})
	}
}

func TestBasicAuthIsTaken(t *testing.T) {
	var r tunnelRequest
	if err := json.Unmarshal([]byte(`{"name":"a","proto":"http","addr":1,"basic_auth":["u:p"]}`), &r); err != nil {
		t.Fatal(err)
	}
	if tunnel, _, err := r.tunnel(); err != nil || tunnel.HTTPAuth != "u:p" {
		t.Fatalf("tunnel %+v, %v", tunnel, err)
	}
}

func FuzzTunnelRequest(f *testing.F) {
	f.Add(`{"name":"a","proto":"http","addr":"localhost:80"}`)
	f.Add(`{"name":"a","proto":"tcp","addr":22,"remote_addr":"1.tcp.example:2000"}`)
	f.Add(`{"name":"a","proto":"http","addr":"http://[::1]","schemes":["http"],"basic_auth":["u:p"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var r tunnelRequest
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		tunnel, _, err := r.tunnel()
		if err != nil {
			return
		}
		if tunnel.Name == "" || len(tunnel.Local) == 0 {
			t.Fatalf("%s gives %+v", text, tunnel)
		}
		for _, addr := range tunnel.Local {
			_, port, err := net.SplitHostPort(addr)
			if n, e := strconv.Atoi(port); err != nil || e != nil || n < 1 || n > 65535 {
				t.Fatalf("%s gives address %q", text, addr)
			}
		}
	})
}
