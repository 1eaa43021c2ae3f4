// Package logging is where both programs write their logs: a [slog.Handler] with
// three formats and a queue that never lets a caller wait.
//
// Whatever a peer can put into a log line is neutralised: control characters,
// terminal escapes and invisible or direction-changing characters come out
// escaped. Attributes whose key names a credential are redacted.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Options says where lines go and what they look like.
type Options struct {
	// To is "stdout", "stderr", "none", or the path of a file that is appended
	// to and created with mode 0600. Empty means "none".
	To string

	// Level is the least severity that is written: DEBUG, INFO, WARNING or
	// ERROR, in any case. Empty means INFO.
	Level string

	// Format is "logfmt", "json", or "term" for people. Empty means "logfmt".
	Format string

	// Stdout and Stderr are the program's own streams. They are not closed.
	Stdout, Stderr io.Writer
}

// Log is an open log. It must be closed to see its last lines written.
type Log struct {
	// Logger writes to the log. It never blocks and is safe for concurrent use.
	Logger *slog.Logger

	queue *Queue // nil when nothing is written
	file  *file  // nil unless it goes to a file
}

// Check reports whether level and format are ones that [Open] knows. It opens
// nothing.
func Check(o Options) error {
	if _, err := ParseLevel(o.Level); err != nil {
		return err
	}
	_, err := newEncoder(o.Format)
	return err
}

// Open opens the log that o describes.
func Open(o Options) (*Log, error) {
	level, err := ParseLevel(o.Level)
	if err != nil {
		return nil, err
	}
	enc, err := newEncoder(o.Format)
	if err != nil {
		return nil, err
	}
	l := &Log{}
	var w io.Writer
	switch o.To {
	case "", "none":
		l.Logger = slog.New(slog.DiscardHandler)
		return l, nil
	case "stdout":
		w = o.Stdout
	case "stderr":
		w = o.Stderr
	default:
		if l.file, err = openFile(o.To); err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		w = l.file
	}
	l.queue = NewQueue(w, func(lost int64) []byte { return lostLine(enc, lost) })
	l.Logger = slog.New(&handler{level: level, enc: enc, queue: l.queue})
	return l, nil
}

// ToFile reports whether the log is a file, which [Log.Reopen] opens anew.
func (l *Log) ToFile() bool { return l.file != nil }

// ToStream reports whether the log is standard output or standard error.
func (l *Log) ToStream() bool { return l.queue != nil && l.file == nil }

// Reopen opens the log file again by its path, so that a tool that rotates logs can
// move it away. It does nothing when the log is no file; when the path can't be
// opened, the old file stays in use.
func (l *Log) Reopen() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.reopen(); err != nil {
		return fmt.Errorf("reopen log: %w", err)
	}
	return nil
}

// Dropped returns how many lines were dropped since the log was opened, because
// it could not be written as fast as it was filled.
func (l *Log) Dropped() int64 {
	if l.queue == nil {
		return 0
	}
	return l.queue.Dropped()
}

// Close writes what is waiting, for at most a second, and closes the file. Lines
// logged after it are dropped. The error says when not everything was written.
func (l *Log) Close() error {
	if l.queue == nil {
		return nil
	}
	err := l.queue.Close()
	if l.file != nil {
		if cerr := l.file.close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// LevelCrit is the level of an error that ends the program.
const LevelCrit = slog.LevelError + 4

// ParseLevel reads the name of a level in any case; empty is INFO.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToUpper(s) {
	case "DEBUG":
		return slog.LevelDebug, nil
	case "", "INFO":
		return slog.LevelInfo, nil
	case "WARNING", "WARN":
		return slog.LevelWarn, nil
	case "ERROR":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log level %q is unknown: use DEBUG, INFO, WARNING or ERROR", s)
}

// levelName is the four-letter name that scripts around these programs look for.
func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "dbug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	case l < LevelCrit:
		return "eror"
	default:
		return "crit"
	}
}
