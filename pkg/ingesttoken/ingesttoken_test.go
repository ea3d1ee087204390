package ingesttoken_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	token, digest := ingesttoken.New()
	other, another := ingesttoken.New()
	if token == other || digest == another {
		t.Error("two tokens are the same")
	}
	if got, ok := ingesttoken.DigestOf(token); !ok || got != digest {
		t.Errorf("%s is not found again: %v", token, ok)
	}
	for _, wrong := range []string{"", token[:len(token)-1], token + "A", strings.ToUpper(token), " " + token[1:], strings.Repeat("x", len(token))} {
		if _, ok := ingesttoken.DigestOf(wrong); ok {
			t.Errorf("%q passes for a token", wrong)
		}
	}
}
