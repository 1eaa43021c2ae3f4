package conn

import "crypto/tls"

// SecureServer makes a leg of the server side of a TLS connection over c, a plain
// connection of which something has been read: what is unread in c begins it. Whoever
// calls it makes the handshake with [Conn.TLS] and does not use c any more, but for
// Reset and its deadlines.
func (c *Conn) SecureServer(config *tls.Config) *Conn {
	w := &wire{socket: c.socket, in: c.in}
	c.in = inbuf{}
	return &Conn{socket: w.socket, secure: &secure{Conn: tls.Server(w, config), wire: w}}
}
