package chaos

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// T23: everybody connects at once: all are greeted soon, the kernel's queue does not overflow,
// and the traffic of who was there goes on.
func TestEverybodyConnectsAtOnce(t *testing.T) {
	callers := Scale(1500, 15_000)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"max_connections": "65536"}
		b := Start(t, s)
		crowd, from := NewSwarm(t, b.Address()), NewPublisher(t, b.Address(), 1)
		crowd.Join(t, 50, Subscription{Subject: "storm", From: []uint16{1}})
		end := publishing(t, from, Plan{Subject: Always("storm"), Size: Bytes(100), Rate: 500})
		time.Sleep(Scale(300*time.Millisecond, 3*time.Second)) // traffic without a storm, to compare with
		crowd.TakeTimes()
		time.Sleep(Scale(300*time.Millisecond, 3*time.Second))
		calm := crowd.TakeTimes()
		overflows, cpu := listenOverflows(t), b.Usage(t).CPU

		greeted, took, err := storm(t, b.Address(), callers)
		if err != nil {
			t.Error(err)
		}
		stormy := crowd.TakeTimes()
		cpu = b.Usage(t).CPU - cpu
		dropped := listenOverflows(t) - overflows
		end()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "who was there before the storm", from)
		must(t, s, int(greeted.TotalCount()) == callers, "%d of %d greeted", greeted.TotalCount(), callers)
		judge(t, s, Milliseconds(greeted, 100) < 2000, "the last was greeted after %.0f ms", Milliseconds(greeted, 100))
		judge(t, s, dropped == 0, "the queue of connections overflowed %d times", dropped)
		ratio := Milliseconds(stormy, 99) / Milliseconds(calm, 99)
		judge(t, s, ratio < 3, "p99 of running traffic is %.1f times that of before", ratio)
		Report(t, "T23", "everybody connects at once: all are greeted soon, traffic goes on", s.Name(), Figures{
			"callers": callers, "greeted": greeted.TotalCount(), "greeted_p99_ms": Milliseconds(greeted, 99), "last_greeted_ms": Milliseconds(greeted, 100),
			"all_in_ms": took.Milliseconds(), "overflows": dropped, "traffic_p99_ms": Milliseconds(stormy, 99), "traffic_p99_before_ms": Milliseconds(calm, 99),
			"traffic_ratio": ratio, "cpu_us_per_caller": float64(cpu.Microseconds()) / float64(callers),
		})
	})
}

// storm connects callers as fast as this process can, and returns how long each waited for its
// INFO, from when it called.
func storm(t *testing.T, address string, callers int) (*hdrhistogram.Histogram, time.Duration, error) {
	t.Helper()
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, 0, err
	}
	poller, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, 0, err
	}
	defer syscall.Close(poller)
	greeted, start := newHistogram(), time.Now()
	called := make(map[int]time.Time, callers)
	defer func() {
		for fd := range called {
			syscall.Close(fd)
		}
	}()
	events, buf, waiting := make([]syscall.EpollEvent, 512), make([]byte, 4096), 0
	look := func(timeout int) error {
		n, err := syscall.EpollWait(poller, events, timeout)
		if err != nil && err != syscall.EINTR {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			fd := int(e.Fd)
			got, err := syscall.Read(fd, buf)
			if err == syscall.EAGAIN {
				continue
			}
			if got <= 0 || !strings.HasPrefix(string(buf[:got]), "INFO ") {
				return fmt.Errorf("a caller was sent %q (%v)", buf[:max(got, 0)], err)
			}
			_ = greeted.RecordValue(int64(time.Since(called[fd]))) // what is out of range has failed by then
			waiting--
			_ = syscall.EpollCtl(poller, syscall.EPOLL_CTL_DEL, fd, nil) // it is open
		}
		return nil
	}
	for i := range callers {
		fd, err := callAway(to, i)
		if err != nil {
			return greeted, 0, err
		}
		called[fd] = time.Now()
		waiting++
		if err := syscall.EpollCtl(poller, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}); err != nil {
			return greeted, 0, err
		}
		for timeout := 0; i%64 == 63 || waiting >= stormMax; timeout = 10 {
			if err := look(timeout); err != nil {
				return greeted, 0, err
			}
			if waiting < stormMax || time.Since(start) > 2*Patience {
				break
			}
		}
	}
	for waiting > 0 {
		if time.Since(start) > 2*Patience {
			return greeted, time.Since(start), fmt.Errorf("%d callers were not greeted", waiting)
		}
		if err := look(100); err != nil {
			return greeted, time.Since(start), err
		}
	}
	return greeted, time.Since(start), nil
}

// stormMax is how many callers may be waiting at a time: with more than the kernel's queue holds, 4096 as a
// rule, this process would measure how often the kernel repeats itself.
const stormMax = 3000

// bindAddressNoPort has the kernel choose a port only when it knows where to: IP_BIND_ADDRESS_NO_PORT.
const bindAddressNoPort = 24

// callAway begins a connection and does not wait for it. Callers have four addresses, so that ports suffice.
func callAway(to netip.AddrPort, which int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1) // without it ports may run short
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 2, byte(1 + which%4)}}); err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// listenOverflows is how often a queue of connections was full, on the whole machine.
func listenOverflows(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for k, name := range names {
			if name == "ListenOverflows" && k < len(values) {
				n, err := strconv.Atoi(values[k])
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
	}
	t.Skip("this kernel does not count overflows")
	return 0
}
