// Package term draws the terminal screen of the client: the state of the session, the
// public URLs, the connection figures and the latest HTTP requests.
//
// A [Screen] waits on "changed" signals, reads a snapshot, lays it out as a grid of
// cells (a pure function of snapshot and size) and hands the grid to the terminal. It
// draws at most ten times a second on goroutines of its own, so that a slow terminal
// costs neither traffic nor the session anything.
//
// Text that comes from peers (URLs, paths, errors) is neutralised before it reaches
// the terminal: see clean.
package term
