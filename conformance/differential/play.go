package differential

// The player. One goroutine plays a script on one server: every wait is for one
// connection, so that none is needed to read from several.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// cutPause is how long a paused cut waits between two writes.
const cutPause = 300 * time.Microsecond

// How a connection ended.
const (
	endOpen   = "open"
	endClosed = "closed"
	endOurs   = "closed by the client"
	endUnused = "never opened"
)

// A log is what one connection got.
type log struct {
	// parts are what came between two points at which everything sent before
	// had arrived; every second one, of odd index, is that of a volley.
	parts [][]frame
	end   string
	// fault is why the end is no proper end, "" if it is.
	fault string
}

// A player plays one plan on one server.
type player struct {
	server *Server
	plan   *plan
	theirs bool
	token  string // for the mark
	peers  []*peer
}

// A peer is one connection of a script.
type peer struct {
	log
	token string
	realm *realm
	nonce string // that the greeting asks to be signed
	conn  *net.TCPConn
	in    *bufio.Reader
	pongs int // received
	want  int // PONGs that must come
}

// play plays the plan and returns what each connection got. Its error is about
// the machine, not about the server's answers.
func play(p *plan, server *Server) ([]log, error) {
	pl := &player{server: server, plan: p, theirs: server.Oracle, token: newToken()}
	for range p.streams {
		pl.peers = append(pl.peers, &peer{token: pl.token, realm: p.realm, log: log{parts: make([][]frame, 1), end: endUnused}})
	}
	err := pl.run()
	pl.release()
	if err == nil && p.alone {
		err = server.awaitNobody(everything...)
	}
	if err != nil {
		return nil, err
	}
	logs := make([]log, len(pl.peers))
	for i, c := range pl.peers {
		logs[i] = c.log
	}
	return logs, nil
}

// everything are subjects of which at least one matches any pattern that a script of the
// class Alone subscribes to.
var everything = []string{"aa", "aa.bb", "aa.a", "aa.a.b"}

func (pl *player) run() error {
	for i := range pl.plan.steps {
		if err := pl.step(&pl.plan.steps[i]); err != nil {
			return err
		}
	}
	pl.finish()
	return nil
}

func (pl *player) step(st *planned) error {
	if st.kind == kindSend || st.kind == kindVolley {
		return pl.send(st)
	}
	c := pl.peers[st.peer]
	if c.conn == nil {
		return nil
	}
	switch st.kind {
	case kindHalfClose:
		_ = c.conn.CloseWrite() // fails for a connection that is gone, as the read will show
		c.readToEnd()
	case kindReset:
		_ = c.conn.SetLinger(0)
	}
	c.release(endOurs)
	return pl.awaitGone(st.peer)
}

// awaitGone returns when the server has taken back what a connection that has
// ended had subscribed to, if it had subscribed under the sid tomb.
func (pl *player) awaitGone(peer int) error {
	subject := pl.plan.streams[peer].subscriptions[tombSID]
	if subject == "" || pl.plan.alone { // where others may have subscribed to it
		return nil
	}
	return pl.server.awaitNobody(string(marked([]byte(subject), pl.token)))
}

// send does a step in which connections write.
func (pl *player) send(st *planned) error {
	for i := range st.sends {
		if err := pl.open(st.sends[i].peer); err != nil {
			return err
		}
	}
	if st.kind == kindVolley {
		pl.part()
	}
	for i := range st.sends {
		pl.write(&st.sends[i])
	}
	died := false
	for i := range st.sends {
		sd := &st.sends[i]
		c := pl.peers[sd.peer]
		c.await()
		died = died || sd.dead && c.end != endOpen
	}
	if st.kind == kindVolley {
		pl.part()
	}
	if died {
		return pl.awaitGone(st.sends[0].peer)
	}
	return nil
}

// open connects a peer that is new, and reads its greeting.
func (pl *player) open(i int) error {
	c := pl.peers[i]
	if c.end != endUnused {
		return nil
	}
	conn, err := net.Dial("tcp", pl.server.Address)
	if err != nil {
		return fmt.Errorf("%s: %w", pl.server.Name, err)
	}
	c.conn, c.end = conn.(*net.TCPConn), endOpen
	c.in = bufio.NewReader(patientReader{conn})
	c.next()
	return nil
}

// write sends the bytes of one connection, and a PING if there is something to
// wait for.
func (pl *player) write(sd *plannedSend) {
	c := pl.peers[sd.peer]
	if c.end != endOpen {
		return
	}
	data := sd.ours
	if pl.theirs {
		data = sd.theirs
	}
	if len(sd.ours.own) > 0 {
		c.send(append(append([]byte{}, data.own...), "PING\r\n"...), sd.cut)
		c.want += sd.pings + 1
	}
	if sd.within {
		c.await()
		c.send(data.rest, sd.cut)
	}
}

// send writes data as cut says. That a server has closed shows when its frames
// are read.
func (c *peer) send(data []byte, cut cut) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience)) // fails for a connection that is gone
	for _, piece := range cut.pieces(c.realm.signed(marked(data, c.token), c.nonce)) {
		if _, err := c.conn.Write(piece); err != nil {
			return
		}
		if cut.pause {
			time.Sleep(cutPause)
		}
	}
}

// await reads until all PONGs are there or the connection has ended.
func (c *peer) await() {
	for c.end == endOpen && c.pongs < c.want {
		c.next()
	}
}

func (c *peer) readToEnd() {
	for c.end == endOpen {
		c.next()
	}
}

// next reads one frame or the end.
func (c *peer) next() {
	f, err := readFrame(c.in)
	if err == nil {
		if f.verb == "INFO" && c.nonce == "" {
			c.nonce = f.nonce()
		}
		if f.verb == "PONG" {
			c.pongs++
		}
		if f.verb != "PING" { // the server's own come when they like
			f.unmark(c.token)
			last := len(c.parts) - 1
			c.parts[last] = append(c.parts[last], f)
		}
		return
	}
	c.end = endClosed
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
	case errors.As(err, &timeout) && timeout.Timeout():
		c.end = fmt.Sprintf("no word for %v", patience)
		c.fault = c.end
	default:
		c.end, c.fault = "not the protocol", err.Error()
	}
}

// release ends a connection from our side.
func (c *peer) release(end string) {
	if c.end == endOpen {
		c.end = end
	}
	c.conn.Close()
	c.conn = nil
}

// part has everything arrive that was sent and begins a new part of each log.
func (pl *player) part() {
	for _, c := range pl.peers {
		c.ping()
	}
	for _, c := range pl.peers {
		c.await()
		c.parts = append(c.parts, nil)
	}
}

// ping asks for one more PONG.
func (c *peer) ping() {
	if c.end == endOpen {
		c.send([]byte("PING\r\n"), cut{})
		c.want++
	}
}

// finish has everything arrive, and whoever is within an operation end.
func (pl *player) finish() {
	for i, c := range pl.peers {
		if s := pl.plan.streams[i]; c.end == endOpen && len(s.pending) > 0 && !s.dead {
			_ = c.conn.CloseWrite()
			c.readToEnd()
		}
		c.ping()
	}
	for _, c := range pl.peers {
		c.await()
	}
}

// release ends all connections, with RST: nobody waits for what they leave.
func (pl *player) release() {
	for _, c := range pl.peers {
		if c.conn != nil {
			_ = c.conn.SetLinger(0)
			c.conn.Close()
		}
	}
}
