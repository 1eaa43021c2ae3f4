package logging

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// field is one attribute, its key prefixed with the groups that it stands in.
type field struct {
	key string
	val slog.Value
}

// encoder turns one record into one line, appended to b with its line feed.
type encoder interface {
	line(b []byte, t time.Time, level slog.Level, msg string, fields []field) []byte
}

// handler is the [slog.Handler] in front of a queue.
type handler struct {
	level  slog.Level
	enc    encoder
	queue  *Queue
	prefix string  // of the open groups, with a dot at its end
	fields []field // of the loggers that this one was derived from
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]field, len(h.fields), len(h.fields)+r.NumAttrs())
	copy(fields, h.fields)
	r.Attrs(func(a slog.Attr) bool {
		fields = flatten(fields, h.prefix, a)
		return true
	})
	_, err := h.queue.Write(h.enc.line(nil, r.Time, r.Level, r.Message, fields))
	return err
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.fields = slices.Clip(h.fields)
	for _, a := range attrs {
		next.fields = flatten(next.fields, h.prefix, a)
	}
	return &next
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.prefix += name + "."
	return &next
}

// flatten appends a, its value resolved and redacted; a group is taken apart.
func flatten(fields []field, prefix string, a slog.Attr) []field {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, m := range v.Group() {
			fields = flatten(fields, prefix, m)
		}
		return fields
	}
	if a.Equal(slog.Attr{}) {
		return fields
	}
	return append(fields, field{key: prefix + a.Key, val: redact(a.Key, v)})
}

// lostLine is the line that stands in the place of dropped ones.
func lostLine(enc encoder, lost int64) []byte {
	return enc.line(nil, time.Now(), slog.LevelWarn, "log lines were dropped: the log could not be written fast enough",
		[]field{{key: "lines", val: slog.Int64Value(lost)}})
}
