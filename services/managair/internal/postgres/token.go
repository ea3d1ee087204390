package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
)

// Tokens keeps the tokens of organizations.
type Tokens struct {
	Pool *pgxpool.Pool
	// Limit is how many good ones an organization may have; 0: no bound.
	Limit int
}

var _ token.Store = Tokens{}

const selectTokens = `
	SELECT t.id, t.organization_id, o.name, t.node_id, n.alias, t.name, coalesce(u.username, ''), t.made_at, t.last_used_at, t.revoked_at
	  FROM ingestion_token t
	  JOIN organization o ON o.id = t.organization_id
	  LEFT JOIN node n ON n.id = t.node_id AND n.owner_id = t.organization_id
	  LEFT JOIN user_account u ON u.id = t.maker_id
	 WHERE `

// mayHandTokens is the condition that the caller may see and revoke token t.
func mayHandTokens(caller access.Caller) string {
	if caller.Administers {
		return administers("ingestion_token")
	}
	return byOrganization("t.organization_id", "false")(access.Owners)
}

// Tokens is part of token.Store.
func (s Tokens) Tokens(ctx context.Context, caller access.Caller, organizationID int64) ([]token.Token, error) {
	rows, err := s.Pool.Query(ctx, selectTokens+"(@organization = 0 OR t.organization_id = @organization) AND ("+mayHandTokens(caller)+
		") ORDER BY t.revoked_at DESC NULLS FIRST, lower(t.name), t.id", pgx.NamedArgs{"caller": caller.UserID, "organization": organizationID})
	if err == nil {
		var all []token.Token
		if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[token.Token]); err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("list tokens: %w", pgdb.Translate(err))
}

// Token is part of token.Store.
func (s Tokens) Token(ctx context.Context, caller access.Caller, id int64) (token.Token, error) {
	t, err := oneToken(ctx, s.Pool, caller, id)
	if err != nil {
		return t, fmt.Errorf("find a token: %w", pgdb.Translate(err))
	}
	return t, nil
}

func oneToken(ctx context.Context, db querier, caller access.Caller, id int64) (token.Token, error) {
	rows, err := db.Query(ctx, selectTokens+"t.id = @id AND ("+mayHandTokens(caller)+")", pgx.NamedArgs{"caller": caller.UserID, "id": id})
	if err != nil {
		return token.Token{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[token.Token])
}

// Make is part of token.Store.
func (s Tokens) Make(ctx context.Context, caller access.Caller, wanted token.Wanted, digest ingesttoken.Digest) (token.Token, error) {
	var made token.Token
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.mayMake(ctx, tx, caller, wanted); err != nil {
			return err
		}
		args := pgx.NamedArgs{
			"organization": wanted.OrganizationID, "node": wanted.NodeID, "name": wanted.Name, "digest": digest[:], "caller": caller.UserID,
			"most": token.MaxRevoked,
		}
		if err := exec(ctx, tx, `
			DELETE FROM ingestion_token
			 WHERE id IN (SELECT id FROM ingestion_token WHERE organization_id = @organization AND revoked_at IS NOT NULL
			               ORDER BY revoked_at DESC, id DESC OFFSET @most)`, args); err != nil {
			return err
		}
		var id int64
		err := tx.QueryRow(ctx, `
			INSERT INTO ingestion_token (organization_id, node_id, name, digest, maker_id)
			VALUES (@organization, @node, @name, @digest, @caller) RETURNING id`, args).Scan(&id)
		if err != nil {
			return err
		}
		made, err = oneToken(ctx, tx, caller, id)
		return err
	})
	if v := constraint.Violation(err); v != nil {
		return token.Token{}, v
	}
	if err != nil {
		return token.Token{}, fmt.Errorf("make a token: %w", pgdb.Translate(err))
	}
	return made, nil
}

// mayMake refuses a token to whoever is no OWNER of the organization, one for a node of
// others, and one too many.
func (s Tokens) mayMake(ctx context.Context, tx pgx.Tx, caller access.Caller, wanted token.Wanted) error {
	if err := s.mayMakeFor(ctx, tx, caller, wanted.OrganizationID); err != nil {
		return err
	}
	if c := (crowd{
		limit: s.Limit, of: wanted.OrganizationID, lock: lockOrganization,
		count: "SELECT count(*) FROM ingestion_token WHERE organization_id = @of AND revoked_at IS NULL AND id <> @id",
		field: inventory.Field{Name: "organization", Of: "organization"}, why: reason.QuotaIngestionTokens,
	}); c.limit > 0 && !caller.Administers {
		if err := c.check(ctx, tx, int64(0)); err != nil {
			return err
		}
	}
	if wanted.NodeID == nil {
		return nil
	}
	var own bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM node WHERE id = @node AND owner_id = @organization)",
		pgx.NamedArgs{"node": wanted.NodeID, "organization": wanted.OrganizationID}).Scan(&own)
	if err == nil && !own {
		return &fault.Violation{Field: "node", Reference: true, Reason: reason.DoesNotExist, Args: []any{wanted.NodeID}}
	}
	return err
}

func (s Tokens) mayMakeFor(ctx context.Context, tx pgx.Tx, caller access.Caller, organization int64) error {
	if !caller.Administers {
		err := needOwnership(ctx, tx, caller, organization)
		if v, ok := errors.AsType[*fault.Violation](err); ok {
			v.Field, v.Reference = "organization", true
		}
		return err
	}
	var may, is bool
	err := tx.QueryRow(ctx, "SELECT "+administers("ingestion_token")+", EXISTS (SELECT FROM organization WHERE id = @organization)",
		pgx.NamedArgs{"caller": caller.UserID, "organization": organization}).Scan(&may, &is)
	switch {
	case err != nil:
		return err
	case !may:
		return inventory.NotFound()
	case !is:
		return &fault.Violation{Field: "organization", Reference: true, Reason: reason.DoesNotExist, Args: []any{organization}}
	}
	return nil
}

// Revoke is part of token.Store.
func (s Tokens) Revoke(ctx context.Context, caller access.Caller, id int64) error {
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := oneToken(ctx, tx, caller, id); err != nil {
			return err
		}
		return exec(ctx, tx, "UPDATE ingestion_token SET revoked_at = now() WHERE id = @id AND revoked_at IS NULL", pgx.NamedArgs{"id": id})
	})
	if err != nil {
		return fmt.Errorf("revoke a token: %w", pgdb.Translate(err))
	}
	return nil
}
