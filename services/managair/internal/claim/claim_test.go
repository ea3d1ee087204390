package claim_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
)

func TestCodesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	code, digest := claim.NewCode()
	for _, written := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ")} {
		if claim.DigestOf(written) != digest {
			t.Errorf("%q is another code than %q", written, code)
		}
	}
	other, _ := claim.NewCode()
	if claim.DigestOf(other) == digest {
		t.Error("two codes are the same")
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"open": true, "code": true, "application": true, "CODE": false, "serial": false} {
		var p claim.Policy
		if err := p.UnmarshalText([]byte(text)); (err == nil) != ok {
			t.Errorf("CLAIM_POLICY=%s: %v", text, err)
		}
	}
}
