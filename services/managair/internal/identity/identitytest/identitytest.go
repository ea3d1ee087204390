// Package identitytest has what tests of people and their log-ins share.
package identitytest

import (
	"testing"

	"github.com/alexedwards/argon2id"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// Hasher returns a Hasher that costs next to nothing. The real one takes half a second
// for a password when the race detector looks on, and has tests of its own.
func Hasher() *identity.Hasher {
	return identity.NewHasherOf(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
}

// Limits are those that hold when nothing is set.
func Limits(t testing.TB) identity.Limits {
	t.Helper()
	var l identity.Limits
	if err := (config.Env{}).Load(&l); err != nil {
		t.Fatal(err)
	}
	return l
}
