package parser

import "encoding/binary"

// tail says what may follow a word.
type tail uint8

const (
	blank    tail = iota // a blank must, the arguments follow
	blanks               // blanks may, the arguments follow
	anything             // whatever follows belongs to no argument and is ignored
)

// A word opens an operation. No word has more than 8 bytes, so that one load compares it.
type word struct {
	text   string // letters in lower case
	verb   Verb
	behind tail

	// Derived from text by prepare.
	next  uint8  // index of the next word with the same first byte, 0 when there is none
	mask  uint64 // where its bytes are in 8
	value uint64 // the bytes themselves
}

// words, the frequent first among those with one first letter. Index 0 is none.
var words = prepare([...]word{
	{},
	{text: "pub", verb: Pub, behind: blank},
	{text: "ping", verb: Ping, behind: anything},
	{text: "pong", verb: Pong, behind: anything},
	{text: "hpub", verb: HPub, behind: blank},
	{text: "sub", verb: Sub, behind: blank},
	{text: "unsub", verb: Unsub, behind: blank},
	{text: "connect", verb: Connect, behind: blanks},
	{text: "info", verb: Info, behind: blanks},
	{text: "+ok", verb: OK, behind: anything},
	{text: "-err", verb: Err, behind: blank},
})

const wordCount = 11 // none and ten verbs

func prepare(table [wordCount]word) [wordCount]word {
	var last [256]uint8 // by first byte, the word that was prepared last
	for i := len(table) - 1; i > 0; i-- {
		w := &table[i]
		var mask, value [8]byte
		for at := range w.text {
			mask[at], value[at] = 0xff, w.text[at]
		}
		w.mask, w.value = load(mask[:]), load(value[:])
		w.next, last[w.text[0]] = last[w.text[0]], uint8(i)
	}
	return table
}

// firsts leads from a first byte to the first of its words; 0 means there is none.
var firsts = func() (table [256]uint8) {
	for i := len(words) - 1; i > 0; i-- {
		first := words[i].text[0]
		table[first] = uint8(i)
		if 'a' <= first && first <= 'z' {
			table[first-'a'+'A'] = uint8(i)
		}
	}
	return table
}()

// lowerCase makes letters lower case. It makes other bytes equal too, CR and
// minus for one: therefore firsts decides on the first byte, which alone may be no letter.
const lowerCase = 0x20

func load(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// lookUp returns the index of the word b begins with, 0 when b is too short to
// tell, and an error as soon as b can begin with no word.
func lookUp(b []byte) (uint8, *Error) {
	if len(b) < 8 {
		return lookUpShort(b)
	}
	lower := load(b) | lowerCase*0x0101010101010101
	for i := firsts[b[0]]; i != 0; i = words[i].next {
		if w := &words[i]; lower&w.mask == w.value {
			return i, nil
		}
	}
	return lookUpShort(b) // finds the wrong byte
}

// lookUpShort is lookUp byte by byte.
func lookUpShort(b []byte) (uint8, *Error) {
	if len(b) == 0 {
		return 0, nil
	}
	wrong := 0
	for i := firsts[b[0]]; i != 0; i = words[i].next {
		text, at := words[i].text, 1
		for at < len(text) && at < len(b) && b[at]|lowerCase == text[at] {
			at++
		}
		if at == len(text) {
			return i, nil
		}
		if at == len(b) {
			return 0, nil
		}
		wrong = max(wrong, at)
	}
	return 0, unknownOperation(b, wrong)
}
