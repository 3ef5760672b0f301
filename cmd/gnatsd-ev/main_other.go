//go:build !unix

// Command gnatsd-ev is a NATS broker for Unix systems.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "gnatsd-ev: %s is not supported: the broker needs epoll or kqueue; run it on Linux, a BSD or macOS, or use nats-server\n", runtime.GOOS)
	os.Exit(1)
}
