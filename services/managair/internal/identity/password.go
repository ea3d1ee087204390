package identity

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/trustelem/zxcvbn"

	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// NoPassword is the hash of an account that nobody can log in to by password.
const NoPassword = "!"

// argon2Params are the second choice of the OWASP Password Storage Cheat Sheet
// (19 MiB, 2 passes, 1 lane): about 40 ms on one core of a small server. More
// memory would let a burst of log-ins push the API out of a 256 MiB container.
var argon2Params = argon2id.Params{
	Memory:      19 * 1024,
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16,
	KeyLength:   32,
}

// maxPasswordBytes bounds the work of hashing and of judging a password.
const maxPasswordBytes = 1024

// errUnknownHash is the error of a stored hash of no known kind.
var errUnknownHash = errors.New("password hash of an unknown kind")

// Hasher hashes and verifies passwords. It works on few at a time, so that many
// log-ins at once wait for each other and not the rest of the service for them. Whoever
// guesses waits for those who do not.
type Hasher struct {
	params argon2id.Params
	turns  *turn.Gate
	decoy  string
}

// Asker is who waits for a password to be hashed.
type Asker struct {
	Place string
	Class turn.Class
}

// A log-in is worth waiting for as long as this. More at once do not come from a school
// whose pupils all log in in the same minute.
const (
	hashingPatience = 10 * time.Second
	hashingCrowd    = 50
)

// NewHasher returns a Hasher that uses at most half of the processors.
func NewHasher() *Hasher { return NewHasherOf(argon2Params) }

// NewHasherOf is NewHasher with another cost, for tests of what is around it.
func NewHasherOf(params argon2id.Params) *Hasher {
	decoy, err := argon2id.CreateHash("nobody's password", &params)
	if err != nil {
		panic(err) // only the system's source of randomness can fail
	}
	return &Hasher{params: params, turns: turn.New(runtime.GOMAXPROCS(0)/2, hashingPatience, hashingCrowd), decoy: decoy}
}

// Hash returns the PHC string of password.
func (h *Hasher) Hash(ctx context.Context, asker Asker, password string) (string, error) {
	release, err := h.acquire(ctx, asker)
	if err != nil {
		return "", err
	}
	defer release()
	return argon2id.CreateHash(password, &h.params)
}

// Verify reports whether password belongs to hash, and whether hash should be
// replaced by a new one of the same password. An empty hash stands for an account
// that does not exist: it never matches, and takes as long as one that does.
func (h *Hasher) Verify(ctx context.Context, asker Asker, password, hash string) (ok, outdated bool, err error) {
	release, err := h.acquire(ctx, asker)
	if err != nil {
		return false, false, err
	}
	defer release()
	if hash == "" || strings.HasPrefix(hash, NoPassword) {
		_, _, err := argon2id.CheckHash(password, h.decoy)
		return false, false, err
	}
	return verify(password, hash, h.params)
}

func (h *Hasher) acquire(ctx context.Context, asker Asker) (release func(), err error) {
	release, err = h.turns.Enter(ctx, asker.Place, asker.Class)
	if errors.Is(err, turn.ErrTooLong) {
		return nil, &TooManyAttempts{hashingPatience}
	}
	if err != nil {
		return nil, fmt.Errorf("wait for a turn to hash a password: %w", err)
	}
	return release, nil
}

// verify is Verify for a hash; one with other parameters than those of today is outdated.
func verify(password, hash string, today argon2id.Params) (ok, outdated bool, err error) {
	if len(password) > maxPasswordBytes {
		return false, false, nil
	}
	stored, err := readHash(hash)
	if err != nil {
		return false, false, err
	}
	ok, err = stored.matches(password)
	return ok, stored.params != today, err
}

// storedHash is a hash that was read, which costs nothing, but compared with no password yet.
type storedHash struct {
	matches func(password string) (bool, error)
	params  argon2id.Params // none of another kind
}

// readHash reads a hash of any kind that we know.
func readHash(hash string) (storedHash, error) {
	switch kind, rest, _ := strings.Cut(hash, "$"); kind {
	case "": // $argon2id$...
		return readArgon2(hash)
	case "argon2":
		// What the predecessor writes before the same PHC string.
		return readArgon2("$" + rest)
	case "pbkdf2_sha256":
		return readPBKDF2(rest)
	default:
		return storedHash{}, errUnknownHash
	}
}

// What is far above what any release of the predecessor wrote keeps a forged dump from
// stopping us with one log-in.
const (
	maxPBKDF2Iterations = 10_000_000
	maxArgon2Memory     = 1 << 20 // KiB
	maxArgon2Iterations = 100
	minArgon2Salt       = 8  // bytes
	minArgon2Key        = 16 // bytes; any password matches a key of none
)

// readArgon2 reads a PHC string.
func readArgon2(hash string) (storedHash, error) {
	params, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		return storedHash{}, fmt.Errorf("argon2id: %w", err)
	}
	if params.Memory > maxArgon2Memory || params.Iterations < 1 || params.Iterations > maxArgon2Iterations ||
		params.Parallelism < 1 || len(salt) < minArgon2Salt || len(key) < minArgon2Key {
		return storedHash{}, fmt.Errorf("argon2id: %w", errUnknownHash)
	}
	return storedHash{func(password string) (bool, error) { return argon2id.ComparePasswordAndHash(password, hash) }, *params}, nil
}

// readPBKDF2 reads "iterations$salt$base64 of 32 bytes".
func readPBKDF2(encoded string) (storedHash, error) {
	count, rest, _ := strings.Cut(encoded, "$")
	salt, digest, found := strings.Cut(rest, "$")
	iterations, err := strconv.Atoi(count)
	if err != nil || !found || iterations < 1 || iterations > maxPBKDF2Iterations {
		return storedHash{}, fmt.Errorf("pbkdf2_sha256: %w", errUnknownHash)
	}
	want, err := base64.StdEncoding.DecodeString(digest)
	if err != nil || len(want) != sha256.Size {
		return storedHash{}, fmt.Errorf("pbkdf2_sha256: %w", errUnknownHash)
	}
	return storedHash{matches: func(password string) (bool, error) {
		got, err := pbkdf2.Key(sha256.New, password, []byte(salt), iterations, sha256.Size)
		if err != nil {
			return false, fmt.Errorf("pbkdf2_sha256: %w", err)
		}
		return subtle.ConstantTimeCompare(got, want) == 1, nil
	}}, nil
}

// KnownHash reports whether hash is of a kind that Verify understands. It computes nothing:
// a dump may have many thousands.
func KnownHash(hash string) bool {
	if strings.HasPrefix(hash, NoPassword) {
		return true
	}
	_, err := readHash(hash)
	return err == nil
}

// NotWeak is the weakness of a password that is not refused.
var NotWeak reason.Reason

const minPasswordRunes = 8

// JudgePassword applies the rules of the predecessor: eight characters, not only
// digits, not like what is known of the user, and not easy to guess. The last one
// is judged with zxcvbn (Wheeler, USENIX Security 2016) instead of by one list.
func JudgePassword(password string, known ...string) reason.Reason {
	switch {
	case utf8.RuneCountInString(password) < minPasswordRunes:
		return reason.PasswordTooShort
	case len(password) > maxPasswordBytes:
		return reason.PasswordTooLong
	case strings.Trim(password, "0123456789") == "":
		return reason.PasswordEntirelyNumeric
	case similar(password, known):
		return reason.PasswordTooSimilar
	}
	// Its cost grows with the square of the length; what is long is not short of guesses.
	judged := password[:min(len(password), 64)]
	// Score 0 and 1: fewer than 10^6 guesses.
	if zxcvbn.PasswordStrength(judged, known).Score < 2 {
		return reason.PasswordTooCommon
	}
	return NotWeak
}

// similar reports whether password is little more than one of the known words.
func similar(password string, known []string) bool {
	password = strings.ToLower(password)
	for _, k := range known {
		for _, word := range append(strings.FieldsFunc(strings.ToLower(k), notAlphanumeric), strings.ToLower(k)) {
			if len(word) < 3 {
				continue
			}
			if strings.Contains(word, password) ||
				strings.Contains(password, word) && 2*len(word) > len(password) {
				return true
			}
		}
	}
	return false
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && r < utf8.RuneSelf
}
