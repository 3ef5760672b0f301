package config

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gnatsd-ev/internal/certificate"
)

// Flags of TLS, with nats-server's rule of when they ask for it and its words for what is wrong.
func TestTLSFlags(t *testing.T) {
	dir := t.TempDir()
	f := certificate.NewAuthority("authority").Write(dir, "server")
	other := certificate.NewAuthority("other").Write(t.TempDir(), "other")
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	pair := "--tlscert " + f.Cert + " --tlskey " + f.Key
	on := TLS{CertFile: f.Cert, KeyFile: f.Key, Timeout: DefaultTLSTimeout}
	verify := on
	verify.Verify, verify.CAFile = true, f.CA
	off := TLS{Timeout: DefaultTLSTimeout}
	for _, c := range []struct {
		line string
		want TLS
		err  string
	}{
		{"", off, ""}, {"--tls=false", off, ""}, {"--tls=false " + pair, off, ""}, {pair + " --tls=false", off, ""},
		{pair, on, ""}, {"--tls " + pair, on, ""}, {"--tlsverify=false " + pair, on, ""},
		{"--tlsverify --tlscacert " + f.CA + " " + pair, verify, ""},
		{"--tls", off, "TLS Server certificate must be present and valid"},
		{"--tlsverify=false", off, "TLS Server certificate must be present and valid"},
		{"--tlscert " + f.Cert, off, "TLS Server private key must be present and valid"},
		{"--tlscert no --tlskey no", off, "error parsing X509 certificate/key pair: open no: no such file"},
		{"--tlscert " + f.Cert + " --tlskey " + other.Key, off, "error parsing X509 certificate/key pair: tls: private key does not match public key"},
		{pair + " --tlscacert no", off, "open no: no such file"},
		{pair + " --tlscacert " + junk, off, "failed to parse root ca certificate"},
		{"--tls=maybe", off, "true or false"},
	} {
		o, _, err := read(c.line)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, want %q", c.line, err, c.err)
			}
		case err != nil:
			t.Errorf("%q: %v", c.line, err)
		case o.TLS.CertFile != c.want.CertFile || o.TLS.KeyFile != c.want.KeyFile || o.TLS.CAFile != c.want.CAFile ||
			o.TLS.Verify != c.want.Verify || o.TLS.Timeout != c.want.Timeout || o.TLS.On() != c.want.On():
			t.Errorf("%q: %+v, want %+v", c.line, o.TLS, c.want)
		}
	}
}

func TestTLSConfig(t *testing.T) {
	f := certificate.NewAuthority("authority").Write(t.TempDir(), "server")
	o := TLS{CertFile: f.Cert, KeyFile: f.Key}
	c, err := o.Load()
	if err != nil || c.MinVersion != tls.VersionTLS12 || c.ClientAuth != tls.NoClientCert || c.ClientCAs != nil || len(c.Certificates) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	o.Verify, o.CAFile, o.MinVersion = true, f.CA, tls.VersionTLS13
	o.Curves, o.CipherSuites = []tls.CurveID{tls.CurveP256}, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	c, err = o.Load()
	if err != nil || c.MinVersion != tls.VersionTLS13 || c.ClientAuth != tls.RequireAndVerifyClientCert || c.ClientCAs == nil ||
		len(c.CurvePreferences) != 1 || len(c.CipherSuites) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	o.MinVersion = tls.VersionTLS11
	if _, err = o.Load(); err == nil || err.Error() != "unsupported minimum TLS version: TLS 1.1" {
		t.Errorf("TLS 1.1: %v", err)
	}
}

func TestTLSHelp(t *testing.T) {
	if _, action, err := read("--help_tls"); action != ShowTLSHelp || err != nil {
		t.Errorf("action %d, %v", action, err)
	}
	for _, want := range []string{"--tlsverify", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768"} {
		if !strings.Contains(HelpTLS(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
