package main

import (
	"context"
	"time"

	"ngrok/client"
)

// followPace is the least time between two looks at a state: each connection of a
// visitor changes it, and looking must not cost what carrying does.
const followPace = 100 * time.Millisecond

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
		select {
		case <-time.After(followPace):
		case <-ctx.Done():
		}
	}
}
