package term

import (
	"fmt"
	"slices"
	"time"

	"ngrok/client"
)

// view is everything that one frame shows.
type view struct {
	now      time.Time
	state    client.State
	webURL   string
	capture  bool
	requests []Request // newest first
}

const (
	// wideLabel is the label column of 1.7. It shrinks, down to narrowLabel, where
	// the URLs would not fit beside it.
	wideLabel   = 30
	narrowLabel = 15 // the longest label and two blanks

	// narrowScreen is the width below which texts give up tidiness for room.
	narrowScreen = 60

	maxErrorLines = 3
)

// rank orders the blocks of the head by how long they stay when the terminal is too
// low for all of them: the lowest goes first.
type rank int

const (
	rankBlank rank = iota
	rankAverage
	rankVersion
	rankConns
	rankTitle
	rankWeb
	rankError
	rankForwarding
	rankStatus
)

// block is some rows that are shown or left out together.
type block struct {
	rank  rank
	lines []line
}

// layout draws a view on a grid of the given size. It is a pure function.
func layout(v view, width, height int) *grid {
	g := newGrid(width, height)
	if g.width == 0 || g.height == 0 {
		return g
	}
	y := 0
	for _, b := range fit(head(v, g.width, g.height), g.height) {
		for _, l := range b.lines {
			g.put(y, l)
			y++
		}
	}
	if v.capture {
		for _, l := range requestLines(v.requests, g.width, g.height-y) {
			g.put(y, l)
			y++
		}
	}
	return g
}

// fit leaves out blocks, the lowest rank first and of one rank the last first, until
// the rest is at most height rows. Of the block that went last it keeps the first rows if
// there is room for some.
func fit(blocks []block, height int) []block {
	for {
		over := rows(blocks) - height
		if over <= 0 {
			return blocks
		}
		least := 0
		for i, b := range blocks {
			if b.rank <= blocks[least].rank {
				least = i
			}
		}
		if n := len(blocks[least].lines); n > over {
			blocks[least].lines = blocks[least].lines[:n-over]
		} else {
			blocks = slices.Delete(blocks, least, least+1)
		}
	}
}

func rows(blocks []block) int {
	n := 0
	for _, b := range blocks {
		n += len(b.lines)
	}
	return n
}

// head lays out everything above the requests.
func head(v view, width, height int) []block {
	s := v.state
	web := v.webURL
	if web == "" {
		web = "disabled"
	}
	web = clean(web)
	label := labelWidth(s.Tunnels, web, width)
	one := func(r rank, name, value string, st style) block {
		return block{r, []line{field(name, value, st, label, width)}}
	}

	status, statusStyle := statusText(s, v.now)
	blocks := []block{
		{rankTitle, []line{titleLine(width)}},
		{rankBlank, []line{nil}},
		one(rankStatus, "Tunnel Status", status, statusStyle),
	}
	if lines := errorLines(s, label, width); len(lines) > 0 {
		blocks = append(blocks, block{rankError, lines})
	}
	blocks = append(blocks, one(rankVersion, "Version", versionText(s), plain))
	if lines := forwarding(s, label, width, height); len(lines) > 0 {
		blocks = append(blocks, block{rankForwarding, lines})
	}
	return append(blocks,
		one(rankWeb, "Web Interface", web, plain),
		one(rankConns, "# Conn", fmt.Sprint(s.Metrics.Conns.Count), plain),
		one(rankAverage, "Avg Conn Time", durationText(s.Metrics.Conns.Mean), plain))
}

func titleLine(width int) line {
	const name, hint = "ngrok", "(Ctrl+C to quit)"
	gap := width - len(name) - len(hint)
	if gap < 1 {
		return line{{name, title}}
	}
	return line{{name, title}, {blanks(gap) + hint, plain}}
}

func field(name, value string, st style, label, width int) line {
	return line{column(name, label, plain), {truncate(value, width-label), st}}
}

// labelWidth chooses the column where the values begin.
func labelWidth(tunnels []client.TunnelState, web string, width int) int {
	if width < 2*narrowLabel {
		return width / 2
	}
	widest := textWidth(web)
	for _, t := range tunnels {
		widest = max(widest, textWidth(clean(t.PublicURL))+len(arrow)+textWidth(clean(t.LocalAddr)))
	}
	// No narrower than the longest label, and never more than half of the width: the
	// words of an error want room too.
	return max(narrowLabel, min(wideLabel, width-widest, width/2))
}

func statusText(s client.State, now time.Time) (string, style) {
	switch s.Status {
	case client.Online:
		return s.Status.String(), good
	case client.Connecting:
		return "connecting to " + clean(s.ServerAddr), warn
	case client.Reconnecting:
		if wait := s.RetryAt.Sub(now); !s.RetryAt.IsZero() && wait > 0 {
			return fmt.Sprintf("reconnecting in %ds", ceilSeconds(wait)), bad
		}
		return "reconnecting now", bad
	default:
		return s.Status.String(), bad
	}
}

func ceilSeconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

// errorLines say why there is no session, below the status.
func errorLines(s client.State, label, width int) []line {
	if s.Status == client.Online || s.LastError == "" {
		return nil
	}
	if width < narrowScreen {
		label = 2
	}
	var lines []line
	for _, words := range wrap(clean(s.LastError), width-label, maxErrorLines) {
		lines = append(lines, line{{blanks(label), plain}, {words, bad}})
	}
	return lines
}

func versionText(s client.State) string {
	server := s.ServerVersion
	if server == "" {
		server = "-"
	}
	return clean(s.ClientVersion) + "/" + clean(server)
}

// durationText shows a duration with what precision a reader has use for.
func durationText(d time.Duration) string {
	switch {
	case d < 0:
		return "0.00ms"
	case d < time.Second:
		return fmt.Sprintf("%.2fms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.2fs", float64(d.Truncate(10*time.Millisecond))/float64(time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
}
