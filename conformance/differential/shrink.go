package differential

// The shrinker: a failing script made as small as some time allows.

import (
	"slices"
	"time"
)

// shrinkTime bounds how long a script is shrunk.
const shrinkTime = 15 * time.Second

// Shrink returns a script that fails as script does and is as small as can be
// found, with its verdict.
func (s *Set) Shrink(script *Script, v *Verdict) (*Script, *Verdict) {
	k := &shrinker{set: s, best: script, verdict: v, may: newPlan(script).reached, deadline: time.Now().Add(shrinkTime)}
	for before := -1; before != k.size() && k.time(); {
		before = k.size()
		k.dropPeers()
		k.dropSteps()
		k.splitSends()
		k.dropOperations()
		k.dropBytes()
	}
	k.simplifyCuts()
	return k.best, k.verdict
}

type shrinker struct {
	set      *Set
	best     *Script
	verdict  *Verdict
	may      map[string]int // deviations of the script to begin with; a smaller one has no others
	deadline time.Time
}

func (k *shrinker) time() bool { return time.Now().Before(k.deadline) }

// size is the bytes and steps of the best script.
func (k *shrinker) size() int {
	n := len(k.best.Steps)
	for _, st := range k.best.Steps {
		for _, sd := range st.sends {
			n += len(sd.data)
		}
	}
	return n
}

// try takes over a smaller script if it fails too.
func (k *shrinker) try(c *Script) bool {
	if !k.time() || !c.marksWhole() {
		return false
	}
	for id := range newPlan(c).reached {
		if k.may[id] == 0 {
			return false
		}
	}
	v, err := k.set.Judge(c)
	if err != nil || v.Difference == "" {
		return false
	}
	k.best, k.verdict = c, v
	return true
}

// dropPeers tries without each connection.
func (k *shrinker) dropPeers() {
	for i := k.best.peers() - 1; i >= 0; i-- {
		c := k.best.clone()
		c.Steps = slices.DeleteFunc(c.Steps, func(st Step) bool { return len(st.sends) == 0 && st.peer == i })
		for j := range c.Steps {
			c.Steps[j].sends = slices.DeleteFunc(c.Steps[j].sends, func(sd send) bool { return sd.peer == i })
		}
		c.Steps = slices.DeleteFunc(c.Steps, func(st Step) bool { return len(st.sends) == 0 && (st.kind == kindSend || st.kind == kindVolley) })
		k.try(c)
	}
}

// dropSteps tries without runs of steps, long ones first.
func (k *shrinker) dropSteps() {
	for n := len(k.best.Steps) / 2; n > 0; n /= 2 {
		for from := len(k.best.Steps) - n; from >= 0; from -= n {
			c := k.best.clone()
			c.Steps = slices.Delete(c.Steps, from, min(from+n, len(c.Steps)))
			k.try(c)
		}
	}
}

// splitSends makes a step of its own of every operation, so that it can be dropped.
func (k *shrinker) splitSends() {
	c := k.best.clone()
	c.Steps = nil
	for _, st := range k.best.Steps {
		if st.kind != kindSend || len(st.sends) != 1 {
			c.Steps = append(c.Steps, st)
			continue
		}
		sd := st.sends[0]
		stream := newStream(c.Class.limits(), c.realm())
		stream.opts.Headers = true
		for len(sd.data) > 0 {
			op, v := readOperation(sd.data, stream.limits, true)
			n := op.length
			if v != whole {
				n = len(sd.data)
			}
			part := sd
			part.data = sd.data[:n]
			c.Steps = append(c.Steps, Step{kind: kindSend, sends: []send{part}})
			sd.data = sd.data[n:]
		}
	}
	k.try(c)
}

// dropOperations is for what splitSends could not take apart, volleys.
func (k *shrinker) dropOperations() {
	for i := range k.best.Steps {
		for j := len(k.best.Steps[i].sends) - 1; j >= 0 && len(k.best.Steps[i].sends) > 1; j-- {
			c := k.best.clone()
			c.Steps[i].sends = slices.Delete(c.Steps[i].sends, j, j+1)
			k.try(c)
		}
	}
}

// dropBytes tries without runs of bytes.
func (k *shrinker) dropBytes() {
	for i := range k.best.Steps {
		for j := range k.best.Steps[i].sends {
			for n := max(1, len(k.best.Steps[i].sends[j].data)/2); n > 0 && k.time(); n /= 2 {
				for from := len(k.best.Steps[i].sends[j].data) - n; from >= 0; from -= n {
					c := k.best.clone()
					data := slices.Clone(c.Steps[i].sends[j].data)
					c.Steps[i].sends[j].data = slices.Delete(data, from, min(from+n, len(data)))
					k.try(c)
				}
			}
		}
	}
}

// simplifyCuts tries with each send in one write.
func (k *shrinker) simplifyCuts() {
	for i := range k.best.Steps {
		for j := range k.best.Steps[i].sends {
			if k.best.Steps[i].sends[j].cut.mode == cutWhole {
				continue
			}
			c := k.best.clone()
			c.Steps[i].sends[j].cut = cut{}
			k.try(c)
		}
	}
}
