package chaos

import (
	"os"
	"slices"
	"testing"
	"time"
)

// soakVariable is how long a soak takes, as in 10m.
const soakVariable = "GNATSD_EV_SOAK"

// A moment of a soak.
type moment struct {
	minute float64
	Usage
}

// T43: traffic for a long time, while a hundredth of the subscribers leaves and comes
// each second: memory, descriptors and threads do not grow, nobody loses anything.
func TestSoakGrowsNothing(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv(soakVariable))
	if err != nil {
		length = Scale(4*time.Second, time.Minute)
	}
	members := Scale(200, 2000)
	onEach(t, []Setting{{}}, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		crowd, from := NewSwarm(t, b.Address()), NewPublisher(t, b.Address(), 1)
		sub := Subscription{Subject: "soak.*", From: []uint16{1}, Joins: true}
		crowd.Join(t, members, sub)
		full := b.Usage(t).Descriptors
		end := publishing(t, from, Plan{Subject: Always("soak.a"), Size: Rarely(32, Between(StampSize, 64<<10), Between(StampSize, 512)), Rate: 20})
		moments := churn(t, b, crowd, sub, members, length)
		end()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "subscribers", from)
		tail := moments[len(moments)/5:]
		slope := func(of func(m moment) float64) float64 { return theilSen(tail, of) }
		memory := slope(func(m moment) float64 { return m.ResidentMB })
		descriptors := slope(func(m moment) float64 { return float64(m.Descriptors) })
		threads := slope(func(m moment) float64 { return float64(m.Threads) })
		// A slope over seconds is noise.
		if length >= time.Minute && (memory >= 0.5 || descriptors != 0 || threads != 0) {
			t.Errorf("a minute adds %.2f MB, %.1f descriptors, %.1f threads", memory, descriptors, threads)
		}
		crowd.Close()
		await(t, "the end of all descriptors", Patience, func() bool { return b.Usage(t).Descriptors <= full-members })
		Report(t, "T43", "soak with clients that come and go: no growth, nothing lost", s.Name(), Figures{
			"minutes": length.Minutes(), "members": members, "joined": crowd.Tally().Members, "delivered": crowd.Tally().Delivered,
			"lost": crowd.Missing(1, from.Sent()), "mb_per_minute": memory, "descriptors_per_minute": descriptors, "threads_per_minute": threads,
			"first_mb": tail[0].ResidentMB, "last_mb": tail[len(tail)-1].ResidentMB,
		})
	})
}

// churn has the oldest members leave, every second time abruptly, and as many join,
// and looks at the broker meanwhile.
func churn(t *testing.T, b *Broker, crowd *Swarm, sub Subscription, members int, length time.Duration) (moments []moment) {
	t.Helper()
	const perSecond = 4 // steps
	each := max(1, members/100/perSecond)
	start, tick := time.Now(), time.NewTicker(time.Second/perSecond)
	defer tick.Stop()
	for step := 0; time.Since(start) < length; step++ {
		<-tick.C
		crowd.Leave(step*each, (step+1)*each, step%2 == 0)
		crowd.Join(t, each, sub)
		moments = append(moments, moment{time.Since(start).Minutes(), b.Usage(t)})
	}
	return moments
}

// theilSen is the median of the slopes between any two moments.
func theilSen(all []moment, of func(m moment) float64) float64 {
	var slopes []float64
	for i, a := range all {
		for _, z := range all[i+1:] {
			slopes = append(slopes, (of(z)-of(a))/(z.minute-a.minute))
		}
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
}
