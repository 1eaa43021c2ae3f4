package main

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestAssetFS(t *testing.T) {
	disk := fstest.MapFS{"static/index.html": {Data: []byte("<p>")}, "static/js/a.js": {Data: []byte("1")}, "tls/key": {Data: []byte("k")}}
	a := assetFS{"static", disk.ReadFile, disk.Stat}
	for name, want := range map[string]string{"index.html": "<p>", "js/a.js": "1"} {
		b, err := fs.ReadFile(a, name)
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		info, err := fs.Stat(a, name)
		if err != nil || info.Size() != int64(len(want)) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if info, err := fs.Stat(a, "js/a.js"); err != nil || info.Name() != "a.js" {
		t.Errorf("name %v, %v", info, err)
	}
	if _, err := fs.ReadFile(a, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, name := range []string{"../tls/key", "/tls/key", "js/../../tls/key"} {
		if _, err := fs.ReadFile(a, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
