package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Terms are those under which the inventory grows.
type Terms struct {
	Quotas inventory.Quotas
	Claims claim.Policy
}

// checkClaim refuses a new node whose device sends already, without proof that it is
// theirs who register it. Nothing is parked between that look and the INSERT: the lock
// is the one that the adoption of the samples takes anyway.
func checkClaim(ctx context.Context, tx pgx.Tx, policy claim.Policy, caller access.Caller, n *inventory.Node) error {
	if policy != claim.Code || caller.Administers || caller.Superuser {
		return nil
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE parked_sample IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	digest := claim.DigestOf(n.ClaimCode)
	args := pgx.NamedArgs{
		"id": n.ID, "eui64": n.EUI64, "owner": n.OwnerID, "digest": digest[:], "since": time.Now().Add(-claim.Lifetime),
	}
	var guarded, others, proven bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM parked_sample WHERE node_id = @id)
		       -- Of another protocol it would not get the samples, and keep the owner from them.
		       OR EXISTS (SELECT FROM parked_sample WHERE dev_eui = upper(@eui64))
		       OR EXISTS (SELECT FROM claim_code WHERE node_id = @id AND made_at > @since),
		       EXISTS (SELECT FROM organization WHERE id <> @owner),
		       EXISTS (SELECT FROM claim_code WHERE node_id = @id AND digest = @digest AND made_at > @since)`, args).Scan(&guarded, &others, &proven)
	if err != nil {
		return err
	}
	if guarded && others && !proven {
		return claim.Refuse(n.ClaimCode)
	}
	return exec(ctx, tx, "DELETE FROM claim_code WHERE node_id = @id", args)
}

// ClaimCode is part of backoffice.Store.
func (b Backoffice) ClaimCode(ctx context.Context, caller access.Caller, node uuid.UUID) (string, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "node"}); err != nil {
		return "", err
	}
	code, digest := claim.NewCode()
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		return exec(ctx, tx, `
			INSERT INTO claim_code (node_id, digest, maker_id) VALUES (@id, @digest, @maker)
			    ON CONFLICT (node_id) DO UPDATE SET digest = excluded.digest, maker_id = excluded.maker_id, made_at = excluded.made_at`,
			pgx.NamedArgs{"id": node, "digest": digest[:], "maker": caller.UserID})
	})
	if err != nil {
		return "", fmt.Errorf("make a claim code: %w", pgdb.Translate(err))
	}
	return code, nil
}
