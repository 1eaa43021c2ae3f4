//go:build linux

// Package load sends verified streams of many kinds through tunnels: private services
// at one end, visitors of the public addresses at the other, both in this process, so
// that each end knows what the other one has sent.
package load
