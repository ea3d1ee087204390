package token_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/ingestair/internal/token"
)

// TestRotation: while callers change from one token to the next, both are valid.
func TestRotation(t *testing.T) {
	t.Parallel()
	const before, after = "the-token-of-yesterday", "the-token-of-tomorrow"
	for _, step := range []struct {
		name, file  string
		old, future bool
	}{
		{"before", before + "\n", true, false},
		{"during", before + "\r\n\n  " + after + "\n", true, true},
		{"after", after, false, true},
	} {
		set, err := token.Parse(step.file)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if set.Has(before) != step.old || set.Has(after) != step.future {
			t.Errorf("%s: the old token is valid: %v, want %v; the new one: %v, want %v", step.name, set.Has(before), step.old, set.Has(after), step.future)
		}
		for _, wrong := range []string{"", before[1:], after + " ", before + "\n" + after} {
			if set.Has(wrong) {
				t.Errorf("%s: %q is valid", step.name, wrong)
			}
		}
	}
}

// TestUselessTokens: they keep the service from starting, and are not shown.
func TestUselessTokens(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"none":  " \n\n",
		"short": "fifteen-letters\n",
		"three": "the-first-of-three\nthe-second-of-three\nthe-third-of-three\n",
	} {
		if _, err := token.Parse(file); err == nil || strings.Contains(err.Error(), "three\n") || strings.Contains(err.Error(), "letters") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
