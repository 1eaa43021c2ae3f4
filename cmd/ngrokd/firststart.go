package main

import (
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
// that a client needs for this server.
func makeFirstToken(w io.Writer, o *options, source cert.Source) error {
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

More tokens: ngrokd token new NAME

`, o.config, clientAddr(o), token, trustLine(source))
	return nil
}

// clientAddr is where clients find the tunnel port.
func clientAddr(o *options) string {
	_, port, err := net.SplitHostPort(o.tunnelAddr)
	if err != nil {
		port = "4443"
	}
	return net.JoinHostPort(o.domain, port)
}

// trustLine says how a client verifies the server: by the key, which lasts, when the
// certificate comes from nobody that the client's machine knows.
func trustLine(source cert.Source) string {
	if source.RootPEM() == nil {
		return "trust_host_root_certs: true\n"
	}
	return "server_fingerprint: " + source.Fingerprint() + "\n"
}
