// Package client keeps a session with an ngrokd server, asks it for tunnels and
// carries each public connection to the private service that the tunnel names.
//
// A client runs without any view. Views read [Client.State] when a channel from
// [Client.Subscribe] says that it changed; they never stand in the way of the data.
package client
