package main

import (
	"crypto/tls"

	"ngrok/client"
	"ngrok/client/assets"
	"ngrok/client/configfile"
	"ngrok/client/inspect"
	"ngrok/client/term"
	"ngrok/client/trust"
	"ngrok/client/web"
	"ngrok/cmd/internal/logging"
	"ngrok/cmd/internal/version"
)

// newClient makes the real client.
func newClient(cfg client.Config) (tunnelClient, error) { return client.New(cfg) }

// tlsConfig says which server is believed.
func (a *app) tlsConfig(f *configfile.File, serverAddr string) (*tls.Config, error) {
	return trust.Config{
		RootCAFile:    f.RootCA,
		HostRoots:     f.TrustHostRootCerts,
		HostRootsFile: a.getenv("SSL_CERT_FILE"), // crypto/x509 looks at it too, among all others
		Fingerprint:   f.ServerFingerprint,
	}.TLS(serverAddr)
}

// newViews makes the inspector and the screen.
func newViews(s *settings, log *logging.Log) (*views, error) {
	store := inspect.New(inspect.Options{DBSize: s.file.InspectDBSize, BodySize: s.file.InspectBodySize})
	v := &views{tap: store.Tap(), budget: store.HeapBudget}
	if s.inspectAddr != configfile.Disabled {
		v.page = func(c tunnelClient) (page, error) {
			return web.New(web.Config{
				Addr:       s.inspectAddr,
				Client:     c,
				Store:      store,
				Assets:     assetFS{"static", assets.Asset, assets.AssetInfo},
				AllowHosts: s.file.WebAllowHosts,
				Auth:       s.file.InspectAuth,
				Version:    version.Number,
				Logger:     log.Logger,
			})
		}
	}
	v.screen = func(c source, webURL string) (screen, error) {
		cfg := term.Config{Source: c, WebURL: webURL}
		if store.Enabled() {
			cfg.Requests = recent{store}
		}
		return term.New(cfg)
	}
	return v, nil
}

// recent shows the screen the latest exchanges of a store.
type recent struct{ *inspect.Store }

// Recent returns up to n requests, newest first.
func (r recent) Recent(n int) []term.Request {
	if n <= 0 {
		return nil
	}
	page := r.List(inspect.ListOptions{Limit: n})
	requests := make([]term.Request, 0, len(page.Rows))
	for _, row := range page.Rows {
		requests = append(requests, term.Request{
			Method:   row.Method,
			Path:     row.Path,
			Status:   row.Status,
			Duration: row.Duration,
			Open:     row.Open,
		})
	}
	return requests
}
