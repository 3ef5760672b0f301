package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// A secret is a password or token to compare with. What was not hashed is kept as a digest, so that
// comparing takes equally long whatever its length.
type secret struct {
	digest [sha256.Size]byte
	hash   []byte // bcrypt's; then digest is not used
	cost   int    // of hash
}

// looksHashed is what nats-server takes for a bcrypt hash.
var looksHashed = regexp.MustCompile(`^\$2[abxy]\$\d{2}\$`)

func newSecret(text string) secret {
	if !looksHashed.MatchString(text) {
		return secret{digest: sha256.Sum256([]byte(text))}
	}
	s := secret{hash: []byte(text)}
	// What only looks like a hash matches nothing, and takes no time.
	s.cost, _ = bcrypt.Cost(s.hash)
	return s
}

// randomSecret is one that nobody knows.
func randomSecret() (s secret) {
	rand.Read(s.digest[:])
	return s
}

func (s *secret) hashed() bool { return s.hash != nil }

// equals compares with a secret that is not hashed.
func (s *secret) equals(given string) bool {
	digest := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(digest[:], s.digest[:]) == 1
}

// same reports whether both are written alike: hashes of one password with other salts are not.
func (s *secret) same(o *secret) bool {
	if s.hashed() || o.hashed() {
		return bytes.Equal(s.hash, o.hash)
	}
	return subtle.ConstantTimeCompare(s.digest[:], o.digest[:]) == 1
}

// unhash compares with one that is. Slow.
func (s *secret) unhash(given string) bool {
	return bcrypt.CompareHashAndPassword(s.hash, []byte(given)) == nil
}

// burn takes the time that comparing with a hash of a cost does. Slow.
func burn(cost int, given string) {
	// A hash nobody's password has: salt and digest, 22 and 31 characters, are all zero bits.
	hash := fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", 22+31))
	_ = bcrypt.CompareHashAndPassword([]byte(hash), []byte(given)) // never equal
}
