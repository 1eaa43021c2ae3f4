package main

import (
	"fmt"
	"log/slog"
	"net/http"

	"ngrok/server/cert"
)

// certificates returns where the server's certificates come from: the operator's files or
// an authority of its own, and before these an ACME authority if the settings name one. env
// has the variables for the program that changes the DNS.
func (o *options) certificates(env func(string) string, logger *slog.Logger) (cert.Source, error) {
	source, err := cert.Open(cert.Options{Domain: o.domain, CertFile: o.tlsCrt, KeyFile: o.tlsKey, DataDir: o.dataDir, Logger: logger})
	if err != nil || o.file.ACME == nil {
		return source, err
	}
	managed, err := cert.NewACME(cert.ACMEOptions{
		Domain:    o.domain,
		Email:     o.file.ACME.Email,
		Directory: o.file.ACME.Directory,
		CAFile:    o.file.ACME.CA,
		DNS:       o.file.ACME.DNS,
		Getenv:    env,
		DataDir:   o.dataDir,
		HTTP:      o.httpAddr != "",
		HTTPS:     o.httpsAddr != "",
		Fallback:  source,
		Proxy:     http.ProxyFromEnvironment,
		Logger:    logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: acme: %w", o.config, err)
	}
	return managed, nil
}
