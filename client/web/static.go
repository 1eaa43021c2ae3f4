package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// assetTypes are the media types of the page's files. The system's own table is not
// asked, since it differs between machines.
var assetTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// serveIndex serves the page.
func (s *Server) serveIndex(w http.ResponseWriter, r *http.Request) { s.serveAsset(w, r, "index.html") }

// serveStatic serves the files that the page is made of.
func (s *Server) serveStatic(w http.ResponseWriter, r *http.Request) {
	s.serveAsset(w, r, r.PathValue("file"))
}

func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	kind, known := assetTypes[path.Ext(name)]
	data, err := fs.ReadFile(s.assets, name)
	if !known || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		s.log.Error("the inspector's page cannot be read", "file", name, "err", err)
		http.Error(w, "500 the inspector's page cannot be read", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("Content-Type", kind)
	// Asked for anew each time, answered with 304 unless the program was updated.
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", tag)
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(data)
}
