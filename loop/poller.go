package loop

import (
	"fmt"
	"reflect"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
)

// gnetPoller takes from gnet what is portable about a poller: opening it,
// registering descriptors on epoll or kqueue, closing it. It waits by itself,
// on the poller's own descriptor, because gnet's Polling lets a task that
// posts itself again run before any socket is looked at, and gives up its
// thread at each idle transition. This is the only file that imports gnet.
type gnetPoller struct {
	poller *netpoll.Poller
	fd     int // the epoll or kqueue descriptor
	bell   bell
	waiter waiter
}

func openPoller() (Poller, error) {
	np, err := netpoll.OpenPoller()
	if err != nil {
		return nil, err
	}
	fd, err := pollerFD(np)
	if err != nil {
		return nil, err
	}
	p := &gnetPoller{poller: np, fd: fd}
	if err := p.bell.open(); err != nil {
		np.Close()
		return nil, fmt.Errorf("open doorbell: %w", err)
	}
	if err := np.AddRead(&netpoll.PollAttachment{FD: p.bell.readFD()}, true); err != nil {
		p.bell.close()
		np.Close()
		return nil, fmt.Errorf("register doorbell: %w", err)
	}
	return p, nil
}

// pollerFD reads gnet's unexported descriptor. gnet's version is pinned in
// go.mod, and a test fails before a changed field could be missed here.
func pollerFD(np *netpoll.Poller) (int, error) {
	f := reflect.ValueOf(np).Elem().FieldByName("fd")
	if !f.IsValid() || f.Kind() != reflect.Int || f.Int() <= 0 {
		return -1, fmt.Errorf("gnet's netpoll.Poller has no usable field fd: build with gnet v2.10.0")
	}
	return int(f.Int()), nil
}

func (p *gnetPoller) Add(fd int) error {
	return p.poller.AddReadWrite(&netpoll.PollAttachment{FD: fd}, true)
}

func (p *gnetPoller) AddListener(fd int) error {
	return p.poller.AddRead(&netpoll.PollAttachment{FD: fd}, true)
}

func (p *gnetPoller) Ring() { p.bell.ring() }

func (p *gnetPoller) Close() error {
	p.bell.close()
	return p.poller.Close()
}

func (p *gnetPoller) Wait(events []Event, timeout int64) (int, error) {
	return p.waiter.wait(p.fd, p.bell.readFD(), &p.bell, events, timeout)
}
