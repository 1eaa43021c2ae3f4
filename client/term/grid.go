package term

import "strings"

// style is the meaning of a piece of text; the terminal driver gives it a colour.
type style uint8

const (
	plain style = iota
	title
	good
	note
	warn
	bad
)

// cell is one column of one row. The right half of a wide rune is a cell whose char
// is zero.
type cell struct {
	char  rune
	style style
}

// grid is what a screen shows: rows of exactly width cells.
type grid struct {
	width, height int
	cells         []cell
}

// newGrid returns a grid of blanks; negative sizes count as zero.
func newGrid(width, height int) *grid {
	width, height = max(width, 0), max(height, 0)
	g := &grid{width: width, height: height, cells: make([]cell, width*height)}
	for i := range g.cells {
		g.cells[i].char = ' '
	}
	return g
}

func (g *grid) at(x, y int) cell { return g.cells[y*g.width+x] }

// span is a piece of cleaned text in one style.
type span struct {
	text  string
	style style
}

// line is one row of the screen, from its left edge.
type line []span

// put writes a line into row y. What reaches over the right edge is left out, a wide
// rune as a whole.
func (g *grid) put(y int, l line) {
	if y < 0 || y >= g.height {
		return
	}
	row := g.cells[y*g.width : (y+1)*g.width]
	x := 0
	for _, s := range l {
		for _, r := range s.text {
			w := runeWidth(r)
			if x+w > len(row) {
				return
			}
			row[x] = cell{r, s.style}
			if w == 2 {
				row[x+1] = cell{0, s.style}
			}
			x += w
		}
	}
}

// column returns a span of exactly width columns: text, truncated and padded with blanks.
func column(text string, width int, st style) span {
	text = truncate(text, width)
	return span{text + blanks(width-textWidth(text)), st}
}

// columnRight is column with the text at the right edge.
func columnRight(text string, width int, st style) span {
	text = truncate(text, width)
	return span{blanks(width-textWidth(text)) + text, st}
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }
