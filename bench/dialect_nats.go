package bench

// natsDialect is NATS: frame.go reads it.
type natsDialect struct{}

func (natsDialect) waits() bool                     { return true }
func (natsDialect) connect(login Login) []byte      { return login.connectLine() }
func (natsDialect) subscribe(subject string) []byte { return sub(subject) }
func (natsDialect) question() string                { return pingLine }
func (natsDialect) greetings() int                  { return greetingsMax }
func (natsDialect) serves() []string                { return nil }

func (natsDialect) appendPublish(dst []byte, subject, reply string, payload []byte) []byte {
	return appendPub(dst, subject, reply, payload)
}

func (natsDialect) feed(r *Reader, b []byte, h Handler) (int, int, error) { return r.Feed(b, h) }

func (natsDialect) greet(t Target) (Broker, error) { return greet(t) }
