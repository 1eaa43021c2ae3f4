// Package limit holds the counters and rates that keep one peer from using up a
// server: unauthenticated connections, new connections of each visitor, and what each
// identity asks for, holds and carries.
//
// The limits themselves are passed with each call, so that a reload of the settings
// counts from the next operation on. Everything is safe for concurrent use and bounded
// in memory, whatever the number of addresses that knock.
package limit
