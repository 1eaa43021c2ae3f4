package main

import (
	"context"
	"net"

	"ngrok/server"
)

// listen makes a server and binds its addresses.
func listen(config server.Config) (serveFunc, error) {
	s, err := server.New(config)
	if err != nil {
		return nil, err
	}
	listeners, err := s.Listen()
	if err != nil {
		return nil, err
	}
	for _, l := range []struct {
		who      string
		listener net.Listener
	}{
		{"clients", listeners.Tunnel},
		{"http visitors", listeners.HTTP},
		{"https visitors", listeners.HTTPS},
	} {
		if l.listener != nil {
			config.Logger.Info("listening", "for", l.who, "addr", l.listener.Addr())
		}
	}
	return func(ctx, hurry context.Context) error { return s.Serve(ctx, listeners, hurry) }, nil
}
