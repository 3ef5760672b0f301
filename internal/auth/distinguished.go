package auth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Distinguished names. A certificate's subject and a user's name are compared as what they consist of, never as
// text: a value may hold what looks like another attribute, and text that was put together from a
// subject has lost what occurs twice (CVE-2026-33248 in nats-server).

// A distinguished is a name as a list of relative names, each a set of attributes; as RFC 4514 writes it, the one
// nearest to the person first. Attributes are "TYPE=value".
type distinguished [][]string

// attributeTypes are the short names of attributes of subjects; dc is that of a domain component.
var attributeTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "POSTALCODE", "0.9.2342.19200300.100.1.25": dc,
}

const dc = "DC"

// attribute is one of them, so that equal ones are equal text: types have no case.
func attribute(kind, value string) string { return strings.ToUpper(kind) + "=" + value }

// isDC reports whether an attribute is a domain component.
func isDC(a string) bool { return strings.HasPrefix(a, dc+"=") }

// subjectOf reads a certificate's subject. whole says that it holds no attributes but known ones; others
// are left out.
func subjectOf(raw []byte) (name distinguished, whole bool) {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &rdns); err != nil || len(rest) > 0 {
		return nil, false
	}
	whole = true
	for _, rdn := range slices.Backward(rdns) {
		var one []string
		for _, a := range rdn {
			kind, known := attributeTypes[a.Type.String()]
			value, text := a.Value.(string)
			if !known || !text {
				whole = false
				continue
			}
			one = append(one, attribute(kind, value))
		}
		if len(one) > 0 {
			name = append(name, one)
		}
	}
	return name, whole && len(name) > 0
}

var errNoName = errors.New("not a distinguished name")

// parseName reads a name as RFC 4514 writes it. Values in hexadecimal BER (#...) are not understood.
func parseName(s string) (distinguished, error) {
	var name distinguished
	var one []string
	for s != "" {
		kind, rest, ok := strings.Cut(s, "=")
		kind = strings.Trim(kind, " ")
		if !ok || kind == "" || strings.ContainsAny(kind, `,+\"`) || strings.HasPrefix(rest, "#") {
			return nil, errNoName
		}
		value, end, err := parseValue(rest)
		if err != nil || value == "" {
			return nil, errNoName
		}
		one = append(one, attribute(kind, value))
		if end == len(rest) {
			return append(name, one), nil
		}
		if rest[end] == ',' {
			name, one = append(name, one), nil
		}
		if s = rest[end+1:]; s == "" {
			return nil, errNoName
		}
	}
	return nil, errNoName
}

// parseValue reads a value up to an unescaped comma or plus, or to the end, and returns where that is. Blanks
// around it do not count unless they are escaped.
func parseValue(s string) (value string, end int, err error) {
	var b []byte
	kept := 0 // bytes of b that are no trailing blanks
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ',' || c == '+':
			return string(b[:kept]), i, nil
		case c == '\\' && i+1 < len(s) && strings.IndexByte(` "#+,;<=>\`, s[i+1]) >= 0:
			i++
			b = append(b, s[i])
			kept = len(b)
		case c == '\\':
			if i+2 >= len(s) {
				return "", 0, errNoName
			}
			octet, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", 0, errNoName
			}
			i += 2
			b = append(b, octet...)
			kept = len(b)
		case c == ' ':
			if len(b) > 0 {
				b = append(b, c)
			}
		default:
			b = append(b, c)
			kept = len(b)
		}
	}
	return string(b[:kept]), len(s), nil
}

// canonical is text that is equal for sets of attributes that are equal: as RFC 4517 has it, one that occurs twice is in
// the set once, but how many were given counts too.
func canonical(set []string) string {
	return strconv.Itoa(len(set)) + together(slices.Compact(slices.Sorted(slices.Values(set))))
}

// together is text that is equal for equal lists: whatever is in the values stands in quotes.
func together(all []string) string {
	var b []byte
	for _, one := range all {
		b = strconv.AppendQuote(b, one)
	}
	return string(b)
}

func (d distinguished) sets() []string {
	var all []string
	for _, set := range d {
		all = append(all, canonical(set))
	}
	return all
}

// exact is text that is equal for names whose relative names are, each at its place.
func (d distinguished) exact() string { return together(d.sets()) }

// reordered is the same wherever they stand.
func (d distinguished) reordered() string {
	return together(slices.Sorted(slices.Values(d.sets())))
}

// flat is text that is equal for names of the same attributes, however they are put together; each counts as often
// as it occurs. Without domains their components are left out.
func (d distinguished) flat(domains bool) string {
	var all []string
	for _, set := range d {
		for _, a := range set {
			if domains || !isDC(a) {
				all = append(all, a)
			}
		}
	}
	return together(slices.Sorted(slices.Values(all)))
}

// hasDC reports whether there is a domain component.
func (d distinguished) hasDC() bool {
	return slices.ContainsFunc(d, func(set []string) bool { return slices.ContainsFunc(set, isDC) })
}
