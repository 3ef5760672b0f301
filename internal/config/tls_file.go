package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"
)

// tlsBlock is the name of the block that says how clients' connections are encrypted.
const tlsBlock = "tls"

// tlsKeys are the options of that block that we honour.
var tlsKeys = []key{
	{"cert_file", "tlscert", wantText, nil, func(o *Options) any { return o.TLS.CertFile }},
	{"key_file", "tlskey", wantText, nil, func(o *Options) any { return o.TLS.KeyFile }},
	{"ca_file", "tlscacert", wantText, nil, func(o *Options) any { return o.TLS.CAFile }},
	{"verify", "tlsverify", wantTruth, nil, func(o *Options) any { return o.TLS.Verify }},
	{"timeout", "", wantDuration, setTLSTimeout, func(o *Options) any { return o.TLS.Timeout }},
	{"min_version", "", wantText, setTLSMinVersion, func(o *Options) any { return o.TLS.minVersion() }},
	{"cipher_suites", "", wantText, addCipherSuite, func(o *Options) any { return namesOf(o.TLS.CipherSuites, tls.CipherSuiteName) }},
	{"curve_preferences", "", wantText, addCurve, func(o *Options) any { return namesOf(o.TLS.Curves, curveName) }},
}

// refusedTLSKeys are those we do not. An encrypted broker that knows less of its clients than it was told to
// ask is an open door as well.
var refusedTLSKeys = []refusedKey{
	{"verify_and_map", "users named by certificates are not supported yet, and the broker must not take clients for others", "use verify, and users or nkeys in authorization"},
	{"verify_cert_and_check_known_urls", "it is for links between servers, which are not supported", "use verify"},
	{"pinned_certs", "pinned certificates are not supported yet, and the broker must not let others in", "use verify with a ca_file of your own"},
	{"ocsp_peer", "OCSP is not supported yet, and the broker must not take certificates that were revoked", "leave it out and let certificates end soon"},
	{"handshake_first first immediate", "a handshake before INFO is not supported yet, and clients that begin with one would wait", "leave it out, here and in the clients"},
	{"connection_rate_limit", "a limit on new connections is not supported yet", "leave it out; handshakes never hold up clients that are through"},
	{"certs certificates", "several certificates are not supported yet", "use cert_file and key_file"},
	{"cert_store cert_match_by cert_match ca_certs_match cert_match_skip_invalid", "certificate stores are not supported", "use cert_file and key_file"},
	{"allow_insecure_cipher_suites", "insecure cipher suites are not supported", "leave it out and use others"},
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
	r.draft.came(tlsBlock, origin{at: e.at, key: e.key})
	r.draft.tlsGiven = true
	r.draft.tlsBroken = r.count(wrong) > before
}

// tlsKey reads one of the options.
func (r *reader) tlsKey(k key, e entry) {
	switch k.names {
	case "timeout":
		e.value = r.seconds(e).String()
	case "cipher_suites", "curve_preferences":
		list, ok := e.value.([]any)
		switch {
		case !ok:
			r.mistyped(e, "a list in brackets")
		case len(list) == 0:
			r.add(e.at, wrong, "error parsing tls config, '%s' cannot be empty", e.key)
		}
		for _, v := range list {
			r.set(k, tlsBlock, r.entry(e.key, v, e.at))
		}
		return
	}
	r.set(k, tlsBlock, e)
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
	if slices.ContainsFunc(tls.InsecureCipherSuites(), named) {
		return errors.New("insecure cipher suites are not supported; --help_tls lists the others")
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
