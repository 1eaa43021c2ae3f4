package main

import (
	"crypto/tls"

	"ngrok/client"
	"ngrok/client/configfile"
	"ngrok/client/term"
	"ngrok/client/trust"
	"ngrok/cmd/internal/logging"
)

// newClient makes the real client.
func newClient(cfg client.Config) (tunnelClient, error) { return client.New(cfg) }

// tlsConfig says which server is believed.
func tlsConfig(f *configfile.File, serverAddr string) (*tls.Config, error) {
	return trust.Config{
		RootCAFile:  f.RootCA,
		HostRoots:   f.TrustHostRootCerts,
		Fingerprint: f.ServerFingerprint,
	}.TLS(serverAddr)
}

// newViews makes the screen.
func newViews(*settings, *logging.Log) (*views, error) {
	return &views{
		screen: func(c source, webURL string) (screen, error) {
			return term.New(term.Config{Source: c, WebURL: webURL})
		},
	}, nil
}
