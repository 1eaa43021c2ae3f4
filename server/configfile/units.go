package configfile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unlimited may stand where 0 does.
const unlimited = "unlimited"

// parseCount reads a count; 0 or "unlimited" is 0, no limit.
func parseCount(s string) (int, error) {
	if s == unlimited {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no count: write a whole number, or %s", shorten(s), unlimited)
	}
	return int(n), nil
}

// parsePerSecond reads a number of events per second; 0 or "unlimited" is no limit.
func parsePerSecond(s string) (float64, error) {
	if s == unlimited {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "/s")), 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is no rate: write how many per second, like 50 or 0.5, or %s", shorten(s), unlimited)
	}
	return n, nil
}

// parseTimeout reads a time from 100 ms to an hour.
func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no time: write it with its unit, like 5s or 500ms", shorten(s))
	case d < 100*time.Millisecond || d > time.Hour:
		return 0, fmt.Errorf("%s is out of range: 100ms to 1h", d)
	}
	return d, nil
}

// rateUnits are bytes: decimal and binary multiples, and bits as networks count them.
var rateUnits = map[string]float64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
	"kbit": 1e3 / 8, "mbit": 1e6 / 8, "gbit": 1e9 / 8,
}

// parseRate reads bytes per second, such as 20MB/s, 512KiB/s or 100Mbit/s; 0 or
// "unlimited" is 0, no limit.
func parseRate(s string) (int64, error) {
	if s == unlimited {
		return 0, nil
	}
	bad := fmt.Errorf("%q is no rate: write it like 20MB/s, 512KiB/s, 100Mbit/s, or %s", shorten(s), unlimited)
	text := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(s, "/s"), " ", ""))
	digits := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if digits < 0 {
		digits = len(text)
	}
	n, err := strconv.ParseFloat(text[:digits], 64)
	unit, ok := rateUnits[text[digits:]]
	if err != nil || !ok {
		return 0, bad
	}
	n *= unit
	switch {
	case n == 0:
		return 0, nil
	case n < 1024:
		return 0, errors.New("a rate below 1 KiB/s carries nothing")
	case n > 1<<50:
		return 0, bad
	}
	return int64(n), nil
}

// lifted turns "no limit" from 0 into -1, as a token's own limits want it: 0 there
// leaves the limit of all.
func lifted[T int | int64](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		n, err := parse(s)
		if err == nil && n == 0 {
			n = -1
		}
		return n, err
	}
}
