//go:build !linux

package monitor

import "runtime/metrics"

// resident is what the Go runtime keeps from the system, in bytes: other systems have no
// file that tells more.
func resident() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
