// Package token has the tokens by which scripts and Wi-Fi sensors of an organization send
// samples of its nodes. The ingestair takes them; here they are made, listed and revoked.
package token

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Token is a token of an organization. What it is kept by is its digest; the token itself
// is seen once, when it is made.
type Token struct {
	ID             int64
	OrganizationID int64
	Organization   string // its name
	// NodeID is the only node that it writes, nil for all of the organization; NodeAlias is
	// that node's name.
	NodeID    *uuid.UUID
	NodeAlias *string
	Name      string
	Maker     string // their username, "" when the account is gone
	MadeAt    time.Time
	// LastUsedAt is known to some minutes.
	LastUsedAt *time.Time
	RevokedAt  *time.Time
}

// Wanted is what a token shall be.
type Wanted struct {
	OrganizationID int64
	NodeID         *uuid.UUID
	Name           string
}

// Name is what the name of a token must be like.
var Name = rule.Text{Max: 100}

// MaxRevoked is how many revoked tokens of an organization are remembered; the log of
// changes has all of them.
const MaxRevoked = 100

// Store keeps tokens. What the caller is no OWNER of is not there, except for those who
// come through the admin pages.
type Store interface {
	// Tokens lists those of an organization, or of all for 0: first those that are good.
	Tokens(ctx context.Context, caller access.Caller, organizationID int64) ([]Token, error)
	Token(ctx context.Context, caller access.Caller, id int64) (Token, error)
	Make(ctx context.Context, caller access.Caller, wanted Wanted, digest ingesttoken.Digest) (Token, error)
	// Revoke ends a token. One that is revoked stays so.
	Revoke(ctx context.Context, caller access.Caller, id int64) error
}

// Make makes a token, and returns it with the secret, which is not to be had again.
func Make(ctx context.Context, store Store, caller access.Caller, wanted Wanted) (made Token, secret string, err error) {
	name, v := Name.Clean(wanted.Name)
	if v != nil {
		v.Field = "name"
		return Token{}, "", v
	}
	wanted.Name = name
	secret, digest := ingesttoken.New()
	if made, err = store.Make(ctx, caller, wanted, digest); err != nil {
		return Token{}, "", err
	}
	return made, secret, nil
}
