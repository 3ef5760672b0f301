package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// DefaultTLSTimeout is how long a handshake may take, nats-server's.
const DefaultTLSTimeout = 2 * time.Second

// TLS says how connections are encrypted. It is plain values; the files are read by Load.
type TLS struct {
	CertFile string // PEM, with the certificates between it and the authority; empty: no TLS
	KeyFile  string // PEM
	CAFile   string // PEM, whose certificates vouch for clients; empty: those the system trusts

	Certificates []CertificateFiles // in place of CertFile and KeyFile: clients choose by the name they ask for

	Verify bool     // clients must have a certificate
	Map    bool     // and it says which user they are; with Verify
	Pinned []string // hex SHA-256 of public keys clients may have; none: any

	MinVersion    uint16        // tls.VersionTLS12 or above; 0: that
	CipherSuites  []uint16      // of TLS 1.2; nil: Go's choice of safe ones
	AllowInsecure bool          // those Go holds for unsafe may be among them
	Curves        []tls.CurveID // for agreeing on keys; nil: Go's choice
	Timeout       time.Duration // for a handshake
	RateLimit     int           // handshakes a second; 0: any number

	First         bool          // the handshake comes before INFO
	FirstFallback time.Duration // how long it is waited for until INFO goes all the same; 0: for ever
	AllowNonTLS   bool          // clients may go on in the clear behind INFO
}

// CertificateFiles are a certificate and its key.
type CertificateFiles struct {
	CertFile, KeyFile string
}

// On reports whether connections are encrypted.
func (t *TLS) On() bool { return t.CertFile != "" || len(t.Certificates) > 0 }

// Required reports whether clients must encrypt, as INFO says it.
func (t *TLS) Required() bool { return t.On() && !t.AllowNonTLS }

// Load reads the files. Errors are in nats-server's words.
func (t *TLS) Load() (*tls.Config, error) {
	certificates, err := t.certificates()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		Certificates: certificates, MinVersion: tls.VersionTLS12,
		CipherSuites: t.CipherSuites, CurvePreferences: t.Curves,
	}
	if t.Verify {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("failed to parse root ca certificate")
		}
	}
	if t.MinVersion > 0 {
		if t.MinVersion < tls.VersionTLS12 {
			return nil, fmt.Errorf("unsupported minimum TLS version: %s", tls.VersionName(t.MinVersion))
		}
		c.MinVersion = t.MinVersion
	}
	return c, nil
}

// certificates reads those of the server.
func (t *TLS) certificates() ([]tls.Certificate, error) {
	switch {
	case len(t.Certificates) > 0 && t.CertFile != "":
		return nil, errors.New("error parsing tls config, cannot combine 'cert_file' option with 'certs' option")
	case len(t.Certificates) > 0:
	case t.CertFile == "":
		return nil, errors.New("TLS Server certificate must be present and valid")
	case t.KeyFile == "":
		return nil, errors.New("TLS Server private key must be present and valid")
	default:
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("error parsing X509 certificate/key pair: %w", err)
		}
		return []tls.Certificate{cert}, nil
	}
	var all []tls.Certificate
	for i, f := range t.Certificates {
		cert, err := tls.LoadX509KeyPair(f.CertFile, f.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("error parsing X509 certificate/key pair %d/%d: %w", i+1, len(t.Certificates), err)
		}
		all = append(all, cert)
	}
	return all, nil
}

var tlsFlags = []flag{
	{[]string{"tls"}, "", "Enable TLS", func(d *draft, s string) (err error) { d.tls, err = parseChoice(s); return }},
	{[]string{"tlscert"}, "file", "Server certificate file", tlsFile(func(t *TLS) *string { return &t.CertFile })},
	{[]string{"tlskey"}, "file", "Private key for server certificate", tlsFile(func(t *TLS) *string { return &t.KeyFile })},
	{[]string{"tlsverify"}, "", "Enable TLS, verify client certificates", func(d *draft, s string) (err error) {
		d.tlsGiven = true
		d.TLS.Verify, err = parseBool(s)
		return err
	}},
	{[]string{"tlscacert"}, "file", "Client certificate CA for verification", tlsFile(func(t *TLS) *string { return &t.CAFile })},
	{[]string{"help_tls"}, "", "TLS help", func(d *draft, s string) (err error) { d.helpTLS, err = parseBool(s); return }},
}

// tlsFile sets the name of one of the files.
func tlsFile(which func(*TLS) *string) func(*draft, string) error {
	return func(d *draft, s string) error {
		d.tlsGiven = true
		*which(&d.TLS) = s
		return nil
	}
}

// settleTLS applies nats-server's rule: any flag of TLS and the block in the file ask for it, even --tlsverify=false, unless
// there is a --tls=false.
// What the files hold is checked at once: nothing must start that nobody could connect to.
func (d *draft) settleTLS() error {
	if d.tls == no || d.tls == unset && !d.tlsGiven {
		d.TLS = TLS{Timeout: d.TLS.Timeout}
		return nil
	}
	if d.origins[tlsBlock+".cert_file"].flag != "" {
		d.TLS.Certificates = nil // the flag wins
	}
	d.TLS.Verify = d.TLS.Verify || d.TLS.Map
	if d.tlsBroken {
		return nil // it was complained about
	}
	_, err := d.TLS.Load()
	return err
}

// The names of curves, strongest first, as nats-server's configuration has them; curves are what they mean.
var curveNames = []string{"X25519MLKEM768", "SecP384r1MLKEM1024", "SecP256r1MLKEM768", "X25519", "CurveP256", "CurveP384", "CurveP521"}

var curves = map[string]tls.CurveID{
	"X25519MLKEM768": tls.X25519MLKEM768, "SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024, "SecP256r1MLKEM768": tls.SecP256r1MLKEM768,
	"X25519": tls.X25519, "CurveP256": tls.CurveP256, "CurveP384": tls.CurveP384, "CurveP521": tls.CurveP521,
}

// HelpTLS returns the text of --help_tls.
func HelpTLS() string {
	var b strings.Builder
	b.WriteString(`TLS is asked for with flags:

    gnatsd-ev --tlscert server-cert.pem --tlskey server-key.pem
    gnatsd-ev --tlscert server-cert.pem --tlskey server-key.pem --tlsverify --tlscacert ca.pem

With --tlsverify clients need a certificate of one of the authorities in --tlscacert. Clients
speak TLS 1.2 or 1.3. In the configuration file it is a block, and flags win over it:

    tls { cert_file: "server-cert.pem", key_file: "server-key.pem", verify: true, ca_file: "ca.pem"
          timeout: 2, min_version: "1.2", cipher_suites: [NAME], curve_preferences: [NAME] }

With verify_and_map in place of verify certificates say which of the users in authorization clients are.
gnatsd-ev.conf lists all options.

Cipher suites:
`)
	for _, s := range tls.CipherSuites() {
		fmt.Fprintf(&b, "    %s\n", s.Name)
	}
	b.WriteString("\nCurves:\n")
	for _, name := range curveNames {
		fmt.Fprintf(&b, "    %s\n", name)
	}
	return b.String()
}
