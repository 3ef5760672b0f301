package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"strings"
	"testing"

	"gnatsd-ev/internal/config"
)

// types are the object identifiers of attributes in tests.
var types = map[string]asn1.ObjectIdentifier{
	"CN": {2, 5, 4, 3}, "C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11},
	"DC": {0, 9, 2342, 19200300, 100, 1, 25}, "EMAIL": {1, 2, 840, 113549, 1, 9, 1},
}

// certOf is a certificate with a subject: relative names as a certificate has them, the one farthest from the
// person first, "CN=a|OU=b" for one of several attributes.
func certOf(t testing.TB, rdns ...string) *x509.Certificate {
	t.Helper()
	var all pkix.RDNSequence
	for _, rdn := range rdns {
		var set pkix.RelativeDistinguishedNameSET
		for one := range strings.SplitSeq(rdn, "|") {
			kind, value, _ := strings.Cut(one, "=")
			set = append(set, pkix.AttributeTypeAndValue{Type: types[kind], Value: value})
		}
		all = append(all, set)
	}
	raw, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{RawSubject: raw}
}

// mappingOf is an authority of users whose certificates say who they are.
func mappingOf(t testing.TB, users ...config.User) *Authority {
	t.Helper()
	a, err := New(config.Authorization{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	a.MapCertificates()
	return a
}

func passes(a *Authority, c Claim) string {
	check := a.Identify(c)
	if u := check.Passes(); u != nil {
		return u.name
	}
	return ""
}

// What of a subject names a user, and what does not.
func TestSubjectsNameUsers(t *testing.T) {
	for _, c := range []struct {
		user string
		rdns []string
		want bool
	}{
		{"CN=bob,OU=eng,O=acme", []string{"O=acme", "OU=eng", "CN=bob"}, true},
		{" cn = bob , ou= eng,O=acme ", []string{"O=acme", "OU=eng", "CN=bob"}, true},
		{"O=acme,CN=bob,OU=eng", []string{"O=acme", "OU=eng", "CN=bob"}, true},
		{"CN=bob+OU=eng,O=acme", []string{"O=acme", "OU=eng|CN=bob"}, true},
		{"OU=eng+CN=bob,O=acme", []string{"O=acme", "OU=eng|CN=bob"}, true},
		{`CN=bob\, the 2nd\+,O=\41cme\20`, []string{"O=Acme ", "CN=bob, the 2nd+"}, true},
		{"CN=a=b", []string{"CN=a=b"}, true},
		{"CN=bob,DC=acme,DC=com", []string{"DC=com", "DC=acme", "CN=bob"}, true},
		{"CN=bob,DC=com,DC=acme", []string{"DC=com", "DC=acme", "CN=bob"}, true},
		{"CN=bob", []string{"DC=com", "DC=acme", "CN=bob"}, true},
		{"CN=bob,OU=a+OU=b", []string{"OU=a", "OU=b", "CN=bob"}, true}, // as Go writes a subject
		{"CN=bob,O=acme", []string{"O=acme", "EMAIL=bob@acme.com", "CN=bob"}, true},

		{"CN=bob", []string{"O=acme", "CN=bob"}, false},
		{"CN=bob,O=acme", []string{"CN=bob"}, false},
		{"CN=Bob", []string{"CN=bob"}, false},
		{"CN=bob,DC=acme", []string{"DC=com", "DC=acme", "CN=bob"}, false},
		{"CN=bob", []string{"EMAIL=bob@acme.com"}, false},
		{"bob", []string{"CN=bob"}, false},
		{"CN=#0403", []string{"CN=#0403"}, false},
	} {
		a := mappingOf(t, config.User{Name: "somebody"}, config.User{Name: c.user})
		want := ""
		if c.want {
			want = c.user
		}
		if got := passes(a, Claim{Certificate: certOf(t, c.rdns...), Via: Standard}); got != want {
			t.Errorf("%q names %q, want %q", c.rdns, got, want)
		}
	}
}

// CVE-2026-33248: a subject is compared by its parts. A value that holds the text of another attribute is no such
// attribute, and what occurs twice is not what occurs once.
func TestCVE2026_33248_SubjectIsNoText(t *testing.T) {
	a := mappingOf(t, config.User{Name: "CN=admin"}, config.User{Name: "CN=admin,O=acme"}, config.User{Name: "CN=root,OU=a,OU=b"}, config.User{Name: "CN=x,CN=y"})
	for _, rdns := range [][]string{
		{"CN=admin,O=acme"},
		{"O=acme,CN=admin"},
		{"CN=mallory,CN=admin"},
		{"CN=mallory", "CN=admin"},
		{"CN=admin", "CN=mallory"},
		{"CN=admin", "CN=admin"},
		{"CN=admin|CN=mallory"},
		{"CN=admin", "CN=admin", "O=acme"},
		{"O=acme", "O=acme", "CN=admin"},
		{"OU=a", "OU=a", "OU=b", "CN=root"},
		{"OU=a", "OU=a", "CN=root"},
		{"CN=x", "CN=x"},
		{`CN=admin"`}, {"CN=admin\x00"}, {"CN=admin "}, {`CN=admin\`},
	} {
		if got := passes(a, Claim{Certificate: certOf(t, rdns...), Via: Standard}); got != "" {
			t.Errorf("%q is taken for %s", rdns, got)
		}
	}
}

// The order is that of nats-server: email addresses, DNS names, URIs, the subject; and who may not connect so is passed
// over.
func TestOrderOfNamesInCertificates(t *testing.T) {
	uri, _ := url.Parse("spiffe://acme/bob")
	cert := certOf(t, "CN=bob")
	cert.EmailAddresses, cert.DNSNames, cert.URIs = []string{"nobody@acme", "bob@acme"}, []string{"bob.acme"}, []*url.URL{uri}
	all := []config.User{{Name: "bob@acme"}, {Name: "bob.acme"}, {Name: "spiffe://acme/bob"}, {Name: "CN=bob"}}
	for i, by := range []string{"email", "SAN", "URI", "subject"} {
		a := mappingOf(t, append([]config.User{{Name: "other"}}, all[i:]...)...)
		check := a.Identify(Claim{Certificate: cert, Via: Standard, User: "other"})
		if user, how := check.Certified(); user != all[i].Name || how != by || check.Passes() == nil {
			t.Errorf("%d: %s by %s, want %s by %s", i, user, how, all[i].Name, by)
		}
		all[i].ConnectionTypes = []string{"WEBSOCKET"}
		a = mappingOf(t, all...)
		want := ""
		if i+1 < len(all) {
			want = all[i+1].Name
		}
		if got := passes(a, Claim{Certificate: cert, Via: Standard}); got != want {
			t.Errorf("without %s: %s, want %s", all[i].Name, got, want)
		}
	}
}

// Not announced in nats-server, July 2026: who is known by a certificate alone cannot log in by name, with whatever
// password, without one or with somebody else's.
func TestCertificateUsersCannotLogInByName(t *testing.T) {
	a := mappingOf(t, config.User{Name: "CN=bob"}, config.User{Name: "CN=ann", Password: "secret"})
	bob, ann, eve := certOf(t, "CN=bob"), certOf(t, "CN=ann"), certOf(t, "CN=eve")
	for _, c := range []struct {
		claim Claim
		want  string
	}{
		{Claim{Certificate: bob}, "CN=bob"},
		{Claim{Certificate: bob, User: "CN=ann"}, "CN=bob"},
		{Claim{Certificate: ann, Password: "secret"}, "CN=ann"},
		{Claim{User: "CN=bob"}, ""},
		{Claim{User: "CN=bob", Password: "x"}, ""},
		{Claim{User: "CN=ann", Password: "secret"}, ""},
		{Claim{}, ""},
		{Claim{Certificate: eve, User: "CN=bob"}, ""},
		{Claim{Certificate: eve, User: "CN=ann", Password: "secret"}, ""},
		{Claim{Certificate: ann}, ""},
		{Claim{Certificate: bob, Password: "x"}, ""},
		{Claim{Certificate: bob, User: "CN=ann", Password: "secret"}, ""},
	} {
		c.claim.Via = Standard
		if got := passes(a, c.claim); got != c.want {
			t.Errorf("%+v is %q, want %q", c.claim, got, c.want)
		}
	}
}

// Where certificates name users nobody stays nameless but by an nkey, and nkeys go on as ever.
func TestCertificatesBesideOtherProof(t *testing.T) {
	const key = "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX"
	for nameless, want := range map[string]string{"guest": "", key: key} {
		a, err := New(config.Authorization{Users: []config.User{{Name: "guest"}, {NKey: key}}, NoAuthUser: nameless})
		if err != nil {
			t.Fatal(err)
		}
		a.MapCertificates()
		if got := passes(a, Claim{Via: Standard}); got != want {
			t.Errorf("with %s nobody in particular is %q", nameless, got)
		}
	}
	a, err := New(config.Authorization{User: "ann", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	a.MapCertificates()
	if got := passes(a, Claim{User: "ann", Password: "secret", Via: Standard}); got != "ann" {
		t.Errorf("without a list of users ann is %q", got) // as in nats-server
	}
}

// Names that are none.
func TestMalformedNames(t *testing.T) {
	for _, s := range []string{"", "a", "=a", "CN=", "CN=a,", "CN=a,O", "CN=a,O=", "CN=#04", `CN=a\`, `CN=a\4`, `CN=a\zz`, ",CN=a", "CN=a,,O=b", "CN=a+"} {
		if name, err := parseName(s); err == nil {
			t.Errorf("%q is %q", s, name)
		}
	}
}
