// Command ngrok makes a private service reachable under a public URL, through an
// ngrokd server.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
