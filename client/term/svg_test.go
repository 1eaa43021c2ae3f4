//go:build !windows

package term

import (
	"fmt"
	"html"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hinshun/vt10x"
)

// The picture of the terminal in the documentation is drawn from the cells of a real
// one, so that it cannot show what the program does not.
func TestPicture(t *testing.T) {
	p := startOnPTY(t, "picture", 80, 24)
	want := layout(view{state: demoState(), webURL: "http://127.0.0.1:4040", capture: true,
		requests: pictureRequests()}, 80, 24)
	p.waitFor("the screen", func() bool { return p.shows(want) })
	p.emu.Lock()
	svg := renderSVG(p.emu)
	p.emu.Unlock()
	compareGolden(t, filepath.Join("..", "..", "docs", "images", "terminal.svg"), svg)
}

// Sizes in pixels: of a cell, and of the frame around all of them.
const (
	cellWidth, cellHeight = 9, 19
	padding               = 16
)

// renderSVG draws the cells of an emulator that holds no wide runes. Its lock is held.
func renderSVG(emu vt10x.Terminal) string {
	cols, rows := emu.Size()
	width, height := cols*cellWidth+2*padding, rows*cellHeight+2*padding
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>The terminal screen of ngrok: status, URLs, figures and the latest requests</title>
<rect width="100%%" height="100%%" rx="8" fill="#16181d"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="15">
`, width, height, width, height)
	for y := range rows {
		for x := 0; x < cols; {
			start, fg := x, emu.Cell(x, y).FG
			var text strings.Builder
			for ; x < cols && emu.Cell(x, y).FG == fg; x++ {
				text.WriteRune(emu.Cell(x, y).Char)
			}
			// Renderers collapse blanks, so that a run has one at a time.
			at := start
			for i, run := range strings.Split(text.String(), "  ") {
				if i > 0 {
					at += 2
				}
				n := len([]rune(run))
				lead := n - len([]rune(strings.TrimLeft(run, " ")))
				if run = strings.TrimSpace(run); run != "" {
					fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s" textLength="%d">%s</text>`+"\n",
						padding+(at+lead)*cellWidth, padding+y*cellHeight+14, pictureColor(fg),
						len([]rune(run))*cellWidth, html.EscapeString(run))
				}
				at += n
			}
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func pictureColor(c vt10x.Color) string {
	switch c {
	case vt10x.Red:
		return "#ff7b72"
	case vt10x.Green:
		return "#56d364"
	case vt10x.Yellow:
		return "#e3b341"
	case vt10x.Cyan:
		return "#56d4dd"
	case vt10x.LightBlue:
		return "#79b8ff"
	default:
		return "#d7dae0"
	}
}
