//go:build !linux

package bench

import (
	"errors"
	"time"
)

// processCPU is only known on Linux; without a process id a run reports no cost.
func processCPU(int) (time.Duration, error) {
	return 0, errors.New("processor time of other processes is read on Linux only")
}

// threadCPU is only known on Linux.
func threadCPU() (time.Duration, error) { return 0, nil }
