package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// mqttDialect is MQTT 3.1.1 at quality 0: a publication has no answer, and brokers handle a
// connection's packets in order, so that PINGRESP says that all before it is done.
type mqttDialect struct{}

// mqttGreetings is below mosquitto's backlog of 100.
const mqttGreetings = 64

// First bytes of packets, with the flags that belong to them.
const (
	mqttConnect    = 0x10
	mqttConnack    = 0x20
	mqttPublish    = 0x30
	mqttSubscribe  = 0x82
	mqttSuback     = 0x90
	mqttPingreq    = 0xc0
	mqttPingresp   = 0xd0
	mqttRefused    = 0x80 // in SUBACK
	mqttLengthMax  = 4    // bytes of a packet's length
	mqttAnswerMax  = 8    // bytes behind the length of any packet but a message
	mqttQuality    = 0x06 // of a publication
	mqttUser       = 0x80
	mqttPassword   = 0x40
	mqttCleanStart = 0x02
)

func (mqttDialect) waits() bool      { return false }
func (mqttDialect) greetings() int   { return mqttGreetings }
func (mqttDialect) serves() []string { return streamScenarios }
func (mqttDialect) question() string { return string([]byte{mqttPingreq, 0}) }

// connect leaves the name to the broker and asks for no keep-alive.
func (mqttDialect) connect(login Login) []byte {
	flags, tail := byte(mqttCleanStart), []byte{0, 0, 0, 0}
	if login.User != "" {
		flags |= mqttUser | mqttPassword
		tail = mqttText(mqttText(tail, login.User), login.Password)
	}
	body := append(mqttText(nil, "MQTT"), 4, flags)
	body = append(body, tail...)
	return append(mqttHead(nil, mqttConnect, len(body)), body...)
}

func (mqttDialect) subscribe(subject string) []byte {
	body := append(mqttText([]byte{0, 1}, subject), 0)
	return append(mqttHead(nil, mqttSubscribe, len(body)), body...)
}

func (mqttDialect) appendPublish(dst []byte, subject, _ string, payload []byte) []byte {
	dst = mqttHead(dst, mqttPublish, 2+len(subject)+len(payload))
	return append(mqttText(dst, subject), payload...)
}

// mqttHead appends a packet's first byte and the length of what follows.
func mqttHead(dst []byte, first byte, length int) []byte {
	return binary.AppendUvarint(append(dst, first), uint64(length))
}

// mqttText appends a string and its length.
func mqttText(dst []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(text))), text...)
}

var errMQTT = errors.New("not what an MQTT broker sends")

func (mqttDialect) feed(r *Reader, b []byte, h Handler) (n, need int, err error) {
	n = r.resume(b)
	for n < len(b) {
		used, need, done, err := mqttPacket(r, b[n:], h)
		n += used
		if err != nil {
			return n, 0, err
		}
		if !done {
			return n, need, nil
		}
	}
	return n, 0, nil
}

// mqttPacket handles one packet.
func mqttPacket(r *Reader, b []byte, h Handler) (n, need int, done bool, err error) {
	length, size := binary.Uvarint(b[1:min(len(b), 1+mqttLengthMax)])
	if size == 0 && len(b) <= mqttLengthMax {
		return 0, 0, false, nil
	}
	if size <= 0 {
		return 0, 0, false, fmt.Errorf("%w: a length of %x", errMQTT, b[1:1+mqttLengthMax])
	}
	head, end := 1+size, 1+size+int(length)
	if b[0]&0xf0 == mqttPublish {
		if b[0]&mqttQuality != 0 || length < 2 {
			return 0, 0, false, fmt.Errorf("%w: a message that begins with %x", errMQTT, b[:head])
		}
		if len(b) < head+2 {
			return 0, 0, false, nil
		}
		topic := int(binary.BigEndian.Uint16(b[head:]))
		if head += 2 + topic; head > end {
			return 0, 0, false, fmt.Errorf("%w: a topic longer than its message", errMQTT)
		}
		n, need, done = r.message(b, head, end-head, 0)
		return n, need, done, nil
	}
	if length > mqttAnswerMax {
		return 0, 0, false, fmt.Errorf("%w: a packet of kind %x and %d bytes", errMQTT, b[0], length)
	}
	if len(b) < end {
		return 0, end, false, nil
	}
	return end, 0, true, mqttAnswer(b[0], b[head:end], h)
}

// mqttAnswer handles a packet that is not a message.
func mqttAnswer(first byte, body []byte, h Handler) error {
	switch {
	case first == mqttConnack && len(body) == 2:
		if body[1] != 0 {
			h.Err(fmt.Appendf(nil, "CONNACK %d", body[1]))
		}
	case first == mqttSuback && len(body) == 3:
		if body[2] >= mqttRefused {
			h.Err([]byte("SUBACK: subscription refused"))
		}
	case first == mqttPingresp && len(body) == 0:
		h.Pong()
	default:
		return fmt.Errorf("%w: a packet of kind %x and %d bytes", errMQTT, first, len(body))
	}
	return nil
}

// greet connects; MQTT has no word for who the broker is.
func (d mqttDialect) greet(t Target) (Broker, error) {
	broker := Broker{Name: "mqtt", Version: "MQTT 3.1.1"}
	c, err := net.DialTimeout("tcp", t.Addr.String(), answerTime)
	if err != nil {
		return broker, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(answerTime)) // cannot fail on a socket that is open
	if _, err := c.Write(d.connect(t.Login)); err != nil {
		return broker, err
	}
	var answer [4]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return broker, err
	}
	if answer != [4]byte{mqttConnack, 2, 0, 0} {
		return broker, fmt.Errorf("broker answered CONNECT with %x", answer)
	}
	return broker, nil
}
