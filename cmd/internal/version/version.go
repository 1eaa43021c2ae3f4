// Package version holds the version that both programs report.
package version

// Number follows semantic versioning. It is informational on the wire, where only
// the protocol's version decides who works with whom.
const Number = "1.8.0"
