package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// results are the figures by name and way, one for each round.
type results map[string]map[string][]float64

func (r results) add(figure string, w *way, value float64) {
	if r[figure] == nil {
		r[figure] = make(map[string][]float64)
	}
	r[figure][w.name] = append(r[figure][w.name], value)
}

// print writes the medians as a Markdown table that can also be read as it is.
func (r results) print(out io.Writer, ways []*way) error {
	head := []string{"measure"}
	for _, w := range ways {
		head = append(head, w.name)
	}
	rows := [][]string{head}
	for _, name := range order {
		if r[name] == nil {
			continue
		}
		row := []string{name}
		for _, w := range ways {
			row = append(row, format(r[name][w.name]))
		}
		rows = append(rows, row)
	}
	width := make([]int, len(head))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&b, "| %s%s ", cell, pad)
			} else {
				fmt.Fprintf(&b, "| %s%s ", pad, cell)
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i := range row {
			if i == 0 {
				fmt.Fprintf(&b, "|%s", strings.Repeat("-", width[i]+2))
			} else {
				fmt.Fprintf(&b, "|%s:", strings.Repeat("-", width[i]+1))
			}
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
	for _, w := range ways {
		fmt.Fprintf(&b, "%s: %s\n", w.name, w.what)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// format shows the median with the digits that mean something.
func format(values []float64) string {
	v := median(values)
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
