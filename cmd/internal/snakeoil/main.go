// Command snakeoil makes the development certificate among the assets anew. It is run
// from the repository's root by `make snakeoil`, some time before the old one expires.
package main

import (
	"fmt"
	"os"
	"time"

	"ngrok/server/cert"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "snakeoil:", err)
		os.Exit(1)
	}
}

func run() error {
	root, chain, key, err := cert.NewDevelopment(time.Now())
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"assets/client/tls/snakeoilca.crt": root,
		"assets/server/tls/snakeoil.crt":   chain,
		"assets/server/tls/snakeoil.key":   key,
	} {
		// The key is public, like all of the repository.
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
