package server

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The kernel says how large the table is.
func TestTheDescriptorTableIsMadeAtStart(t *testing.T) {
	limit := raiseDescriptorLimit()
	growDescriptorTable(limit)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	m := regexp.MustCompile(`FDSize:\s+(\d+)`).FindSubmatch(status)
	if m == nil {
		t.Skip("this kernel does not say how large the table is")
	}
	if size, _ := strconv.Atoi(string(m[1])); size < min(limit, tableMax) {
		t.Errorf("the table has room for %d descriptors, and %d are allowed", size, limit)
	}
}
