package differential

// A server under test, and the observer that asks it what is left of others.

import (
	"bufio"
	"fmt"
	"net"
	"time"
)

// A Server is one broker as one worker sees it.
type Server struct {
	// Name is for reports.
	Name string
	// Address is the host and port of its clients.
	Address string
	// Oracle is set for nats-server.
	Oracle bool
	// Observer is the proof in the CONNECT of who asks what is left of others.
	Observer string
	// Loops is the number of loops of a gnatsd-ev.
	Loops int

	conn net.Conn // the observer's, nil until it is needed
	in   *bufio.Reader
}

// goneEvery is how long the observer waits before it asks again.
const goneEvery = 200 * time.Microsecond

// tombSID is the sid under which a connection of a script subscribes to a subject
// of its own before it ends, for the observer to see when its subscriptions are
// gone.
const tombSID = "tomb"

// awaitNobody returns when requests to the subjects find no responders.
func (s *Server) awaitNobody(subjects ...string) error {
	if err := s.observe(); err != nil {
		return err
	}
	for _, subject := range subjects {
		if err := s.awaitNone(subject); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) awaitNone(subject string) error {
	for range int(patience / goneEvery) {
		if _, err := fmt.Fprintf(s.conn, "PUB %s tomb.answer 0\r\n\r\nPING\r\n", subject); err != nil {
			return fmt.Errorf("%s: observer: %w", s.Name, err)
		}
		nobody := false
		for {
			f, err := readFrame(s.in)
			if err != nil {
				return fmt.Errorf("%s: observer: %w", s.Name, err)
			}
			nobody = nobody || f.noResponders()
			if f.verb == "PONG" {
				break
			}
		}
		if nobody {
			return nil
		}
		time.Sleep(goneEvery)
	}
	return fmt.Errorf("%s: somebody still subscribes to %s, more than %v after the end of the connection", s.Name, subject, patience)
}

// observe connects the observer.
func (s *Server) observe() error {
	if s.conn != nil {
		return nil
	}
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	s.conn, s.in = conn, bufio.NewReader(patientReader{conn})
	fields := `"verbose":false,"headers":true,"no_responders":true`
	if s.Observer != "" {
		fields += "," + s.Observer
	}
	_, err = fmt.Fprintf(conn, "CONNECT {%s}\r\nSUB tomb.answer 1\r\n", fields)
	return err
}

// Close ends the observer.
func (s *Server) Close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
