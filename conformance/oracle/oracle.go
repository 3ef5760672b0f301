// Package oracle runs the real nats-server inside this process.
package oracle

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"gnatsd-ev/internal/transcript"
)

// startTimeout bounds how long a server may take until it accepts.
const startTimeout = 10 * time.Second

// A Server is a running nats-server on a loopback port.
type Server struct {
	inner *server.Server
}

// Start runs a nats-server with the options of a script, on the given port of
// 127.0.0.1; port -1 takes any free one. The caller must Stop it.
func Start(options transcript.Options, port int) (*Server, error) {
	opts, err := configured(options[transcript.ConfigOption])
	if err != nil {
		return nil, err
	}
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = "127.0.0.1", port, true, true
	for name, value := range options {
		if err := set(opts, name, value); err != nil {
			return nil, fmt.Errorf("option %s: %w", name, err)
		}
	}
	if err := secure(opts); err != nil {
		return nil, err
	}
	inner, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("making a nats-server: %w", err)
	}
	go inner.Start() // ends with Stop
	if !inner.ReadyForConnections(startTimeout) {
		inner.Shutdown()
		return nil, fmt.Errorf("nats-server is not ready after %v", startTimeout)
	}
	return &Server{inner}, nil
}

// configured reads a configuration file that stands in one line, if there is one.
func configured(text string) (*server.Options, error) {
	if text == "" {
		return &server.Options{}, nil
	}
	f, err := os.CreateTemp("", "oracle-*.conf")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(text); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return server.ProcessConfigFile(f.Name())
}

func set(opts *server.Options, name, value string) (err error) {
	switch name {
	case transcript.ConfigOption:
		return nil // it was read
	case "user":
		opts.Username = value
		return nil
	case "pass":
		opts.Password = value
		return nil
	case "auth":
		opts.Authorization = value
		return nil
	case "ping_interval":
		opts.PingInterval, err = time.ParseDuration(value)
		return err
	case "write_deadline":
		opts.WriteDeadline, err = time.ParseDuration(value)
		return err
	case "tlscert":
		opts.TLSCert = value
		return nil
	case "tlskey":
		opts.TLSKey = value
		return nil
	case "tlscacert":
		opts.TLSCaCert = value
		return nil
	case "tlsverify":
		opts.TLSVerify, err = strconv.ParseBool(value)
		return err
	}
	n, err := strconv.Atoi(value)
	switch name {
	case "max_connections":
		opts.MaxConn = n
	case "max_control_line":
		opts.MaxControlLine = int32(n)
	case "max_payload":
		opts.MaxPayload = int32(n)
	case "max_pending":
		opts.MaxPending = int64(n)
	case "max_subscriptions":
		opts.MaxSubs = n
	case "max_subscription_tokens":
		opts.MaxSubTokens = uint8(n)
	case "http_port":
		opts.HTTPPort = n
	case "ping_max":
		opts.MaxPingsOut = n
	default:
		return fmt.Errorf("unknown to the oracle")
	}
	return err
}

// secure makes clients speak TLS if there is a certificate, as the flags of nats-server do.
func secure(opts *server.Options) (err error) {
	if opts.TLSCert == "" {
		return nil
	}
	opts.TLS, opts.TLSTimeout = true, server.TLS_TIMEOUT.Seconds()
	opts.TLSConfig, err = server.GenTLSConfig(&server.TLSConfigOpts{
		CertFile: opts.TLSCert, KeyFile: opts.TLSKey, CaFile: opts.TLSCaCert, Verify: opts.TLSVerify,
	})
	return err
}

// Address is the host and port clients connect to.
func (s *Server) Address() string { return s.inner.Addr().String() }

// Monitor is the host and port of its monitor, if it was given an http_port.
func (s *Server) Monitor() string { return s.inner.MonitorAddr().String() }

// Dial opens a connection to the server.
func (s *Server) Dial() (net.Conn, error) { return net.Dial("tcp", s.Address()) }

// Stop ends the server and its connections and returns when it is gone.
func (s *Server) Stop() {
	s.inner.Shutdown()
	s.inner.WaitForShutdown()
}
