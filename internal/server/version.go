package server

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

const (
	// Version is ours.
	Version = "0.1.0"

	// natsVersion is the nats-server whose protocol and habits we follow.
	natsVersion = "2.15.2"
)

// gitCommit returns the first seven digits of the commit this was built from,
// as nats-server shows it, or nothing.
func gitCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 7)]
		}
	}
	return ""
}

// gnetVersion returns the version of gnet in this binary.
func gnetVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/panjf2000/gnet/v2" {
			return m.Version
		}
	}
	return "not linked"
}

// poller names the poller of this system.
func poller() string {
	if runtime.GOOS == "linux" {
		return "epoll"
	}
	return "kqueue"
}

// orNotSet is nats-server's word for a missing commit.
func orNotSet(s string) string {
	if s == "" {
		return "not set"
	}
	return s
}

// printVersion writes what -v shows. The first line is the one scripts read.
func printVersion(w io.Writer) {
	fmt.Fprintf(w, "gnatsd-ev: v%s (nats-server %s compatible)\n", Version, natsVersion)
	fmt.Fprintf(w, "  Go:      %s\n", runtime.Version())
	fmt.Fprintf(w, "  gnet:    %s\n", gnetVersion())
	fmt.Fprintf(w, "  Poller:  %s\n", poller())
	fmt.Fprintf(w, "  System:  %s/%s\n", runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "  Git:     [%s]\n", orNotSet(gitCommit()))
}
