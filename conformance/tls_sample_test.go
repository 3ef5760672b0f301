package conformance

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// The sample of TLS starts under both as it is, and who may do what there is the same.
func TestTLSSample(t *testing.T) {
	binary(t) // it is built from here
	text, err := os.ReadFile(filepath.Join("..", "docs", "tls.conf"))
	if err != nil {
		t.Fatal(err)
	}
	v := vouch(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("certs", 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{v.server.Cert: "server-cert.pem", v.server.Key: "server-key.pem", v.server.CA: "ca.pem"} {
		if err := os.Rename(from, filepath.Join("certs", to)); err != nil {
			t.Fatal(err)
		}
	}
	onEach(t, configOf(string(text)), func(t *testing.T, s server) {
		for may, change := range map[string]func(*x509.Certificate){
			"anything":      func(c *x509.Certificate) { c.EmailAddresses = []string{"admin@example.com"} },
			"sensors.a.one": func(c *x509.Certificate) { c.DNSNames = []string{"gateway.example.com"} },
			"sensors.b.two": func(c *x509.Certificate) {
				c.DNSNames = nil
				c.Subject = pkix.Name{CommonName: "sensor-1", OrganizationalUnit: []string{"field"}, Organization: []string{"Example"}}
			},
		} {
			told := make(chan error, 10)
			nc, err := nats.Connect("nats://"+s.Address(), v.as(v.authority.IssueAs("client", change)), nats.TLSHandshakeFirst(), nats.Timeout(wait),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
			if err != nil {
				t.Errorf("who may publish to %s: %v", may, err)
				continue
			}
			publish(t, nc, may, nil)
			flush(t, nc)
			publish(t, nc, "other", nil)
			flush(t, nc)
			nc.Close()
			if may == "anything" && len(told) > 0 {
				t.Errorf("an administrator is told %v", <-told)
			} else if may != "anything" {
				if err := fmt.Sprint(<-told); !strings.Contains(err, `"other"`) {
					t.Errorf("who may publish to %s is told %v", may, err)
				}
			}
		}
		refused(t, s, "nobody has such a certificate", v.as(v.authority.Issue("client")))
	})
}
