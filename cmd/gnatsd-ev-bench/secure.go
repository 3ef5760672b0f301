package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"os"
	"strings"

	"gnatsd-ev/bench"
)

// A proof is what flags say of how a run's connections are secured, and who they are.
type proof struct {
	on, insecure  bool
	ca, cert, key string
	users         int
	free          string
}

// flags declares them.
func (p *proof) flags(fs *flag.FlagSet, s bench.Scenario) {
	fs.BoolVar(&p.on, "tls", false, "encrypt every connection behind the broker's greeting, as a tls:// URL says; any of the --tls flags below asks for it as well")
	fs.StringVar(&p.ca, "tlscacert", "", "`file` of the authorities that may vouch for the broker; the system's by default")
	fs.StringVar(&p.cert, "tlscert", "", "`file` of a certificate to show to the broker, with --tlskey")
	fs.StringVar(&p.key, "tlskey", "", "`file` of its private key")
	fs.BoolVar(&p.insecure, "tlsinsecure", false, "take any certificate of the broker for good")
	fs.IntVar(&p.users, "users", 0, "log in as so `many` users in turn: the numbers from 0 up go behind the user's name")
	if s.Name == "rules" {
		fs.StringVar(&p.free, "free", "", "the user without rules, `user:password`; nobody in particular by default")
	}
}

// check reports flags that make no sense.
func (p *proof) check() error {
	switch {
	case (p.cert == "") != (p.key == ""):
		return errors.New("--tlscert and --tlskey go together")
	case p.users < 0:
		return errors.New("--users is negative")
	}
	return nil
}

// apply gives a target what the flags say; name is the broker's in its certificate.
func (p *proof) apply(t *bench.Target, name string) error {
	t.Login.Users = p.users
	t.Free.User, t.Free.Password, _ = strings.Cut(p.free, ":")
	if !p.on && !p.insecure && p.ca == "" && p.cert == "" {
		return nil
	}
	t.TLS = &tls.Config{ServerName: cmp.Or(name, "localhost"), InsecureSkipVerify: p.insecure}
	if p.ca != "" {
		pem, err := os.ReadFile(p.ca)
		if err != nil {
			return err
		}
		t.TLS.RootCAs = x509.NewCertPool()
		if !t.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New(p.ca + " holds no certificate")
		}
	}
	if p.cert != "" {
		pair, err := tls.LoadX509KeyPair(p.cert, p.key)
		if err != nil {
			return err
		}
		t.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}
