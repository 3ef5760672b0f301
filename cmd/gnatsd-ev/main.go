//go:build unix

// Command gnatsd-ev is a NATS broker for the edge; see gnatsd-ev --help.
package main

import (
	"os"

	"gnatsd-ev/internal/server"
)

func main() {
	os.Exit(server.Run(os.Args[1:], os.Stdout, os.Stderr))
}
