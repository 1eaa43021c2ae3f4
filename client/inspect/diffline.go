package inspect

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxDiffLines bounds the lines of a text that are compared.
	maxDiffLines = 50000
	// maxEdits bounds the work of finding a shortest difference, which grows with its square.
	maxEdits = 1500
	// maxLines bounds the lines of a difference that are listed, in number.
	maxLines = 5000
	// maxLine bounds the text of a line, in bytes.
	maxLine = 4 << 10
	// diffContext is how many unchanged lines are shown around a change.
	diffContext = 3
)

// Line is one line of a difference between two texts.
type Line struct {
	Kind string `json:"kind"`          // "same", "removed", "added", or "skip" for unchanged lines left out
	Old  int    `json:"old,omitempty"` // line number in the old text, from 1; of a skip: how many lines
	New  int    `json:"new,omitempty"` // line number in the new text, from 1
	Text string `json:"text"`
}

// diffLines compares two texts line by line, with some unchanged lines around each
// change. The note says what was left out.
func diffLines(old, new string) (lines []Line, note string) {
	a, cutA := splitLines(old)
	b, cutB := splitLines(new)
	if cutA || cutB {
		note = fmt.Sprintf("only the first %d lines were compared", maxDiffLines)
	}
	// What both begin and end with takes no part in the search.
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	keepA, keepB := editScript(a[start:len(a)-end], b[start:len(b)-end])
	if keepA == nil {
		note = "the texts differ too much for a comparison line by line"
	}
	w := lineWriter{}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < start || i >= len(a)-end && j >= len(b)-end || keepA != nil && i < len(a)-end && j < len(b)-end && keepA[i-start] && keepB[j-start]:
			w.same(i, j, a[i])
			i, j = i+1, j+1
		case i < len(a)-end && (keepA == nil || !keepA[i-start]):
			w.change(Line{Kind: diffRemoved, Old: i + 1, Text: a[i]})
			i++
		default:
			w.change(Line{Kind: diffAdded, New: j + 1, Text: b[j]})
			j++
		}
	}
	lines, cut := w.finish()
	if cut {
		note = fmt.Sprintf("only the first %d lines of the difference are listed", maxLines)
	}
	return lines, note
}

func splitLines(text string) (lines []string, cut bool) {
	lines = strings.SplitN(text, "\n", maxDiffLines+1)
	if len(lines) > maxDiffLines {
		return lines[:maxDiffLines], true
	}
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines, false
}

// editScript finds which lines of both texts stay in a shortest difference (Myers, An
// O(ND) Difference Algorithm, 1986). It returns nil when there are more than maxEdits
// changes.
func editScript(a, b []string) (keepA, keepB []bool) {
	n, m := len(a), len(b)
	limit := min(n+m, maxEdits)
	// reach[k] is how far down a the diagonal k, that is i-j, has come; trace holds it
	// as it was before each step.
	reach := make([]int32, 2*limit+3)
	mid := limit + 1
	var trace [][]int32
	for edits := 0; edits <= limit; edits++ {
		trace = append(trace, slices.Clone(reach[mid-edits:mid+edits+1]))
		for k := -edits; k <= edits; k += 2 {
			i := down(reach, mid, k, edits)
			for int(i) < n && int(i)-k < m && int(i)-k >= 0 && a[i] == b[int(i)-k] {
				i++
			}
			reach[mid+k] = i
			if int(i) >= n && int(i)-k >= m {
				return backtrack(trace, n, m)
			}
		}
	}
	return nil, nil
}

// down returns where a step to diagonal k begins: from the neighbour that came further.
func down(reach []int32, mid, k, edits int) int32 {
	if k == -edits || k != edits && reach[mid+k-1] < reach[mid+k+1] {
		if edits == 0 {
			return 0
		}
		return reach[mid+k+1] // a line of b was added
	}
	return reach[mid+k-1] + 1 // a line of a was removed
}

// backtrack follows the steps back and marks the lines that both texts have.
func backtrack(trace [][]int32, n, m int) (keepA, keepB []bool) {
	keepA, keepB = make([]bool, n), make([]bool, m)
	i, j := n, m
	for edits := len(trace) - 1; edits >= 0; edits-- {
		reach := trace[edits] // of the diagonals -edits … edits
		k := i - j
		fromI, fromJ := 0, 0
		if edits > 0 {
			at := func(k int) int32 { return reach[k+edits] }
			if k == -edits || k != edits && at(k-1) < at(k+1) {
				fromI = int(at(k + 1))
				fromJ = fromI - k - 1
			} else {
				fromI = int(at(k - 1))
				fromJ = fromI - k + 1
			}
		}
		for i > fromI && j > fromJ && i > 0 && j > 0 {
			i, j = i-1, j-1
			keepA[i], keepB[j] = true, true
		}
		i, j = fromI, fromJ
	}
	return keepA, keepB
}

// lineWriter leaves out unchanged lines far from any change.
type lineWriter struct {
	lines []Line
	run   []Line // unchanged lines since the last change; at most 2*diffContext of them
	count int    // how many they were
	cut   bool
}

func (w *lineWriter) same(i, j int, text string) {
	w.count++
	if len(w.run) == 2*diffContext && len(w.lines) > 0 || len(w.run) == diffContext && len(w.lines) == 0 {
		from := 0
		if len(w.lines) > 0 {
			from = diffContext // the first ones stand behind the last change
		}
		w.run = slices.Delete(w.run, from, from+1)
	}
	w.run = append(w.run, Line{Kind: diffSame, Old: i + 1, New: j + 1, Text: text})
}

func (w *lineWriter) change(l Line) {
	after := 0
	if len(w.lines) > 0 {
		after = min(diffContext, len(w.run))
	}
	w.add(w.run[:after]...)
	if skipped := w.count - len(w.run); skipped > 0 {
		w.add(Line{Kind: diffSkip, Old: skipped})
	}
	w.add(w.run[after:]...)
	w.run, w.count = w.run[:0], 0
	w.add(l)
}

func (w *lineWriter) add(lines ...Line) {
	for _, l := range lines {
		if len(w.lines) == maxLines {
			w.cut = true
			return
		}
		if len(l.Text) > maxLine {
			l.Text = strings.ToValidUTF8(l.Text[:maxLine], "") + "…"
		}
		w.lines = append(w.lines, l)
	}
}

func (w *lineWriter) finish() ([]Line, bool) {
	if len(w.lines) == 0 {
		return nil, false
	}
	after := min(diffContext, len(w.run))
	w.add(w.run[:after]...)
	if skipped := w.count - after; skipped > 0 {
		w.add(Line{Kind: diffSkip, Old: skipped})
	}
	return w.lines, w.cut
}
