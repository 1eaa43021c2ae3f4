package term

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"golang.org/x/text/unicode/norm"
)

// maxText is how many bytes of one text are looked at: more than the largest terminal
// shows of it, and little enough for a peer's 64 KiB path to cost nothing.
const maxText = 2048

const ellipsis = '…'

// clean makes foreign text harmless and countable: each rune of the result takes the
// columns that runeWidth says, and none makes a terminal do anything but show it.
//
// White space of any kind becomes a blank. Control bytes become their pictures (ESC is
// shown as ␛), and what is invisible or reorders its surroundings (bidirectional
// overrides, zero-width spaces, unassigned and private code points) or is no UTF-8
// becomes U+FFFD. Combining marks are composed where Unicode has a composed form and left
// out otherwise, as a cell holds one rune; so are the joiners inside of emoji. Text
// beyond 2 KiB is cut.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
		for i := 0; i < utf8.UTFMax && !validEnd(s); i++ {
			s = s[:len(s)-1]
		}
	}
	if printableASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD")) {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r < 0x20:
			b.WriteRune('\u2400' + r)
		case r == 0x7f:
			b.WriteRune('\u2421')
		case unicode.Is(unicode.M, r) || r == zeroWidthJoiner:
			// A mark that has no composed form, or a variation selector.
		case !unicode.IsPrint(r) || zeroWidth(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

const zeroWidthJoiner = '\u200d'

// validEnd says whether s ends with a whole rune.
func validEnd(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return r != utf8.RuneError || n != 1
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func zeroWidth(r rune) bool { return runewidth.RuneWidth(r) == 0 }

// runeWidth returns the columns that a rune of a cleaned text takes: 1 or 2. Runes of
// ambiguous width count as 1, as termbox has it.
func runeWidth(r rune) int {
	if runewidth.RuneWidth(r) == 2 && !runewidth.IsAmbiguousWidth(r) {
		return 2
	}
	return 1
}

// textWidth returns the columns of a cleaned text.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// prefix splits a cleaned text after the last rune that fits into width columns.
func prefix(s string, width int) (head, tail string) {
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > width {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// truncate shortens a cleaned text to width columns, with an ellipsis at its end.
func truncate(s string, width int) string {
	if textWidth(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	head, _ := prefix(s, width-1)
	return head + string(ellipsis)
}

// chop breaks a cleaned text that has no blanks, such as a URL, into pieces of at most
// width columns. A width below 2 gives one truncated piece.
func chop(s string, width int) []string {
	if width < 2 {
		return []string{truncate(s, width)}
	}
	var pieces []string
	for s != "" {
		var head string
		head, s = prefix(s, width)
		pieces = append(pieces, head)
	}
	return pieces
}

// wrap breaks a cleaned text at blanks into at most lines lines of at most width
// columns; what does not fit ends in an ellipsis.
func wrap(s string, width, lines int) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " ") {
		if len(out) == lines-1 {
			return append(out, truncate(s, width))
		}
		head, tail := prefix(s, width)
		if head == "" { // one wide rune in one column
			return append(out, truncate(s, width))
		}
		if tail != "" && tail[0] != ' ' {
			if i := strings.LastIndexByte(head, ' '); i > 0 {
				head, tail = head[:i], s[i:]
			}
		}
		out = append(out, strings.TrimRight(head, " "))
		s = tail
	}
	return out
}
