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
		{pair + ", verify_and_map: true", "", with(func(c *TLS) { c.Verify, c.Map = true, true })},
		{pair + ", verify_and_map: true, verify: false", "", with(func(c *TLS) { c.Verify, c.Map = true, true })},
		{pair + ", pinned_certs: ['" + strings.Repeat("AB", 32) + "']", "", with(func(c *TLS) { c.Pinned = []string{strings.Repeat("ab", 32)} })},
		{pair + ", pinned_certs: []", "", on},
		{pair + ", connection_rate_limit: 100", "", with(func(c *TLS) { c.RateLimit = 100 })},
		{pair + ", connection_rate_limit: -1", "", on},
		{pair + ", handshake_first: true", "", with(func(c *TLS) { c.First = true })},
		{pair + ", first: 'auto'", "", with(func(c *TLS) { c.First, c.FirstFallback = true, autoFallback })},
		{pair + ", immediate: '300ms'", "", with(func(c *TLS) { c.First, c.FirstFallback = true, 300*time.Millisecond })},
		{pair + " }\nallow_non_tls: true\nevent_loops {", "", with(func(c *TLS) { c.AllowNonTLS = true })},
		{"certs: [{ " + pair + " }, { cert_file: '" + other.Cert + "', key_file: '" + other.Key + "' }]", "",
			with(func(c *TLS) {
				c.CertFile, c.KeyFile, c.Certificates = "", "", []CertificateFiles{{f.Cert, f.Key}, {other.Cert, other.Key}}
			})},
		{"certificates: [{ " + pair + " }]", "--tlscert " + other.Cert + " --tlskey " + other.Key,
			with(func(c *TLS) { c.CertFile, c.KeyFile = other.Cert, other.Key })},
		{pair + ", allow_insecure_cipher_suites: true, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "",
			with(func(c *TLS) { c.AllowInsecure, c.CipherSuites = true, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA} })},
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
		"":                                                        "TLS Server certificate must be present and valid",
		"cert_file: '" + f.Cert + "'":                             "TLS Server private key must be present and valid",
		"cert_file: nope, key_file: nope":                         "test.conf:1:1: error parsing X509 certificate/key pair: open nope: no such file",
		pair + "min_version: '1.1'":                               "unsupported TLS version: TLS 1.1",
		pair + "min_version: '2'":                                 "unknown version: 2",
		pair + "min_version: 1.2":                                 "text in quotes is wanted",
		pair + "timeout: -1":                                      "timeout -1: allowed is",
		pair + "timeout: soon":                                    "a duration such as",
		pair + "cipher_suites: []":                                "'cipher_suites' cannot be empty",
		pair + "cipher_suites: [X]":                               "unrecognized cipher",
		pair + "cipher_suites: X":                                 "a list in brackets is wanted",
		pair + "cipher_suites: [5 ]":                              "text in quotes is wanted",
		pair + "curve_preferences: [P256]":                        "unrecognized curve preference",
		pair + "verify: 1":                                        "true or false is wanted",
		pair + "verfy: true":                                      `did you mean "verify"?`,
		pair + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]":        "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: TLS_RSA_WITH_RC4_128_SHA",
		pair + "pinned_certs: [abc]":                              "does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
		pair + "pinned_certs: abc":                                "a list in brackets is wanted",
		pair + "connection_rate_limit: fast":                      "a whole number is wanted",
		pair + "handshake_first: perhaps":                         `true, false, auto or a duration such as "300ms" is wanted`,
		pair + "handshake_first: 5":                               "text in quotes is wanted",
		pair + "verify_and_map: 1":                                "true or false is wanted",
		pair + "certs: [{" + pair + "}]":                          "cannot combine 'cert_file' option with 'certs' option",
		"certs: [{ cert_file: a }]":                               "both 'cert_file' and 'cert_key' options are required",
		"certs: [{ " + pair + "}, { cert_file: a, key_file: b }]": "error parsing X509 certificate/key pair 2/2: open a: no such file",
		"certs: a": "a list in brackets is wanted",
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
