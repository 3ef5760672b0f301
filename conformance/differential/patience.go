package differential

import (
	"errors"
	"net"
	"time"
)

// How long a server may take for an answer: it is spent only where something is
// wrong. It is counted in waits, so that a machine that stands still for a minute
// spends one of them and not all.
const (
	waitTime = 500 * time.Millisecond
	waitsMax = 20
	patience = waitsMax * waitTime
)

// A patientReader reads from a connection until patience ends.
type patientReader struct{ net.Conn }

// Read reads what is there, or waits.
func (r patientReader) Read(b []byte) (n int, err error) {
	for range waitsMax {
		if err := r.SetReadDeadline(time.Now().Add(waitTime)); err != nil {
			return 0, err
		}
		n, err = r.Conn.Read(b)
		if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
			break
		}
	}
	return n, err
}
