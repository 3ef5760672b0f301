package bench

import (
	"testing"
)

func TestWindowFollowsTheSlowest(t *testing.T) {
	f, err := newFleetStub(t)
	if err != nil {
		t.Fatal(err)
	}
	const subscribers, window = 3, 80
	flow := newFlow(f.publishers().l, subscribers, 1, window)
	meters := make([]meter, subscribers)
	for i := range meters {
		meters[i].flow = flow
	}
	if got := flow.limit(); got != window {
		t.Fatalf("limit is %d before anything was received, want the window of %d", got, window)
	}
	meters[0].add(window)
	meters[1].add(55)
	meters[2].add(9)
	if got := flow.limit(); got != window {
		t.Errorf("limit is %d although one subscriber has not finished an epoch", got)
	}
	meters[2].add(21)
	if got := flow.limit(); got != window+30 {
		t.Errorf("limit is %d, want %d: the slowest has 30", got, window+30)
	}
}

func TestSourceAddressesAreBoundOnlyWhenPortsRunOut(t *testing.T) {
	f, err := newFleetStub(t)
	if err != nil {
		t.Fatal(err)
	}
	for opened, want := range map[int]string{0: "", portsMax - 1: "", portsMax: "127.0.0.2", 2*portsMax - 1: "127.0.0.2", 2 * portsMax: "127.0.0.3"} {
		got := ""
		if a := f.from(int64(opened)); a.IsValid() {
			got = a.String()
		}
		if got != want {
			t.Errorf("connection %d is bound to %q, want %q", opened, got, want)
		}
	}
}
