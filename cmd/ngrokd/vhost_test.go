package main

import (
	"strings"
	"testing"
)

func TestShownPorts(t *testing.T) {
	tests := []struct {
		vhost       string
		http, https int
		err         string
	}{
		{"", 0, 0, ""},
		{"tunnel.example.com", 80, 443, ""},
		{"Tunnel.Example.com.", 80, 443, ""},
		{"tunnel.example.com:80", 80, 443, ""},
		{"tunnel.example.com:443", 80, 443, ""},
		{"tunnel.example.com:8080", 8080, 0, ""},
		{"other.example.com", 0, 0, "choose -domain=other.example.com"},
		{"other.example.com:80", 0, 0, "-vhost=tunnel.example.com"},
		{"tunnel.example.com:http", 0, 0, "is no port"},
		{"tunnel.example.com:0", 0, 0, "is no port"},
	}
	for _, tt := range tests {
		t.Run(tt.vhost, func(t *testing.T) {
			o := &options{domain: "tunnel.example.com", vhost: tt.vhost}
			http, https, err := o.shownPorts()
			if http != tt.http || https != tt.https || (err == nil) != (tt.err == "") {
				t.Errorf("got %d, %d, %v", http, https, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestVirtualHostOfTheEnvironment(t *testing.T) {
	s := newScript(t)
	s.vars["VHOST"] = "localhost"
	if code, _, stderr := s.do(t, "-open", "-log=none", "-dataDir="+t.TempDir()); code != 0 {
		t.Fatalf("%d %q", code, stderr)
	}
	if s.config.ShownHTTPPort != 80 || s.config.ShownHTTPSPort != 443 {
		t.Errorf("ports %d, %d", s.config.ShownHTTPPort, s.config.ShownHTTPSPort)
	}
	s.vars["VHOST"] = "example.com"
	if code, _, stderr := s.do(t, "-open", "-log=none", "-dataDir="+t.TempDir()); code != 1 || !strings.Contains(stderr, "VHOST") {
		t.Errorf("%d %q", code, stderr)
	}
}
