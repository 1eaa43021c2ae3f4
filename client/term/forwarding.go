package term

import (
	"fmt"

	"ngrok/client"
)

const arrow = " -> "

// forwarding lays out one entry per URL. Of many tunnels on a low terminal it shows the
// first ones and how many there are beside them, so that the rest of the screen stays.
func forwarding(s client.State, label, width, height int) []line {
	if len(s.Tunnels) == 0 {
		if s.Status != client.Online {
			return nil
		}
		return []line{field("Forwarding", "no tunnels yet", plain, label, width)}
	}
	limit := max(2, height*2/5)
	var lines []line
	for i, t := range s.Tunnels {
		entry := forward(clean(t.PublicURL), clean(t.LocalAddr), label, width)
		left := len(s.Tunnels) - i - 1
		room := limit - len(lines)
		if left > 0 {
			room-- // for the line that says how many there are
		}
		if i > 0 && len(entry) > room {
			more := fmt.Sprintf("%c and %d more", ellipsis, left+1)
			return append(lines, field("", more, plain, label, width))
		}
		lines = append(lines, entry...)
	}
	return lines
}

// forward is the entry of one URL: on one row where it fits. Otherwise the address
// takes the next row, and a URL that does not fit beside the label takes rows of its own:
// it is there to be copied, so it is never cut.
func forward(url, addr string, label, width int) []line {
	const name = "Forwarding"
	room := width - label
	if textWidth(url)+len(arrow)+textWidth(addr) <= room {
		return []line{field(name, url+arrow+addr, plain, label, width)}
	}
	target := line{{blanks(label - 1), plain}, {truncate(arrow+addr, room+1), plain}}
	if textWidth(url) <= room {
		return []line{field(name, url, plain, label, width), target}
	}
	var lines []line
	for _, piece := range chop(url, width) {
		lines = append(lines, line{{piece, plain}})
	}
	return append(lines, target)
}
