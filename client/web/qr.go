package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"rsc.io/qr"
)

// quietZone is the white border that a reader needs, in modules (ISO/IEC 18004).
const quietZone = 4

// showQR draws the URL of an open tunnel.
func (s *Server) showQR(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tunnelByName(r.FormValue("tunnel"))
	if !ok {
		writeNoTunnel(w, r.FormValue("tunnel"))
		return
	}
	code, err := qr.Encode(t.PublicURL, qr.M)
	if err != nil {
		writeError(w, http.StatusInternalServerError, errCodeRequest, "no QR code can hold this URL", errors.New("it is too long"))
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Write(drawQR(code))
}

// drawQR draws a code as SVG, one unit a module.
func drawQR(code *qr.Code) []byte {
	size := code.Size + 2*quietZone
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, size, size)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, size, size)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}
