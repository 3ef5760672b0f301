package parser

import "bytes"

// How many fields the arguments of a verb have at most.
const (
	publishFieldsMax     = 4 // HPUB subject reply header-size total-size
	subscribeFieldsMax   = 3 // SUB subject queue sid
	unsubscribeFieldsMax = 2 // UNSUB sid max
)

// What split returns instead of a count.
const (
	bareCR        = -1 // a CR among the arguments
	tooManyFields = -2
)

// A field is a place in the arguments. Two words and not a slice: filling it
// concerns no garbage collector.
type field struct{ from, to int }

// of returns the field as a view that cannot grow into what stands behind it.
func (f field) of(args []byte) []byte { return args[f.from:f.to:f.to] }

// split finds the fields of args, which are separated by runs of SP and TAB. A
// bare CR is reported before anything else that is wrong.
func split(args []byte, fields []field) (count int) {
	for at := 0; ; {
		for at < len(args) && (args[at] == ' ' || args[at] == '\t') {
			at++
		}
		if at == len(args) {
			return count
		}
		from := at
		for at < len(args) {
			if c := args[at]; c <= ' ' { // rare: tell blanks and CR from other control bytes
				if c == '\r' {
					return bareCR
				}
				if c == ' ' || c == '\t' {
					break
				}
			}
			at++
		}
		if count == len(fields) {
			if bytes.IndexByte(args[at:], '\r') >= 0 {
				return bareCR
			}
			return tooManyFields
		}
		fields[count] = field{from, at}
		count++
	}
}

// sizeDigitsMax is nats-server's limit, so that no size overflows anything.
const sizeDigitsMax = 9

// parseSize returns the number digits say, -1 if they are not one to nine digits.
func parseSize(digits []byte) (n int) {
	if len(digits) == 0 || len(digits) > sizeDigitsMax {
		return -1
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
