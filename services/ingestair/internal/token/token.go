// Package token reports whether a caller knows a bearer token.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// minLength makes guessing hopeless, in characters.
const minLength = 16

// Set is the tokens that are valid at the moment.
type Set struct{ digests [][sha256.Size]byte }

// UnmarshalText takes the tokens from the environment.
func (s *Set) UnmarshalText(text []byte) (err error) {
	*s, err = Parse(string(text))
	return err
}

// Parse reads tokens, one a line. Two are valid at once while callers change from
// the old to the new one; more would only be forgotten.
func Parse(text string) (Set, error) {
	var s Set
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < minLength {
			return Set{}, fmt.Errorf("a token is shorter than %d characters", minLength)
		}
		s.digests = append(s.digests, sha256.Sum256([]byte(line)))
	}
	switch len(s.digests) {
	case 0:
		return Set{}, errors.New("there is no token")
	case 1, 2:
		return s, nil
	default:
		return Set{}, errors.New("there are more than two tokens")
	}
}

// Has reports whether token is one of the set. It takes the same time for every
// wrong token.
func (s Set) Has(token string) bool {
	digest := sha256.Sum256([]byte(token))
	found := 0
	for _, d := range s.digests {
		found |= subtle.ConstantTimeCompare(digest[:], d[:])
	}
	return found == 1
}
