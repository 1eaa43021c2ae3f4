package auth

import (
	"strings"
	"testing"
)

func TestNewToken(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b {
		t.Error("two tokens are the same")
	}
	if !strings.HasPrefix(a, "ngt_") || len(a) != 36 {
		t.Errorf("token %q: want ngt_ and 32 characters", a)
	}
}

func TestParseHash(t *testing.T) {
	good := HashToken("x").String()
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"good", good, true},
		{"upper case digits", "sha256:" + strings.ToUpper(good[7:]), true},
		{"no prefix", good[7:], false},
		{"another hash", "sha1:" + good[7:], false},
		{"short", good[:len(good)-1], false},
		{"long", good + "0", false},
		{"not hex", good[:len(good)-1] + "g", false},
		{"a token", "ngt_secret", false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ParseHash(tt.in)
			if (err == nil) != tt.ok {
				t.Fatalf("ParseHash = %v, want ok = %v", err, tt.ok)
			}
			if tt.ok && h.String() != good {
				t.Errorf("String = %s, want %s", h, good)
			}
			if err != nil && strings.Contains(err.Error(), "ngt_") {
				t.Errorf("the error shows what may be a secret: %v", err)
			}
		})
	}
}

func TestCheckTokenName(t *testing.T) {
	for name, ok := range map[string]bool{
		"alice": true, "alice@laptop": true, "ci-1.x_y": true, "A": true, "9": true,
		"": false, "-a": false, "a b": false, "a/b": false, "é": false, "a\nb": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if err := CheckTokenName(name); (err == nil) != ok {
			t.Errorf("CheckTokenName(%q) = %v", name, err)
		}
	}
}

func TestParsePattern(t *testing.T) {
	tests := []struct{ in, want string }{
		{"alice", "alice"},
		{"Alice.", "alice"},
		{"alice-*", "alice-*"},
		{"*", "*"},
		{"*.a.example", "*.a.example"},
		{"bücher", "xn--bcher-kva"},
		{"www.bücher.example", "www.xn--bcher-kva.example"},
		{"", ""}, {".", ""}, {"a..b", ""}, {"a b", ""}, {"a/b", ""}, {"a:80", ""}, {"**", ""},
		{"a*b*c", ""}, {"ü*", ""}, {strings.Repeat("a", 64), ""}, {strings.Repeat("a.", 128), ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			p, err := ParsePattern(tt.in)
			if (err == nil) != (tt.want != "") || p.String() != tt.want {
				t.Errorf("ParsePattern(%q) = %q, %v; want %q", tt.in, p, err, tt.want)
			}
		})
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"alice-*", "*", "*.a.example", "bücher", "a..b", "xn--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || again != p {
			t.Errorf("%q read as %q, and that as %q (%v)", s, p, again, err)
		}
		if name := strings.Replace(p.String(), "*", "x", 1); !p.covers(name) || !p.covers("y."+name) {
			t.Errorf("%q does not cover %q", p, name)
		}
	})
}

func TestParsePorts(t *testing.T) {
	tests := []struct {
		in, want string
		n        int
	}{
		{"10000-10100", "10000-10100", 101},
		{" 5 , 2222, 3-4 ", "3-5, 2222", 4},
		{"10-20,15-30", "10-30", 21},
		{"1-65535", "1-65535", 65535},
		{"none", "none", 0},
		{"", "", 0}, {"0", "", 0}, {"65536", "", 0}, {"5-4", "", 0}, {"a", "", 0}, {"1-", "", 0}, {"-1", "", 0}, {"1,,2", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			p, err := ParsePorts(tt.in)
			if (err == nil) != (tt.want != "") {
				t.Fatalf("err = %v, want %q", err, tt.want)
			}
			if err != nil {
				return
			}
			if p.String() != tt.want || p.Len() != tt.n {
				t.Errorf("%q with %d ports, want %q with %d", p, p.Len(), tt.want, tt.n)
			}
			for i := range p.Len() {
				if !p.Contains(p.At(i)) {
					t.Fatalf("At(%d) = %d is not one of them", i, p.At(i))
				}
			}
		})
	}
}

func TestPortsMinus(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"10-20", "12-14", "10-11, 15-20"},
		{"10-20", "1-10", "11-20"},
		{"10-20", "20-30", "10-19"},
		{"10-20", "1-30", "none"},
		{"10-20", "30-40", "10-20"},
		{"10-20, 30-40", "15-35", "10-14, 36-40"},
	}
	for _, tt := range tests {
		if got := ports(t, tt.a).minus(*ports(t, tt.b)).String(); got != tt.want {
			t.Errorf("%s without %s = %s, want %s", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzParsePorts(f *testing.F) {
	for _, s := range []string{"10000-10100", "1,2,3", "none", "5-4", "1-65535,7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePorts(s)
		if err != nil {
			return
		}
		again, err := ParsePorts(p.String())
		if err != nil || again.String() != p.String() || p.Len() > 65535 {
			t.Errorf("%q read as %q, and that as %q (%v)", s, p, again, err)
		}
	})
}
