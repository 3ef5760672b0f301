// Package certificate makes certificates for tests and for the load tool's comparisons: an authority, and what it
// signs. Nothing the broker runs imports it.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// An Authority signs certificates. Its methods panic where they fail: without certificates there is no test.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one that nobody trusts who was not told to.
func NewAuthority(name string) *Authority {
	c := template(name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	cert, key := sign(c, nil)
	return &Authority{cert, key}
}

// Issue makes a certificate for both ends of a connection, good for an hour, for that name and for 127.0.0.1.
func (a *Authority) Issue(name string) tls.Certificate { return a.IssueAs(name, nil) }

// IssueAs is Issue for a certificate that change makes another of first, unless it is nil.
func (a *Authority) IssueAs(name string, change func(*x509.Certificate)) tls.Certificate {
	c := template(name)
	if change != nil {
		change(c)
	}
	cert, key := sign(c, a)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Files are the names of PEM files.
type Files struct {
	CA, Cert, Key string
}

// Write issues a certificate and writes it into a directory, with its key and the authority's certificate.
func (a *Authority) Write(dir, name string) Files { return a.WriteAs(dir, name, nil) }

// WriteAs is Write for what IssueAs makes.
func (a *Authority) WriteAs(dir, name string, change func(*x509.Certificate)) Files {
	c := a.IssueAs(name, change)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	must(err)
	f := Files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
	for path, block := range map[string]*pem.Block{
		f.CA:   {Type: "CERTIFICATE", Bytes: a.cert.Raw},
		f.Cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		f.Key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		must(os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return f
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// sign makes a key and the certificate for it, signed by an authority or by itself.
func sign(c *x509.Certificate, by *Authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	parent, with := c, key
	if by != nil {
		parent, with = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, with)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return cert, key
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
