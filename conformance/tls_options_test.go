package conformance

// The options of the block tls, beside nats-server.

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"gnatsd-ev/internal/transcript"
)

// pair are the keys of a block tls that every server needs.
func (v vouched) pair() string {
	return fmt.Sprintf("cert_file: %q, key_file: %q, ca_file: %q, timeout: 5", v.server.Cert, v.server.Key, v.server.CA)
}

// as are the options of a client that shows a certificate.
func (v vouched) as(cert tls.Certificate) nats.Option {
	return nats.Secure(&tls.Config{RootCAs: v.authority.Pool(), Certificates: []tls.Certificate{cert}})
}

// staysOut wants a client not to come in, whatever it is told.
func staysOut(t *testing.T, s server, why string, options ...nats.Option) {
	t.Helper()
	if nc, err := nats.Connect("nats://"+s.Address(), append([]nats.Option{nats.Timeout(wait)}, options...)...); err == nil {
		nc.Close()
		t.Errorf("%s, and it is connected", why)
	}
}

// Clients that begin with the handshake, and those that wait for INFO.
func TestTLSHandshakeFirst(t *testing.T) {
	v := vouch(t)
	for value, waits := range map[string]bool{"true": false, "auto": true, `"300ms"`: true, "false": true} {
		t.Run(value, func(t *testing.T) {
			onEach(t, configOf("tls { "+v.pair()+", handshake_first: "+value+" }"), func(t *testing.T, s server) {
				trust := nats.RootCAs(v.server.CA)
				if value != "false" {
					flush(t, connect(t, s, trust, nats.TLSHandshakeFirst()))
				}
				if waits {
					flush(t, connect(t, s, trust))
				} else {
					staysOut(t, s, "it waits for INFO", trust, nats.Timeout(wait/10))
				}
			})
		})
	}
}

// Clients with TLS and without at the same address.
func TestTLSBesideNone(t *testing.T) {
	v := vouch(t)
	onEach(t, configOf("tls { "+v.pair()+" }\nallow_non_tls: true\n"), func(t *testing.T, s server) {
		plain, secret := connect(t, s), connect(t, s, nats.Secure(), nats.RootCAs(v.server.CA))
		if _, err := plain.TLSConnectionState(); err == nil {
			t.Error("who did not ask for it is encrypted")
		}
		if _, err := secret.TLSConnectionState(); err != nil {
			t.Errorf("who asked for it is not encrypted: %v", err)
		}
		sub := subscribe(t, plain, "both", "")
		publish(t, secret, "both", []byte("hi"))
		if m := next(t, sub); string(m.Data) != "hi" {
			t.Errorf("got %q", m.Data)
		}
	})
}

// rdn is a relative name of one attribute.
func rdn(oid asn1.ObjectIdentifier, value string) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
}

var (
	oidCN, oidO, oidOU = asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 10}, asn1.ObjectIdentifier{2, 5, 4, 11}
	oidDC              = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
	oidEmail           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// named makes a certificate with a subject and nothing else that says who it is.
func (v vouched) named(t *testing.T, rdns ...pkix.RelativeDistinguishedNameSET) tls.Certificate {
	raw, err := asn1.Marshal(pkix.RDNSequence(rdns))
	if err != nil {
		t.Fatal(err)
	}
	return v.authority.IssueAs("x", func(c *x509.Certificate) { c.RawSubject, c.DNSNames, c.IPAddresses = raw, nil, nil })
}

// Who certificates say that clients are. Each user may publish to a subject of its own, which tells who somebody was
// taken for.
func TestVerifyAndMap(t *testing.T) {
	v := vouch(t)
	users := []string{"bob@acme.com", "bob.acme.com", "spiffe://acme/bob", "CN=bob,O=acme", "OU=eng,CN=ann,O=acme", "CN=dora,DC=acme,DC=com", "CN=eve"}
	var list strings.Builder
	for i, u := range users {
		fmt.Fprintf(&list, "{ user: %q, permissions: { publish: \"is.%d\" } }\n", u, i)
	}
	list.WriteString(`{ user: "CN=fay", password: "secret", permissions: { publish: "is.fay" } }`)
	text := "tls { " + v.pair() + ", verify_and_map: true }\nauthorization { users: [\n" + list.String() + "\n] }\n"
	uri, _ := url.Parse("spiffe://acme/bob")
	issue := func(change func(*x509.Certificate)) tls.Certificate {
		return v.authority.IssueAs("other.acme.com", change)
	}
	onEach(t, configOf(text), func(t *testing.T, s server) {
		for name, c := range map[string]struct {
			cert tls.Certificate
			is   string // "" is nobody
			more []nats.Option
		}{
			"email": {issue(func(c *x509.Certificate) { c.EmailAddresses = []string{"x@y", "bob@acme.com"} }), "0", nil},
			"email before DNS": {issue(func(c *x509.Certificate) {
				c.EmailAddresses, c.DNSNames = []string{"bob@acme.com"}, []string{"bob.acme.com"}
			}), "0", nil},
			"DNS":                    {issue(func(c *x509.Certificate) { c.DNSNames = []string{"bob.acme.com"} }), "1", nil},
			"URI":                    {issue(func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }), "2", nil},
			"subject":                {v.named(t, rdn(oidO, "acme"), rdn(oidCN, "bob")), "3", nil},
			"subject, reordered":     {v.named(t, rdn(oidOU, "eng"), rdn(oidO, "acme"), rdn(oidCN, "ann")), "4", nil},
			"subject with domain":    {v.named(t, rdn(oidDC, "com"), rdn(oidDC, "acme"), rdn(oidCN, "dora")), "5", nil},
			"subject without it":     {v.named(t, rdn(oidDC, "com"), rdn(oidDC, "acme"), rdn(oidCN, "eve")), "6", nil},
			"subject, email in it":   {v.named(t, rdn(oidEmail, "e@x"), rdn(oidCN, "eve")), "6", nil},
			"another name":           {v.named(t, rdn(oidCN, "eve")), "6", []nats.Option{nats.UserInfo("CN=bob,O=acme", "")}},
			"with password":          {v.named(t, rdn(oidCN, "fay")), "fay", []nats.Option{nats.UserInfo("CN=fay", "secret")}},
			"without it":             {v.named(t, rdn(oidCN, "fay")), "", nil},
			"nobody":                 {issue(nil), "", nil},
			"nobody, with a name":    {issue(nil), "", []nats.Option{nats.UserInfo("CN=eve", "")}},
			"a part of a name":       {v.named(t, rdn(oidCN, "bob")), "", nil},
			"more than a name":       {v.named(t, rdn(oidO, "acme"), rdn(oidOU, "x"), rdn(oidCN, "bob")), "", nil},
			"a name within a value":  {v.named(t, rdn(oidCN, "bob,O=acme")), "", nil},
			"a name within a value2": {v.named(t, rdn(oidCN, "x,CN=eve")), "", nil},
			"part of it doubled":     {v.named(t, rdn(oidO, "acme"), rdn(oidO, "acme"), rdn(oidCN, "bob")), "", nil},
		} {
			options := append(c.more, v.as(c.cert))
			if c.is == "" {
				refused(t, s, name, options...)
				continue
			}
			told := make(chan error, 10)
			nc, err := nats.Connect("nats://"+s.Address(), append(options, nats.Timeout(wait), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))...)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			publish(t, nc, "is."+c.is, nil)
			publish(t, nc, "is.nobody", nil)
			flush(t, nc)
			nc.Close()
			if err := <-told; !strings.Contains(err.Error(), "is.nobody") {
				t.Errorf("%s is not user %s: %v", name, c.is, err)
			}
		}
		refused(t, s, "a name and no such certificate", v.as(v.authority.Issue("x")), nats.UserInfo("CN=eve", ""))
	})
}

// Keys that are named and others.
func TestPinnedCerts(t *testing.T) {
	v := vouch(t)
	good, other := v.authority.Issue("client"), v.authority.Issue("client")
	pin := fmt.Sprintf("%X", sha256.Sum256(good.Leaf.RawSubjectPublicKeyInfo))
	onEach(t, configOf("tls { "+v.pair()+", verify: true, pinned_certs: ["+`"`+pin+`"] }`), func(t *testing.T, s server) {
		flush(t, connect(t, s, v.as(good)))
		staysOut(t, s, "its key is not named", v.as(other))
	})
}

// The name that a client asks for chooses the certificate.
func TestSeveralCertificates(t *testing.T) {
	v := vouch(t)
	a, b := v.authority.Write(t.TempDir(), "a.acme.com"), v.authority.Write(t.TempDir(), "b.acme.com")
	text := fmt.Sprintf("tls { certs: [ { cert_file: %q, key_file: %q }, { cert_file: %q, key_file: %q } ], timeout: 5 }", a.Cert, a.Key, b.Cert, b.Key)
	onEach(t, configOf(text), func(t *testing.T, s server) {
		for asked, want := range map[string]string{"a.acme.com": "a.acme.com", "b.acme.com": "b.acme.com"} {
			nc := connect(t, s, nats.Secure(&tls.Config{RootCAs: v.authority.Pool(), ServerName: asked}))
			state, err := nc.TLSConnectionState()
			if err != nil || state.PeerCertificates[0].Subject.CommonName != want {
				t.Errorf("%s shows %v, %v", asked, state.PeerCertificates, err)
			}
		}
	})
}

// CVE-2021-32026: what ciphers there are does not depend on whether TLS was asked for in the file or by flags; and a
// list in the file holds where flags name the certificate.
func TestCVE2021_32026_CiphersByFlagsAndByFile(t *testing.T) {
	v := vouch(t)
	taken := func(t *testing.T, s server) (all []uint16) {
		for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			config := &tls.Config{RootCAs: v.authority.Pool(), MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{c.ID}}
			if nc, err := nats.Connect("nats://"+s.Address(), nats.Secure(config), nats.Timeout(wait)); err == nil {
				nc.Close()
				all = append(all, c.ID)
			}
		}
		return all
	}
	const chosen = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	list := transcript.Options{transcript.ConfigOption: "tls { " + v.pair() + `, cipher_suites: ["` + tls.CipherSuiteName(chosen) + `"] }`}
	both := transcript.Options{"tlscert": v.server.Cert, "tlskey": v.server.Key, transcript.ConfigOption: list[transcript.ConfigOption]}
	for _, b := range brokers[:2] {
		t.Run(b.name, func(t *testing.T) {
			byFile, byFlags := taken(t, b.start(t, configOf("tls { "+v.pair()+" }"), 0)), taken(t, b.start(t, v.options(false), 0))
			if fmt.Sprint(byFile) != fmt.Sprint(byFlags) || len(byFile) == 0 {
				t.Errorf("by file %x, by flags %x", byFile, byFlags)
			}
			if got := taken(t, b.start(t, list, 0)); fmt.Sprint(got) != fmt.Sprint([]uint16{chosen}) {
				t.Errorf("of a list of one %x are taken", got)
			}
			if b.loops == 0 {
				return // its flags replace the whole block
			}
			if got := taken(t, b.start(t, both, 0)); fmt.Sprint(got) != fmt.Sprint([]uint16{chosen}) {
				t.Errorf("of a list in the file beside flags %x are taken", got)
			}
		})
	}
}
