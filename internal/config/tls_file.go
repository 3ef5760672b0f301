package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tlsBlock is the name of the block that says how clients' connections are encrypted.
const tlsBlock = "tls"

// tlsKeys are the options of that block that we honour.
var tlsKeys = []key{
	{"cert_file", "tlscert", wantText, nil, func(o *Options) any { return o.TLS.CertFile }},
	{"key_file", "tlskey", wantText, nil, func(o *Options) any { return o.TLS.KeyFile }},
	{"ca_file", "tlscacert", wantText, nil, func(o *Options) any { return o.TLS.CAFile }},
	{"certs certificates", "", wantText, nil, func(o *Options) any { return none(o.TLS.Certificates) }},
	{"verify", "tlsverify", wantTruth, nil, func(o *Options) any { return o.TLS.Verify }},
	{"verify_and_map", "", wantTruth, truth(func(t *TLS) *bool { return &t.Map }), func(o *Options) any { return o.TLS.Map }},
	{"pinned_certs", "", wantText, addPin, func(o *Options) any { return none(o.TLS.Pinned) }},
	{"timeout", "", wantDuration, setTLSTimeout, func(o *Options) any { return o.TLS.Timeout }},
	{"min_version", "", wantText, setTLSMinVersion, func(o *Options) any { return o.TLS.minVersion() }},
	{"connection_rate_limit", "", wantNumber, setRateLimit, func(o *Options) any { return o.TLS.RateLimit }},
	{"handshake_first first immediate", "", wantText, setFirst, func(o *Options) any { return o.TLS.first() }},
	{"allow_insecure_cipher_suites", "", wantTruth, truth(func(t *TLS) *bool { return &t.AllowInsecure }), func(o *Options) any { return o.TLS.AllowInsecure }},
	{"cipher_suites", "", wantText, addCipherSuite, func(o *Options) any { return namesOf(o.TLS.CipherSuites, tls.CipherSuiteName) }},
	{"curve_preferences", "", wantText, addCurve, func(o *Options) any { return namesOf(o.TLS.Curves, curveName) }},
}

// refusedTLSKeys are those we do not. An encrypted broker that knows less of its clients than it was told to
// ask is an open door as well.
var refusedTLSKeys = []refusedKey{
	{"verify_cert_and_check_known_urls", "it is for links between servers, which are not supported", "use verify"},
	{"ocsp_peer", "OCSP is not supported yet, and the broker must not take certificates that were revoked", "leave it out and let certificates end soon"},
	{"cert_store cert_match_by cert_match ca_certs_match cert_match_skip_invalid", "certificate stores are not supported", "use cert_file and key_file"},
	{"insecure", "it is for connections to other servers, which are not supported", "leave it out"},
}

// tls reads the block.
func (r *reader) tls(e entry) {
	before := r.count(wrong)
	var all []field
	for _, k := range tlsKeys {
		all = append(all, field{k.names, func(e entry) { r.tlsKey(k, e) }})
	}
	for _, k := range refusedTLSKeys {
		all = append(all, field{k.names, func(e entry) { r.refuse(k, e) }})
	}
	r.block(e, all)
	r.insecure(e)
	r.draft.came(tlsBlock, origin{at: e.at, key: e.key})
	r.draft.tlsGiven = true
	r.draft.tlsBroken = r.count(wrong) > before
}

// tlsKey reads one of the options.
func (r *reader) tlsKey(k key, e entry) {
	switch k.names {
	case "timeout":
		e.value = r.seconds(e).String()
	case "cipher_suites", "curve_preferences", "pinned_certs":
		list, ok := e.value.([]any)
		switch {
		case !ok:
			r.mistyped(e, "a list in brackets")
		case len(list) == 0 && k.names != "pinned_certs":
			r.add(e.at, wrong, "error parsing tls config, '%s' cannot be empty", e.key)
		}
		for _, v := range list {
			r.set(k, tlsBlock, r.entry(e.key, v, e.at))
		}
		return
	case "certs certificates":
		r.certificates(k, e)
		return
	case "handshake_first first immediate":
		if yes, ok := e.value.(bool); ok {
			e.value = strconv.FormatBool(yes)
		}
	}
	r.set(k, tlsBlock, e)
}

// certificates reads a list of pairs of files.
func (r *reader) certificates(k key, e entry) {
	list, ok := e.value.([]any)
	if !ok {
		r.mistyped(e, "a list in brackets")
		return
	}
	for _, v := range list {
		var f CertificateFiles
		one := r.entry(e.key, v, e.at)
		r.block(one, []field{
			{"cert_file", func(e entry) { f.CertFile, _ = r.plain(e, wantText) }},
			{"key_file", func(e entry) { f.KeyFile, _ = r.plain(e, wantText) }},
		})
		if f.CertFile == "" || f.KeyFile == "" {
			r.add(one.at, wrong, "error parsing certificates config: both 'cert_file' and 'cert_key' options are required")
			continue
		}
		r.draft.TLS.Certificates = append(r.draft.TLS.Certificates, f)
	}
	r.draft.came(k.name(tlsBlock), origin{at: e.at, key: e.key})
}

// insecure complains about cipher suites that nobody has allowed.
func (r *reader) insecure(e entry) {
	var names []string
	for _, id := range r.draft.TLS.CipherSuites {
		if slices.ContainsFunc(tls.InsecureCipherSuites(), func(c *tls.CipherSuite) bool { return c.ID == id }) {
			names = append(names, tls.CipherSuiteName(id))
		}
	}
	if len(names) > 0 && !r.draft.TLS.AllowInsecure {
		r.add(e.at, wrong, "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: %s", strings.Join(names, ", "))
	}
}

// truth sets what is true or false.
func truth(which func(*TLS) *bool) func(*draft, string) error {
	return func(d *draft, s string) (err error) {
		*which(&d.TLS), err = parseBool(s)
		return err
	}
}

var pin = regexp.MustCompile("^[a-f0-9]{64}$")

func addPin(d *draft, s string) error {
	s = strings.ToLower(s)
	if !pin.MatchString(s) {
		return errors.New("does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo")
	}
	d.TLS.Pinned = append(d.TLS.Pinned, s)
	return nil
}

// setRateLimit takes what is not above 0 for no limit, as nats-server does.
func setRateLimit(d *draft, s string) error {
	n, err := parseSizeIn(s, math.MinInt32, math.MaxInt32, 0)
	d.TLS.RateLimit = int(max(n, 0))
	return err
}

// autoFallback is how long a handshake is waited for with "auto".
const autoFallback = 50 * time.Millisecond

func setFirst(d *draft, s string) error {
	t := &d.TLS
	t.First, t.FirstFallback = true, 0
	switch strings.ToLower(s) {
	case "true", "on":
	case "false", "off":
		t.First = false
	case "auto", "auto_fallback":
		t.FirstFallback = autoFallback
	default:
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 || d > time.Hour {
			return errors.New(`true, false, auto or a duration such as "300ms" is wanted, an hour at most`)
		}
		t.FirstFallback = d
	}
	return nil
}

// first is what was set, for config show.
func (t *TLS) first() any {
	switch {
	case t.First && t.FirstFallback > 0:
		return t.FirstFallback.String()
	case t.First:
		return "true"
	}
	return "false"
}

func setTLSTimeout(d *draft, s string) (err error) {
	if d.TLS.Timeout, err = time.ParseDuration(s); d.TLS.Timeout == 0 {
		d.TLS.Timeout = DefaultTLSTimeout
	}
	return err
}

// tlsVersions are the names of versions. nats-server knows older ones by name too, and refuses them.
var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func setTLSMinVersion(d *draft, s string) error {
	v, known := tlsVersions[s]
	switch {
	case !known:
		return fmt.Errorf("unknown version: %v", s)
	case v < tls.VersionTLS12:
		return fmt.Errorf("unsupported TLS version: %s", tls.VersionName(v))
	}
	d.TLS.MinVersion = v
	return nil
}

// minVersion is what was set, for config show.
func (t *TLS) minVersion() any {
	for name, v := range tlsVersions {
		if v == t.MinVersion {
			return name
		}
	}
	return nil
}

func addCipherSuite(d *draft, s string) error {
	named := func(c *tls.CipherSuite) bool { return c.Name == s }
	if i := slices.IndexFunc(tls.CipherSuites(), named); i >= 0 {
		d.TLS.CipherSuites = append(d.TLS.CipherSuites, tls.CipherSuites()[i].ID)
		return nil
	}
	if i := slices.IndexFunc(tls.InsecureCipherSuites(), named); i >= 0 {
		d.TLS.CipherSuites = append(d.TLS.CipherSuites, tls.InsecureCipherSuites()[i].ID)
		return nil
	}
	return errors.New("unrecognized cipher; --help_tls lists all")
}

func addCurve(d *draft, s string) error {
	id, known := curves[s]
	if !known {
		return errors.New("unrecognized curve preference; --help_tls lists all")
	}
	d.TLS.Curves = append(d.TLS.Curves, id)
	return nil
}

func curveName(id tls.CurveID) string {
	for name, known := range curves {
		if known == id {
			return name
		}
	}
	return id.String()
}

// namesOf are the names of what a list holds, nil where there is none, for config show.
func namesOf[T any](all []T, name func(T) string) any {
	if all == nil {
		return nil
	}
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return names
}

// none is nil in place of a list without anything in it, for config show.
func none[T any](all []T) any {
	if len(all) == 0 {
		return nil
	}
	return all
}
