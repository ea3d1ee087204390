package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

// The hashes are those of the predecessor's fixtures.
func TestVerify(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	fresh, err := h.Hash(t.Context(), Asker{}, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, password, hash string
		ok, outdated         bool
	}{
		{"own hash", "correct horse", fresh, true, false},
		{"own hash, wrong password", "correct horses", fresh, false, false},
		{"as the predecessor writes argon2", "correct horse", "argon2" + fresh, true, false},
		{
			"pbkdf2 of the predecessor", "admin",
			"pbkdf2_sha256$216000$mYzrVXAoSvy9$bKIk5us46JWunifjotmunlWLAieUXY3Lt4e7V67fy4E=", true, true,
		},
		{
			"pbkdf2, wrong password", "Admin",
			"pbkdf2_sha256$216000$mYzrVXAoSvy9$bKIk5us46JWunifjotmunlWLAieUXY3Lt4e7V67fy4E=", false, true,
		},
		{"no password set", "!", "!", false, false},
		{"unusable password of the predecessor", "!", "!aZ5sdfG8kjhsdf", false, false},
		{"no such account", "nobody's password", "", false, false},
		{
			"argon2id of other parameters", "password",
			"$argon2id$v=19$m=65536,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$" + argonOf("password"), true, true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ok, outdated, err := h.Verify(t.Context(), Asker{}, test.password, test.hash)
			if err != nil {
				t.Fatal(err)
			}
			if ok != test.ok || (ok && outdated != test.outdated) {
				t.Errorf("Verify = %t, outdated %t, want %t, %t", ok, outdated, test.ok, test.outdated)
			}
		})
	}
}

func TestVerifyRefusesUnknownHashes(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	for _, hash := range []string{
		"md5$salt$0123", "pbkdf2_sha256$", "pbkdf2_sha256$x$salt$AA==", "pbkdf2_sha256$1$salt", "pbkdf2_sha256$1$salt$AA==",
		"pbkdf2_sha256$99999999999$salt$bKIk5us46JWunifjotmunlWLAieUXY3Lt4e7V67fy4E=", "$argon2id$v=19$m=1", "plain",
		argon("m=4294967295,t=1,p=1", "somesaltsomesalt", 32), argon("m=8,t=4294967295,p=1", "somesaltsomesalt", 32),
		argon("m=8,t=0,p=1", "somesaltsomesalt", 32), argon("m=8,t=1,p=0", "somesaltsomesalt", 32),
		argon("m=8,t=1,p=1", "somesaltsomesalt", 0), argon("m=8,t=1,p=1", "", 32),
	} {
		if ok, _, err := h.Verify(t.Context(), Asker{}, "", hash); ok || err == nil {
			t.Errorf("Verify(%q) = %t, %v, want an error", hash, ok, err)
		}
		if KnownHash(hash) {
			t.Errorf("KnownHash(%q) = true", hash)
		}
	}
}

// argon returns what looks like a hash of those parameters.
func argon(params, salt string, keyBytes int) string {
	encode := base64.RawStdEncoding.EncodeToString
	return "$argon2id$v=19$" + params + "$" + encode([]byte(salt)) + "$" + encode(make([]byte, keyBytes))
}

// A dump has the hashes of all accounts: with ten million rounds each, a thousand would be
// an hour's work.
func TestKnownHashComputesNothing(t *testing.T) {
	t.Parallel()
	for range 1000 {
		for _, hash := range []string{
			"pbkdf2_sha256$10000000$mYzrVXAoSvy9$bKIk5us46JWunifjotmunlWLAieUXY3Lt4e7V67fy4E=",
			argon("m=1048576,t=100,p=1", "somesaltsomesalt", 32), NoPassword,
		} {
			if !KnownHash(hash) {
				t.Fatalf("KnownHash(%q) = false", hash)
			}
		}
	}
}

func TestHasherWaitsNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	for i := range max(1, runtime.GOMAXPROCS(0)/2) {
		release, err := h.acquire(t.Context(), Asker{Place: strconv.Itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, Asker{Place: "elsewhere"}, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash with all turns taken and its context ended: %v", err)
	}
}

func TestJudgePassword(t *testing.T) {
	t.Parallel()
	known := []string{"veraVersuch", "vera@versuch.de", "Vera", "Versuch"}
	tests := []struct {
		password string
		want     reason.Reason
	}{
		{"seven77", reason.PasswordTooShort},
		{"äöüßéè", reason.PasswordTooShort},
		{"9182736450", reason.PasswordEntirelyNumeric},
		{"veraVersuch1", reason.PasswordTooSimilar},
		{"VERAVERSUCH", reason.PasswordTooSimilar},
		{"password1", reason.PasswordTooCommon},
		{"qwertzuiop", reason.PasswordTooCommon},
		{"aaaaaaaaaaaa", reason.PasswordTooCommon},
		{strings.Repeat("x1-", 500), reason.PasswordTooLong},
		{"veracity of the klavier", NotWeak},
		{"Trompete-7-blau", NotWeak},
	}
	for _, test := range tests {
		if got := JudgePassword(test.password, known...); got != test.want {
			t.Errorf("JudgePassword(%.20q) = %q, want %q", test.password, got, test.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("pbkdf2_sha256$1$salt$bKIk5us46JWunifjotmunlWLAieUXY3Lt4e7V67fy4E=", "x")
	f.Add("argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA", "x")
	f.Fuzz(func(t *testing.T, hash, password string) {
		// The costly parameters come from our own database; the parsing must hold.
		if strings.Contains(hash, "argon2") || len(hash) > 100 {
			return
		}
		if ok, _, _ := verify(password, hash, argon2Params); ok && !strings.HasPrefix(hash, "pbkdf2_sha256$") {
			t.Errorf("verify(%q, %q) = true", password, hash)
		}
	})
}

// argonOf returns the last part of the hash of password with the salt
// "somesaltsomesalt" and the parameters m=65536, t=1, p=2.
func argonOf(password string) string {
	key := argon2.IDKey([]byte(password), []byte("somesaltsomesalt"), 1, 65536, 2, 32)
	return base64.RawStdEncoding.EncodeToString(key)
}
