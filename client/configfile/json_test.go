package configfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"ngrok/client"
)

func parseJSON(t *testing.T, text string) (client.Tunnel, bool, error) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return TunnelJSON(fields)
}

func TestTunnelJSON(t *testing.T) {
	web := map[string]string{"http": "127.0.0.1:8080", "https": "127.0.0.1:8080"}
	only := func(protocol, addr string) map[string]string { return map[string]string{protocol: addr} }
	for name, c := range map[string]struct {
		json string
		want client.Tunnel
	}{
		"port as number":       {`{"name":"a","proto":"http","addr":8080}`, client.Tunnel{Local: web}},
		"port as string":       {`{"name":"a","proto":"http","addr":"8080"}`, client.Tunnel{Local: web}},
		"letter case":          {`{"Name":"a","Proto":"http","Addr":"8080","BIND_TLS":"True"}`, client.Tunnel{Local: only("https", "127.0.0.1:8080")}},
		"host and port":        {`{"name":"a","proto":"http","addr":"db.local:80","bind_tls":false}`, client.Tunnel{Local: only("http", "db.local:80")}},
		"ipv6":                 {`{"name":"a","proto":"tcp","addr":"[::1]:80"}`, client.Tunnel{Local: only("tcp", "[::1]:80")}},
		"url":                  {`{"name":"a","proto":"http","addr":"http://localhost:5000/","bind_tls":"true"}`, client.Tunnel{Local: only("https", "localhost:5000")}},
		"url without port":     {`{"name":"a","proto":"http","addr":"http://localhost","bind_tls":"false"}`, client.Tunnel{Local: only("http", "localhost:80")}},
		"a scheme twice":       {`{"name":"a","proto":"http","addr":1,"schemes":["https","https"]}`, client.Tunnel{Local: only("https", "127.0.0.1:1")}},
		"as in the file":       {`{"name":"a","proto":{"http":"1","tls":2}}`, client.Tunnel{Local: map[string]string{"http": "127.0.0.1:1", "tls": "127.0.0.1:2"}}},
		"tls":                  {`{"name":"a","proto":"tls","addr":443,"hostname":"www.example.com","proxy_proto":"2"}`, client.Tunnel{Local: only("tls", "127.0.0.1:443"), Hostname: "www.example.com", ProxyProto: 2}},
		"a port of the server": {`{"name":"a","proto":"tcp","addr":22,"remote_addr":"1.tcp.example:9000"}`, client.Tunnel{Local: only("tcp", "127.0.0.1:22"), RemotePort: 9000}},
		"null is nothing": {`{"name":"a","proto":"http","addr":8080,"bind_tls":null,"inspect":null,"auth":null,"max_body":null,"request_header":null,"allow_cidrs":null,"subdomain":null}`,
			client.Tunnel{Local: web}},
		"empty is nothing": {`{"name":"a","proto":"http","addr":8080,"bind_tls":"","inspect":"","auth":"","basic_auth":[],"subdomain":"","host_header":"","remote_addr":""}`,
			client.Tunnel{Local: web}},
		"unknown fields": {`{"name":"a","proto":"http","addr":8080,"region":"eu","web_addr":{"x":[1,2]},"authtoken":"t"}`, client.Tunnel{Local: web}},
		"not inspected":  {`{"name":"a","proto":"http","addr":8080,"inspect":"False"}`, client.Tunnel{Local: web, NoInspect: true}},
		"several users":  {`{"name":"a","proto":"http","addr":8080,"auth":["ann:1","bob:2:3"]}`, client.Tunnel{Local: web, HTTPAuth: "ann:1", Users: []string{"bob:2:3"}}},
		"basic_auth":     {`{"name":"a","proto":"http","addr":8080,"auth":"","basic_auth":["u:p"]}`, client.Tunnel{Local: web, HTTPAuth: "u:p"}},
		"all options": {`{"name":"a","proto":"http","addr":8080,"domain":"a.example","allow_cidrs":["10.0.0.0/8","::1"],"deny_cidrs":"10.0.0.1","max_body":"10MB",
			"https_redirect":true,"forwarded_headers":false,"host_header":"rewrite",
			"request_header":{"add":["X-Key: a:b"],"remove":["Cookie"]},"response_header":{"add":{"X-B":"1","X-A":2},"remove":"Server"}}`,
			client.Tunnel{Local: web, Hostname: "a.example", AllowCIDRs: []string{"10.0.0.0/8", "::1"}, DenyCIDRs: []string{"10.0.0.1"}, MaxBody: 10e6,
				HTTPSRedirect: true, NoForwardedHeaders: true, HostHeader: "rewrite",
				RequestHeaders:  client.HeaderChanges{Add: []client.Header{{Name: "X-Key", Value: "a:b"}}, Remove: []string{"Cookie"}},
				ResponseHeaders: client.HeaderChanges{Add: []client.Header{{Name: "X-B", Value: "1"}, {Name: "X-A", Value: "2"}}, Remove: []string{"Server"}}}},
		"max_body as number": {`{"name":"a","proto":"http","addr":8080,"max_body":5000,"ip_restriction":{"deny_cidrs":["::2"]}}`,
			client.Tunnel{Local: web, MaxBody: 5000, DenyCIDRs: []string{"::2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := parseJSON(t, c.json)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name = "a"
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestTunnelJSONErrors(t *testing.T) {
	for name, c := range map[string]struct{ json, want string }{
		"nothing":            {`{}`, "name is missing"},
		"no name":            {`{"proto":"http","addr":1}`, "name is missing"},
		"no addr":            {`{"name":"a","proto":"http"}`, "addr is missing"},
		"no proto":           {`{"name":"a","addr":1}`, "proto is missing"},
		"unknown proto":      {`{"name":"a","proto":"udp","addr":1}`, `protocol "udp" is unknown`},
		"https service":      {`{"name":"a","proto":"http","addr":"https://localhost"}`, "addr: a private service that speaks https"},
		"directory":          {`{"name":"a","proto":"http","addr":"file:///srv"}`, "addr:"},
		"port 0":             {`{"name":"a","proto":"http","addr":0}`, "addr:"},
		"port too large":     {`{"name":"a","proto":"http","addr":65536}`, "addr:"},
		"path":               {`{"name":"a","proto":"http","addr":"http://localhost/x"}`, "addr:"},
		"object for address": {`{"name":"a","proto":"http","addr":{}}`, "addr must be a single value"},
		"bind_tls":           {`{"name":"a","proto":"http","addr":1,"bind_tls":"maybe"}`, `bind_tls is "maybe"`},
		"scheme":             {`{"name":"a","proto":"http","addr":1,"schemes":["tcp"]}`, `schemes: "tcp"`},
		"inspect":            {`{"name":"a","proto":"http","addr":1,"inspect":"maybe"}`, "inspect must be true or false"},
		"auth of tcp":        {`{"name":"a","proto":"tcp","addr":1,"auth":"u:p"}`, "auth protects http and https only"},
		"auth form":          {`{"name":"a","proto":"http","addr":1,"auth":"secret"}`, `auth: must be "user:password"`},
		"both spellings":     {`{"name":"a","proto":"http","addr":1,"auth":"u:p","basic_auth":["v:q"]}`, "two spellings"},
		"second user":        {`{"name":"a","proto":"http","addr":1,"basic_auth":["u:p","secret"]}`, `basic_auth: must be "user:password"`},
		"network":            {`{"name":"a","proto":"http","addr":1,"allow_cidrs":["ten"]}`, `allow_cidrs: "ten" is no network`},
		"denied network":     {`{"name":"a","proto":"http","addr":1,"deny_cidrs":[[1]]}`, "deny_cidrs must be a single value"},
		"size":               {`{"name":"a","proto":"http","addr":1,"max_body":-5}`, "max_body:"},
		"size of tcp":        {`{"name":"a","proto":"tcp","addr":1,"max_body":5}`, "max_body is for http and https"},
		"redirection":        {`{"name":"a","proto":"http","addr":1,"bind_tls":false,"https_redirect":true}`, "https_redirect needs both"},
		"forwarded":          {`{"name":"a","proto":"http","addr":1,"forwarded_headers":"x"}`, "forwarded_headers must be true or false"},
		"host":               {`{"name":"a","proto":"http","addr":1,"host_header":"a b"}`, "host_header:"},
		"header":             {`{"name":"a","proto":"http","addr":1,"request_header":{"add":["X"]}}`, "request_header: add: write each header"},
		"header's line":      {`{"name":"a","proto":"http","addr":1,"response_header":{"add":["X: a\r\nY: b"]}}`, "response_header: add holds a control character"},
		"header's key":       {`{"name":"a","proto":"http","addr":1,"response_header":{"set":["X: a"]}}`, `unknown key "set" in response_header`},
		"header of framing":  {`{"name":"a","proto":"http","addr":1,"request_header":{"remove":["content-length"]}}`, "request_header: header Content-Length"},
		"proxy_proto":        {`{"name":"a","proto":"tcp","addr":1,"proxy_proto":3}`, "proxy_proto:"},
		"proxy_proto, http":  {`{"name":"a","proto":"http","addr":1,"proxy_proto":1}`, "proxy_proto is for tcp and tls"},
		"remote_addr":        {`{"name":"a","proto":"tcp","addr":1,"remote_addr":"host"}`, "remote_addr:"},
		"tcp with a name":    {`{"name":"a","proto":"tcp","addr":1,"subdomain":"x"}`, "subdomain"},
		"subdomain":          {`{"name":"a","proto":"http","addr":1,"subdomain":"a/b"}`, `subdomain "a/b"`},
		"two at once":        {`{"name":"a","proto":"tcp","addr":0,"proxy_proto":3}`, "65535; proxy_proto:"},
		"a flood":            {`{"name":"a","proto":"http","addr":1,"allow_cidrs":["` + strings.Repeat("1", maxTunnelJSON) + `"]}`, "allow_cidrs: the tunnel has more than"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := parseJSON(t, c.json)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
				t.Errorf("error is %q, want one line about %q without the password", err, c.want)
			}
		})
	}
}

func FuzzTunnelJSON(f *testing.F) {
	f.Add(`{"name":"a","proto":"http","addr":"localhost:80","inspect":"false"}`)
	f.Add(`{"name":"a","proto":"tcp","addr":22,"remote_addr":"1.tcp.example:2000","proxy_proto":1}`)
	f.Add(`{"name":"a","proto":{"http+https":"http://[::1]"},"auth":["u:p","v:q"],"request_header":{"add":{"X":null}}}`)
	f.Add(`{"NAME":"a","proto":"http","addr":1e0,"<<":{"auth":[[]]},"schemes":["http"],"basic_auth":["u:p"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &fields) != nil {
			return
		}
		tunnel, either, err := TunnelJSON(fields)
		if err != nil {
			return
		}
		if err := CheckTunnel(tunnel); err != nil || tunnel.Name == "" {
			t.Fatalf("%s gives %+v: %v", text, tunnel, err)
		}
		if either && (tunnel.Local["http"] == "" || tunnel.Local["https"] == "") {
			t.Fatalf("%s gives %v for either scheme", text, tunnel.Local)
		}
		for _, addr := range tunnel.Local {
			if again, err := LocalAddr(addr); err != nil || again != addr {
				t.Fatalf("%s gives address %q, again %q, %v", text, addr, again, err)
			}
		}
	})
}

func TestClash(t *testing.T) {
	f, err := Parse("f.yml", []byte(`tunnels:
  shop: {proto: {http: 1, https: 1}}
  test: {proto: {http: 2}, subdomain: Shop}
  own: {proto: {tls: 3}, subdomain: shop}
  half: {proto: {http: 4}, hostname: a.example}
  other: {proto: {https: 4}, hostname: a.example.}
  mail: {proto: {tcp: 25}, remote_port: 2525}
  more: {proto: {tcp: 26}, remote_addr: "x:2525"}
  free: {proto: {tcp: 27}}
  free2: {proto: {tcp: 28}}
`))
	if err != nil {
		t.Fatal(err)
	}
	pick := func(names ...string) (picked []client.Tunnel) {
		for _, name := range names {
			for _, tun := range f.Tunnels {
				if tun.Name == name {
					picked = append(picked, tun)
				}
			}
		}
		return picked
	}
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"shop", "half", "other", "mail", "free", "free2"}, ""},
		{[]string{"test", "own"}, ""},
		{[]string{"shop", "test"}, `f.yml:3: tunnel "test" asks for the subdomain "shop", which the tunnel "shop" has already: choose another one, or leave one of the tunnels out (line 2)`},
		{[]string{"shop", "own"}, `f.yml:4: tunnel "own" asks for the subdomain "shop"`},
		{[]string{"mail", "more"}, `f.yml:8: tunnel "more" asks for the remote_port 2525, which the tunnel "mail" has`},
	} {
		err := f.Clash(pick(c.names...))
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.names, err, c.want)
		}
	}
}
