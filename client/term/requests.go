package term

import (
	"fmt"
	"net/http"
	"time"
)

// Requests is where a [Screen] reads the latest HTTP requests from. Both methods must
// be safe for concurrent use and must not block.
type Requests interface {
	// Recent returns up to n requests, newest first. The screen keeps no part of
	// the slice beyond one frame.
	Recent(n int) []Request
	// Subscribe returns a channel that holds a value after something changed, and a
	// function that ends the subscription.
	Subscribe() (<-chan struct{}, func())
}

// Request is one HTTP request as a row of the screen.
type Request struct {
	Method   string        // empty for what is no HTTP
	Path     string        // as in the request line
	Status   int           // 0 while there is no response
	Duration time.Duration // from start to end, or to now while Open
	Open     bool          // it has not ended yet
}

const (
	durationWidth  = 8
	maxMethodWidth = 7  // OPTIONS
	statusWidth    = 26 // most status texts; "500 Internal Server Error" needs 25
	codeWidth      = 3
	minStatusPath  = 36 // a path gets this much before the words of a status get any
)

// requestLines lays out the section of the requests on at most height rows. It is
// empty when there is no room for its head and one request.
func requestLines(requests []Request, width, height int) []line {
	const name = "HTTP Requests"
	var lines []line
	if height >= 4 {
		lines = append(lines, nil)
	}
	lines = append(lines, line{{name, plain}}, line{{"-------------", plain}})
	room := height - len(lines)
	if room < 1 {
		return nil
	}
	requests = requests[:min(len(requests), room)]
	if len(requests) == 0 {
		return append(lines, line{{truncate("none yet", width), plain}})
	}
	c := columnsFor(requests, width)
	for _, r := range requests {
		lines = append(lines, c.line(r))
	}
	return lines
}

// columns are the widths of the request table; 0 leaves a column out.
type columns struct {
	method, path, status, duration int
}

// columnsFor shares out the width: with little of it the words of the status go
// first, then the duration.
func columnsFor(requests []Request, width int) columns {
	var c columns
	if width >= narrowScreen {
		c.method = maxMethodWidth // so that the table stands still
	} else {
		for _, r := range requests {
			c.method = max(c.method, min(textWidth(clean(r.Method)), maxMethodWidth))
		}
	}
	c.status, c.duration = statusWidth, durationWidth
	left := func() int {
		n := width
		for _, w := range []int{c.method, c.status, c.duration} {
			if w > 0 {
				n -= w + 1
			}
		}
		return n
	}
	if left() < minStatusPath {
		c.status = codeWidth
	}
	if left() < 8 {
		c.duration = 0
	}
	c.path = max(left(), 0)
	return c
}

func (c columns) line(r Request) line {
	var l line
	if c.method > 0 {
		l = append(l, column(clean(r.Method), c.method, plain), span{" ", plain})
	}
	path := clean(r.Path)
	if r.Method == "" && path == "" {
		path = "(not HTTP)"
	}
	text, st := r.status(c.status)
	l = append(l, column(path, c.path, plain), span{" ", plain}, column(text, c.status, st))
	if c.duration > 0 {
		duration := durationText(r.Duration)
		if r.Open {
			duration += string(ellipsis)
		}
		l = append(l, span{" ", plain}, columnRight(duration, c.duration, plain))
	}
	return l
}

// status returns what the status column says, and how it looks.
func (r Request) status(width int) (string, style) {
	if r.Status == 0 {
		short := width < statusWidth
		switch {
		case r.Open && short:
			return string(ellipsis), plain
		case r.Open:
			return "waiting", plain
		case r.Method == "":
			return "-", plain
		case short:
			return "err", bad
		default:
			return "no response", bad
		}
	}
	text := fmt.Sprint(r.Status)
	if words := http.StatusText(r.Status); words != "" && width > len(text) {
		text += " " + words
	}
	switch {
	case r.Status >= 500:
		return text, bad
	case r.Status >= 400:
		return text, warn
	case r.Status >= 300:
		return text, note
	case r.Status >= 200:
		return text, good
	default:
		return text, plain
	}
}
