// Command ngrokd is the public side of the tunnel: it runs on a host that everybody can
// reach, and carries what arrives there to the clients that asked for it.
package main

import (
	"context"
	"os"
)

func main() {
	p := program{env: os.Getenv, stdout: os.Stdout, stderr: os.Stderr, listen: listen}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
