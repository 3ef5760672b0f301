package config

import (
	"crypto/tls"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/certificate"
)

// What the block says applies, flags win over what they name, and what is shown reads back.
func TestTLSBlock(t *testing.T) {
	f := certificate.NewAuthority("authority").Write(t.TempDir(), "server")
	other := certificate.NewAuthority("other").Write(t.TempDir(), "server")
	pair := fmt.Sprintf("cert_file: %q, key_file: %q", f.Cert, f.Key)
	on := TLS{CertFile: f.Cert, KeyFile: f.Key, Timeout: DefaultTLSTimeout}
	with := func(change func(*TLS)) TLS { c := on; change(&c); return c }
	for _, c := range []struct {
		block, flags string
		want         TLS
	}{
		{pair, "", on},
		{pair + ", verify: true, ca_file: '" + f.CA + "'", "", with(func(c *TLS) { c.Verify, c.CAFile = true, f.CA })},
		{pair + ", timeout: 0.5", "", with(func(c *TLS) { c.Timeout = time.Second / 2 })},
		{pair + ", timeout: '1m'", "", with(func(c *TLS) { c.Timeout = time.Minute })},
		{pair + ", timeout: 0", "", on},
		{pair + ", min_version: '1.3', curve_preferences: [CurveP256, X25519]", "",
			with(func(c *TLS) { c.MinVersion, c.Curves = tls.VersionTLS13, []tls.CurveID{tls.CurveP256, tls.X25519} })},
		{pair + ", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", "",
			with(func(c *TLS) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} })},
		{pair + ", verify_and_map: false, handshake_first: off, ocsp_peer: false", "", on},
		{pair, "--tls", on},
		{pair, "--tls=false", TLS{Timeout: DefaultTLSTimeout}},
		{pair + ", timeout: 5", "--tls=false", TLS{Timeout: 5 * time.Second}},
		{pair, "--tlsverify", with(func(c *TLS) { c.Verify = true })},
		{pair + ", verify: true", "--tlsverify=false", on},
		{pair + ", verify: true", "--tlscert " + other.Cert + " --tlskey " + other.Key,
			with(func(c *TLS) { c.CertFile, c.KeyFile, c.Verify = other.Cert, other.Key, true })},
	} {
		s, err := Read(append([]string{"-c", writtenTo(t, "tls { "+c.block+" }")}, strings.Fields(c.flags)...))
		if err != nil {
			t.Errorf("%s %s: %v", c.block, c.flags, err)
			continue
		}
		if !reflect.DeepEqual(s.Options.TLS, c.want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", c.block, c.flags, s.Options.TLS, c.want)
		}
		again, err := Read([]string{"-c", writtenTo(t, s.Show())})
		if err != nil {
			t.Errorf("%s\n%v", s.Show(), err)
		} else if c.want.On() && !reflect.DeepEqual(again.Options.TLS, c.want) {
			t.Errorf("%s reads back as\n%+v, not\n%+v", s.Show(), again.Options.TLS, c.want)
		}
	}
}

// A block that cannot be honoured starts nothing, and never a broker in the clear.
func TestTLSBlockIsNeverIgnored(t *testing.T) {
	f := certificate.NewAuthority("authority").Write(t.TempDir(), "server")
	pair := fmt.Sprintf("cert_file: %q, key_file: %q, ", f.Cert, f.Key)
	for block, want := range map[string]string{
		"":                                                 "TLS Server certificate must be present and valid",
		"cert_file: '" + f.Cert + "'":                      "TLS Server private key must be present and valid",
		"cert_file: nope, key_file: nope":                  "test.conf:1:1: error parsing X509 certificate/key pair: open nope: no such file",
		pair + "min_version: '1.1'":                        "unsupported TLS version: TLS 1.1",
		pair + "min_version: '2'":                          "unknown version: 2",
		pair + "min_version: 1.2":                          "text in quotes is wanted",
		pair + "timeout: -1":                               "timeout -1: allowed is",
		pair + "timeout: soon":                             "a duration such as",
		pair + "cipher_suites: []":                         "'cipher_suites' cannot be empty",
		pair + "cipher_suites: [X]":                        "unrecognized cipher",
		pair + "cipher_suites: X":                          "a list in brackets is wanted",
		pair + "cipher_suites: [5 ]":                       "text in quotes is wanted",
		pair + "curve_preferences: [P256]":                 "unrecognized curve preference",
		pair + "verify: 1":                                 "true or false is wanted",
		pair + "verfy: true":                               `did you mean "verify"?`,
		pair + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]": "insecure cipher suites are not supported",
	} {
		_, err := Read([]string{"-c", writtenTo(t, "tls { "+block+" }")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "test.conf:1:") != 1 {
			t.Errorf("%s: %v, want %q alone", block, err, want)
		}
	}
	for _, k := range refusedTLSKeys {
		for name := range strings.FieldsSeq(k.names) {
			_, err := Read([]string{"-c", writtenTo(t, "tls { "+pair+name+": true }")})
			if err == nil || !strings.Contains(err.Error(), name+": "+k.why) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
