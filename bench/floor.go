package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"gnatsd-ev/loop"
)

// The floor: a server that fans out as cheaply as this kernel lets anybody do it, to measure a
// broker against. One thread reads up to 256 KB of publications, tells from
// their length alone how many they were, and writes that many ready-made
// messages to every subscriber, one write(2) each. It matches no subject,
// looks into no payload and copies nothing. What is cheaper than the floor has
// found a cheaper way into the kernel; the rest of the distance is what a
// broker's own work costs.
//
// It serves what the scenarios of one subject ask for, and nothing else: every
// publication is as long as the first one, every subscriber calls its one
// subscription by the same sid and gets everything. floor_frames.go is the
// protocol.

const (
	floorRead  = 256 << 10
	floorConns = 1 << 20 // the highest descriptor a conns slice is grown to

	// floorReadsMax bounds how often one socket is read before others have
	// their turn: a flooding publisher must not starve slow subscribers.
	floorReadsMax = 4
)

// FloorScenarios are the scenarios the floor serves.
var FloorScenarios = []string{"conn", "fanout", "broadcast"}

// A floorConn is one connection of the floor.
type floorConn struct {
	fd         int
	kept       []byte // the beginning of a control line, or of the first publication
	into       int    // bytes of the present publication that have come
	subscribed bool   // has said SUB
	listed     bool   // is among the subscribers
	queued     bool   // is in again
	closing    bool   // the floor refused what it sent: close once that is said
	broken     bool

	// A slow subscriber's state is two numbers, whatever it is behind: what is
	// written is always the same message again and again.
	owed  int // bytes of messages not yet written
	phase int // where in a message the next of them stands

	words []byte // control lines to write; never between the bytes of a message
}

// A floor is the server's state; its one goroutine owns it.
type floor struct {
	kernel loop.Kernel
	poller loop.Poller
	listen int
	info   string

	conns       []*floorConn // by descriptor
	subscribers []*floorConn
	again       []*floorConn // may have more to read
	gone        []*floorConn // to be closed at the end of the turn
	buf         []byte

	frames floorFrames
}

// ServeFloor listens on addr and serves until ctx ends, on one thread.
// listening is called once with the address when clients may come.
func ServeFloor(ctx context.Context, addr string, listening func(net.Addr)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := &floor{kernel: loop.System(), buf: make([]byte, floorRead)}
	fd, bound, err := loop.Bind(addr)
	if err != nil {
		return err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // inherited; a speed-up only
	f.listen = fd
	defer f.kernel.Close(fd)
	if f.poller, err = f.kernel.OpenPoller(); err != nil {
		return fmt.Errorf("open poller: %w", err)
	}
	defer f.poller.Close()
	if err := f.poller.AddListener(fd); err != nil {
		return fmt.Errorf("watch listener: %w", err)
	}
	at := bound.(*net.TCPAddr).AddrPort()
	f.info = fmt.Sprintf("INFO {\"server_id\":\"floor\",\"server_name\":\"floor\",\"version\":\"floor\",\"go\":%q,\"proto\":1,"+
		"\"host\":%q,\"port\":%d,\"max_payload\":%d}\r\n", runtime.Version(), at.Addr(), at.Port(), sizeMax)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		f.poller.Ring()
		close(stopped)
	})
	defer func() {
		if !stop() {
			<-stopped // it must not ring a poller that is closed
		}
	}()
	listening(bound)
	return f.serve(ctx)
}

// serve is the loop.
func (f *floor) serve(ctx context.Context) error {
	defer func() {
		for _, c := range f.conns {
			if c != nil {
				f.kernel.Close(c.fd)
			}
		}
	}()
	var events [1024]loop.Event
	for ctx.Err() == nil {
		timeout := int64(-1)
		if len(f.again) > 0 {
			timeout = 0
		}
		n, err := f.poller.Wait(events[:], timeout)
		if err != nil {
			return fmt.Errorf("wait for events: %w", err)
		}
		again := f.again
		f.again = nil
		for _, e := range events[:n] {
			if int(e.FD) == f.listen {
				f.accept()
			} else if c := f.conns[e.FD]; c != nil {
				f.visit(c, e.What)
			}
		}
		for _, c := range again {
			c.queued = false
			f.visit(c, loop.Readable|loop.Hangup)
		}
		f.bury()
	}
	return nil
}

// accept takes all connections that wait.
func (f *floor) accept() {
	for {
		fd, _, err := f.kernel.Accept(f.listen)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return // none is left, or there is no room: then the edge is lost, and the load tool says so
		}
		for len(f.conns) <= fd && fd < floorConns {
			f.conns = append(f.conns, nil)
		}
		if fd >= floorConns || f.poller.Add(fd) != nil {
			f.kernel.Close(fd)
			continue
		}
		c := &floorConn{fd: fd, words: []byte(f.info)}
		f.conns[fd] = c
		f.flush(c)
	}
}

// visit reads and writes what an event says is possible.
func (f *floor) visit(c *floorConn, what loop.Happening) {
	if what&loop.Writable != 0 {
		f.flush(c)
	}
	if what&loop.Readable == 0 {
		return
	}
	for range floorReadsMax {
		if c.broken || c.closing {
			return
		}
		n, err := f.kernel.Read(c.fd, f.buf)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return
		}
		if err != nil || n == 0 {
			f.breakOff(c)
			return
		}
		f.receive(c, f.buf[:n])
		if n < len(f.buf) && what&loop.Hangup == 0 {
			return
		}
	}
	if !c.queued {
		c.queued = true
		f.again = append(f.again, c)
	}
}

// receive handles what was read and sends what it asks for.
func (f *floor) receive(c *floorConn, b []byte) {
	if len(c.kept) > 0 {
		b = append(c.kept, b...)
	}
	done, published, err := f.frames.take(c, b)
	c.kept = append([]byte(nil), b[done:]...)
	if published > 0 {
		f.fanOut(f.frames.messages(published))
	}
	if err != nil {
		c.words = append(c.words, "-ERR '"+err.Error()+"'\r\n"...)
		c.closing = true
	}
	if c.subscribed && !c.listed {
		c.listed = true
		f.subscribers = append(f.subscribers, c)
	}
	f.flush(c)
}

// fanOut writes messages to every subscriber.
func (f *floor) fanOut(messages []byte) {
	for _, c := range f.subscribers {
		if c.owed > 0 {
			c.owed += len(messages)
			continue
		}
		n, err := f.kernel.Write(c.fd, messages)
		if n == len(messages) {
			continue
		}
		if err != nil && err != unix.EAGAIN {
			f.breakOff(c)
			continue
		}
		c.owed, c.phase = len(messages)-n, n%f.frames.msg
	}
}

// flush writes what a connection is owed, messages first: control lines stand
// behind them.
func (f *floor) flush(c *floorConn) {
	for c.owed > 0 {
		b := f.frames.owed(c)
		n, err := f.kernel.Write(c.fd, b)
		if err != nil && err != unix.EAGAIN {
			f.breakOff(c)
			return
		}
		c.owed -= n
		c.phase = (c.phase + n) % f.frames.msg
		if n < len(b) {
			return
		}
	}
	if len(c.words) > 0 {
		n, err := f.kernel.Write(c.fd, c.words)
		if err != nil && err != unix.EAGAIN {
			f.breakOff(c)
			return
		}
		c.words = c.words[n:]
	}
	if len(c.words) == 0 {
		c.words = nil
		if c.closing {
			f.breakOff(c)
		}
	}
}

// breakOff marks a connection to be closed at the end of the turn: fanOut may be
// on its way through the subscribers.
func (f *floor) breakOff(c *floorConn) {
	if !c.broken {
		c.broken = true
		f.gone = append(f.gone, c)
	}
}

// bury closes what is broken.
func (f *floor) bury() {
	for _, c := range f.gone {
		f.conns[c.fd] = nil
		f.kernel.Close(c.fd)
	}
	if len(f.gone) > 0 {
		kept := f.subscribers[:0]
		for _, c := range f.subscribers {
			if !c.broken {
				kept = append(kept, c)
			}
		}
		clear(f.subscribers[len(kept):])
		f.subscribers, f.gone = kept, f.gone[:0]
	}
}

// FloorAddress is the address of the floor's flags -a and -p.
func FloorAddress(host string, port int) (string, error) {
	if _, err := netip.ParseAddr(host); err != nil {
		return "", fmt.Errorf("-a %q is not an address", host)
	}
	if port < 0 || port > 65535 {
		return "", fmt.Errorf("-p %d is not between 0 and 65535", port)
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}
