package logging

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// newEncoder returns the encoder of that name.
func newEncoder(name string) (encoder, error) {
	switch name {
	case "", "logfmt":
		return logfmtEncoder{}, nil
	case "json":
		return jsonEncoder{}, nil
	case "term":
		return termEncoder{}, nil
	}
	return nil, fmt.Errorf("log format %q is unknown: use logfmt, json or term", name)
}

// logfmtEncoder writes t=… lvl=… msg=… key=value.
type logfmtEncoder struct{}

func (logfmtEncoder) line(b []byte, t time.Time, level slog.Level, msg string, fields []field) []byte {
	b = append(b, "t="...)
	b = t.AppendFormat(b, timeFormat)
	b = append(b, " lvl="...)
	b = append(b, levelName(level)...)
	b = append(b, " msg="...)
	b = strconv.AppendQuote(b, clip(msg)) // quoted always: scripts look for msg="
	b = appendFields(b, fields)
	return append(b, '\n')
}

// termEncoder writes for people: the time of day, the level, the message, and the
// attributes in a column of their own.
type termEncoder struct{}

// termColumn is where the attributes begin when the message is short.
const termColumn = 36

func (termEncoder) line(b []byte, t time.Time, level slog.Level, msg string, fields []field) []byte {
	msg = Neutral(clip(msg))
	b = append(b, clock(t)...)
	b = append(b, ' ')
	b = append(b, strings.ToUpper(levelName(level))...)
	b = append(b, ' ')
	if len(fields) > 0 {
		b = fmt.Appendf(b, "%-*s", termColumn, msg)
	} else {
		b = append(b, msg...)
	}
	b = appendFields(b, fields)
	return append(b, '\n')
}

// appendFields appends each field as " key=value".
func appendFields(b []byte, fields []field) []byte {
	for _, f := range fields {
		b = append(b, ' ')
		b = appendKey(b, f.key)
		b = append(b, '=')
		b = appendLogfmt(b, text(f.val))
	}
	return b
}

// jsonEncoder writes one object a line, its keys in the order of logfmt.
type jsonEncoder struct{}

func (jsonEncoder) line(b []byte, t time.Time, level slog.Level, msg string, fields []field) []byte {
	b = append(b, `{"t":"`...)
	b = t.AppendFormat(b, timeFormat)
	b = append(b, `","lvl":"`...)
	b = append(b, levelName(level)...)
	b = append(b, `","msg":`...)
	b = appendJSON(b, clip(msg))
	for _, f := range fields {
		b = append(b, ',')
		b = appendJSON(b, f.key)
		b = append(b, ':')
		b = appendJSONValue(b, f.val)
	}
	return append(b, "}\n"...)
}

// appendJSONValue keeps numbers, truth values and embedded JSON as they are;
// everything else is a string, as it is in logfmt.
func appendJSONValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindBool:
		return append(b, v.String()...)
	case slog.KindFloat64:
		if n, err := json.Marshal(v.Float64()); err == nil { // not for NaN and infinities
			return append(b, n...)
		}
	case slog.KindAny:
		if raw, ok := v.Any().(json.RawMessage); ok && len(raw) <= maxValue && json.Valid(raw) && Neutral(string(raw)) == string(raw) {
			return append(b, raw...)
		}
	}
	return appendJSON(b, text(v))
}
