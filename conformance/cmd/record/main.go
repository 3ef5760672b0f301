// Command record plays wire transcripts against a real nats-server and writes
// what it answers into them. Without arguments it records all transcripts of
// the broker. Those marked as a deviation are ours to write and stay as they
// are.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gnatsd-ev/conformance/oracle"
	"gnatsd-ev/internal/transcript"
)

// wireFiles is where the broker keeps its transcripts, seen from this module.
const wireFiles = "../internal/broker/testdata/wire/*.wire"

// recordTimeout bounds one file.
const recordTimeout = time.Minute

func main() {
	paths := os.Args[1:]
	if len(paths) == 0 {
		paths, _ = filepath.Glob(wireFiles) // fails only for a bad pattern
	}
	if len(paths) == 0 {
		fmt.Fprintln(os.Stderr, "record: no transcripts; run it in the conformance directory")
		os.Exit(1)
	}
	failed := false
	for _, path := range paths {
		if err := record(path); err != nil {
			fmt.Fprintf(os.Stderr, "record: %s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func record(path string) error {
	script, err := transcript.ReadFile(path)
	if err != nil || script.Deviation != "" {
		return err
	}
	server, err := oracle.Start(script.Options, -1)
	if err != nil {
		return err
	}
	defer server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	text, err := transcript.Record(ctx, server.Dial, script)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil || string(before) == string(text) {
		return err
	}
	fmt.Println("changed", path)
	return os.WriteFile(path, text, 0o644)
}
