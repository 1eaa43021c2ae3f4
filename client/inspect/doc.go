// Package inspect keeps the HTTP exchanges that pass through http and https
// tunnels, so that people can look at them, compare them and send them again.
//
// A [Store] is a [client.Tap]. On the data path it copies what it needs and counts
// the rest; it never waits for a view and never fails. What it keeps are the bytes as
// they passed, within one budget ([Options.DBSize]), the oldest exchange first out.
//
// Views wait on the channel of [Store.Subscribe], then read what changed with
// [Store.Changes] or [Store.List]. What they get are snapshots: they are theirs, and
// show one moment. Bodies are decoded ([Message.Content]) when somebody looks, and
// secrets are covered by [Exchange.Masked].
package inspect
