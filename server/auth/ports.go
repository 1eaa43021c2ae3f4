package auth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Ports is a set of TCP ports. The zero value is empty. It is never changed.
type Ports struct {
	ranges []portRange // in order, apart
}

type portRange struct{ first, last int }

// DefaultPorts are those that TCP tunnels may use when nothing is said: 1024-65535.
func DefaultPorts() Ports { return Ports{[]portRange{{1024, 65535}}} }

// ParsePorts reads ports and ranges separated by commas, such as "2222, 10000-10100".
// The word "none" is the empty set.
func ParsePorts(s string) (Ports, error) {
	if strings.TrimSpace(s) == "none" {
		return Ports{}, nil
	}
	var p Ports
	for part := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(part, "-")
		first, err := parsePort(a)
		last := first
		if err == nil && isRange {
			last, err = parsePort(b)
		}
		if err != nil {
			return Ports{}, err
		}
		if last < first {
			return Ports{}, fmt.Errorf("ports %d-%d: the first is above the last", first, last)
		}
		p.ranges = append(p.ranges, portRange{first, last})
	}
	p.ranges = normal(p.ranges)
	return p, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port: write ports from 1 to 65535 like 10000-10100, 2222, or none", strings.TrimSpace(s))
	}
	return int(n), nil
}

// normal sorts ranges and joins those that touch.
func normal(ranges []portRange) []portRange {
	slices.SortFunc(ranges, func(a, b portRange) int { return a.first - b.first })
	var out []portRange
	for _, r := range ranges {
		if n := len(out); n > 0 && r.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, r.last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Len returns how many ports there are.
func (p Ports) Len() int {
	n := 0
	for _, r := range p.ranges {
		n += r.last - r.first + 1
	}
	return n
}

// At returns the i-th port in order, i from 0 to Len-1. A random port is that of a
// random i.
func (p Ports) At(i int) uint16 {
	for _, r := range p.ranges {
		n := r.last - r.first + 1
		if i < n {
			return uint16(r.first + i)
		}
		i -= n
	}
	panic("auth: Ports.At out of range")
}

// Contains reports whether port is one of them.
func (p Ports) Contains(port uint16) bool {
	for _, r := range p.ranges {
		if int(port) >= r.first && int(port) <= r.last {
			return true
		}
	}
	return false
}

// minus returns the ports of p that are not in q.
func (p Ports) minus(q Ports) Ports {
	out := slices.Clone(p.ranges)
	for _, cut := range q.ranges {
		var left []portRange
		for _, r := range out {
			if cut.last < r.first || cut.first > r.last {
				left = append(left, r)
				continue
			}
			if r.first < cut.first {
				left = append(left, portRange{r.first, cut.first - 1})
			}
			if r.last > cut.last {
				left = append(left, portRange{cut.last + 1, r.last})
			}
		}
		out = left
	}
	return Ports{out}
}

// String returns the set in the form that [ParsePorts] reads.
func (p Ports) String() string {
	if len(p.ranges) == 0 {
		return "none"
	}
	var parts []string
	for _, r := range p.ranges {
		if r.first == r.last {
			parts = append(parts, strconv.Itoa(r.first))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.first, r.last))
		}
	}
	return strings.Join(parts, ", ")
}
