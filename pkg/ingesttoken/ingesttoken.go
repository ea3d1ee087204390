// Package ingesttoken has the form of the tokens by which scripts of an organization send
// samples: managair makes them, the ingestair finds them again.
package ingesttoken

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// prefix tells people, and those who look for secrets in published files, what it is.
const prefix = "clair-ingest-"

// length is that of a whole token; what follows the prefix are 130 random bits.
const length = len(prefix) + 26

// Digest is what is kept of a token.
type Digest = [sha256.Size]byte

// New returns a token, and the digest under which it is kept.
func New() (token string, digest Digest) {
	token = prefix + rand.Text()
	return token, sha256.Sum256([]byte(token))
}

// DigestOf returns the digest of a token; ok is false for what cannot be one.
func DigestOf(token string) (digest Digest, ok bool) {
	if len(token) != length || !strings.HasPrefix(token, prefix) {
		return Digest{}, false
	}
	return sha256.Sum256([]byte(token)), true
}
