package schema

import (
	"encoding/base64"
	"testing"
)

// The example of RFC 7677, as PostgreSQL keeps it.
func TestScramVerifier(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if got, err := scramVerifierWith("pencil", salt); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
