package configfile

import (
	"fmt"
	"strings"
)

// maxProblems is how many are reported at once: more don't help anybody.
const maxProblems = 10

// Problems are the reasons why a file can't be used, in the order of its lines.
type Problems []Problem

// Problem is one reason, with the line that it stands in.
type Problem struct {
	File string
	Line int // from 1
	Text string
}

// Error returns the problem as file:line: text.
func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Error returns the problems, one to a line.
func (ps Problems) Error() string {
	var lines []string
	for i, p := range ps {
		if i == maxProblems {
			lines = append(lines, fmt.Sprintf("and %d more", len(ps)-i))
			break
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Nearest returns the key, or flag, that unknown was probably meant to be, or "".
func Nearest(unknown string, keys []string) string {
	best, bestDistance := "", 1+max(2, len(unknown)/3)
	unknown = strings.ToLower(strings.ReplaceAll(unknown, "-", "_"))
	for _, k := range keys {
		// httpAddr and http_addr are one to whoever knows the flag.
		d := min(distance(unknown, k), distance(unknown, strings.ReplaceAll(k, "_", "")))
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the single-byte changes between two short words (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
