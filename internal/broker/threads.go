package broker

import (
	"fmt"
	"runtime"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/loop"
)

// placement is how many loops run, and where.
type placement struct {
	loops int
	cpus  []int // processor of each loop, nil when loops are not pinned
	text  string
}

// helperThreads is what the Go runtime may run beside the loops: with exactly as many
// as loops, two busy helpers put tens of milliseconds on messages.
const helperThreads = 2

// loopsAHelper is how many loops there are for each helper that compares passwords: they may take a part
// of the machine from messages, never all of it.
const loopsAHelper = 4

func helpersFor(loops int) int { return max(1, loops/loopsAHelper) }

// placeLoops chooses the number of loops and their processors: those of the
// process's own affinity mask, at most what a CPU quota gives. Without --pin=on loops are
// bound only where processors are left for others: a scheduler that may not move any loop
// leaves who shares a processor with one waiting there, beside processors that are idle.
func placeLoops(o *config.Options) placement {
	cpus := loop.AllowedCPUs()
	usable := runtime.GOMAXPROCS(0) // Go counts a quota in
	p := placement{loops: o.Loops}
	if p.loops == 0 {
		p.loops = usable
		if len(cpus) > 0 {
			p.loops = min(usable, len(cpus))
		}
		p.loops = min(p.loops, loop.LoopsMax)
	}
	switch {
	case o.Pin == config.Off:
		p.text = "off"
	case !loop.CanPin:
		p.text = fmt.Sprintf("none: %s has no call to bind a thread to a processor", runtime.GOOS)
	case o.Pin == config.Auto && len(cpus) > usable:
		p.text = "off: a CPU quota is set"
	case len(cpus) == 0:
		p.text = "off: the system does not say which processors this process may use"
	case o.Pin == config.Auto && p.loops >= len(cpus):
		p.text = "off: no processor is left for others; --pin=on binds loops all the same"
	default:
		p.cpus = cpus
		p.text = fmt.Sprintf("loops on processors %v", cpus[:min(p.loops, len(cpus))])
	}
	runtime.GOMAXPROCS(p.loops + helperThreads)
	return p
}
