package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"ngrok/server/auth"
	"ngrok/server/cert"
	"ngrok/server/configfile"
)

// firstTokenName is what the token is called that ngrokd makes by itself.
const firstTokenName = "first"

// makeFirstToken writes a token into the settings file, and prints to w, once, the file
// that a client needs for this server, whose tunnel port is that of tunnelAddr.
func makeFirstToken(w io.Writer, o *options, tunnelAddr string, source cert.Source) error {
	if err := os.MkdirAll(filepath.Dir(o.config), 0o700); err != nil {
		return err
	}
	token := auth.NewToken()
	if err := configfile.AddToken(o.config, firstTokenName, auth.HashToken(token)); err != nil {
		return fmt.Errorf("this server wants tokens, and the first one can't be kept: %w (choose the file with -config or -dataDir, or admit everybody with -open)", err)
	}
	if err := o.load(); err != nil {
		return err
	}
	fmt.Fprintf(w, `
This server wants tokens, and has made its first one. It is shown only now; its hash is
in %s. Save the lines between the marks as ngrok.yml on a machine with a
private service, say on port 8080, and run there: ngrok -config=ngrok.yml 8080

--- ngrok.yml
server_addr: %s
auth_token: %s
%s--- end

More tokens: ngrokd token new NAME%s

`, o.config, clientAddr(o.domain, tunnelAddr), token, trustLine(o, source), o.configFlag())
	if o.domain == "localhost" {
		fmt.Fprint(w, "The domain is localhost, which other machines take for themselves: for them, start\nngrokd with -domain and a name by which they reach this one.\n\n")
	}
	return nil
}

// configFlag returns what the command "ngrokd token" needs to find the settings file.
func (o *options) configFlag() string {
	usual, err := defaultDataDir(os.Getenv)
	if err == nil && o.config == filepath.Join(usual, settingsName) {
		return ""
	}
	return " -config " + o.config
}

// clientAddr is where clients find the tunnel port.
func clientAddr(domain, tunnelAddr string) string {
	_, port, err := net.SplitHostPort(tunnelAddr)
	if err != nil {
		port = "4443"
	}
	return net.JoinHostPort(domain, port)
}

// trustLine says how a client verifies the server: by the host's roots where they do, else
// by the key, which lasts longer than a certificate.
func trustLine(o *options, source cert.Source) string {
	managed, ok := source.(*cert.ACME)
	if ok && managed.Public() || publiclyTrusted(o.domain, source) {
		return "trust_host_root_certs: true\n"
	}
	return "server_fingerprint: " + source.Fingerprint() + "\n"
}

// publiclyTrusted reports whether this host's root certificates vouch for the server's,
// as then those of the clients' hosts will too.
func publiclyTrusted(domain string, source cert.Source) bool {
	c, err := source.GetCertificate(nil)
	if err != nil {
		return false
	}
	var chain []*x509.Certificate
	intermediates := x509.NewCertPool()
	for _, der := range c.Certificate {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		chain = append(chain, parsed)
		intermediates.AddCert(parsed)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{DNSName: domain, Intermediates: intermediates})
	return err == nil
}
