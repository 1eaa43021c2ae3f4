// Package conn makes, joins and ends connections: dialling through proxies, copying
// between two legs with half-close and reset kept apart, the frames of reusable proxy
// connections. It knows nothing of tunnels.
package conn
