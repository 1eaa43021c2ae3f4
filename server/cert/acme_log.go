package cert

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is a handler that takes everything for details: what certmagic and acmez call
// an error is a step that is tried again, and the manager tells what comes of it.
type quiet struct{ slog.Handler }

// Enabled reports whether details are logged.
func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle logs r as a detail.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that is as quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup returns a handler that is as quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// zapLogger returns a logger for certmagic whose lines all are details of logger.
func zapLogger(logger *slog.Logger) *zap.Logger {
	return zap.New(zapCore{quiet{logger.Handler()}})
}

// zapCore writes to a slog handler what is written to zap.
type zapCore struct{ handler slog.Handler }

// Enabled reports whether lines of that level are logged.
func (c zapCore) Enabled(zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slog.LevelDebug)
}

// With returns a core whose lines have the fields.
func (c zapCore) With(fields []zapcore.Field) zapcore.Core {
	return zapCore{c.handler.WithAttrs(attrs(fields))}
}

// Check adds the core to those that write e.
func (c zapCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write logs a line.
func (c zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slog.LevelDebug, "certmagic: "+e.Message, 0)
	if e.LoggerName != "" {
		r.AddAttrs(slog.String("part", e.LoggerName))
	}
	r.AddAttrs(attrs(fields)...)
	return c.handler.Handle(context.Background(), r)
}

// Sync does nothing: slog writes at once.
func (c zapCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []slog.Attr {
	encoder := zapcore.NewMapObjectEncoder()
	out := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		f.AddTo(encoder)
		if value, ok := encoder.Fields[f.Key]; ok {
			out = append(out, slog.Any(f.Key, value))
		}
	}
	return out
}
