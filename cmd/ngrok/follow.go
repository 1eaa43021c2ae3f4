package main

import (
	"context"

	"ngrok/client"
)

// source is where views find out what to show.
type source interface {
	State() client.State
	Subscribe() (changed <-chan struct{}, cancel func())
}

// follow calls see with the state now, after each change, and once more when ctx has
// ended. What changed in between while see was busy is seen as one change.
func follow(ctx context.Context, c source, see func(client.State)) {
	changed, cancel := c.Subscribe()
	defer cancel()
	for {
		see(c.State())
		select {
		case <-changed:
		case <-ctx.Done():
			see(c.State())
			return
		}
	}
}
