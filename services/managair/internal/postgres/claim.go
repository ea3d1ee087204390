package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// Terms are those under which the inventory grows.
type Terms struct {
	Quotas inventory.Quotas
	Claims claim.Terms
}

const (
	// goodCode are the codes for a device, whatever its protocol: of another one the
	// node would not get the samples, and keep the owner from them.
	goodCode = "claim_code WHERE (node_id = @id OR eui64 = @eui64) AND used_at IS NULL AND expires_at > now()"

	// A device that is registered is refused by the constraints of the schema.
	isGuarded = `
		SELECT NOT EXISTS (SELECT FROM node WHERE id = @id OR eui64 = @eui64)
		   AND (EXISTS (SELECT FROM ` + goodCode + `)
		        OR (EXISTS (SELECT FROM parked_sample WHERE node_id = @id)
		            OR EXISTS (SELECT FROM rejected_sample WHERE node_id = @id)
		            OR EXISTS (SELECT FROM parked_reading WHERE node_id = @id)
		            OR EXISTS (SELECT FROM rejected_reading WHERE node_id = @id)
		            OR EXISTS (SELECT FROM heard_device WHERE eui64 = @eui64)
		            -- For one release: an ingestair of before does not tell who is heard.
		            OR EXISTS (SELECT FROM parked_sample WHERE dev_eui = @eui64))
		           -- They had it last: whoever deletes their sensor may register it again.
		           AND NOT EXISTS (SELECT FROM heard_device WHERE eui64 = @eui64 AND owner_id = @owner))`

	isHeard = "SELECT EXISTS (SELECT FROM parked_sample WHERE node_id = @id) OR EXISTS (SELECT FROM parked_reading WHERE node_id = @id) OR EXISTS (SELECT FROM heard_device WHERE eui64 = @eui64)"

	// Nobody else can claim what is theirs where there is one organization. Unless
	// strangers may come and make it: then an administrator stands for it.
	isAlone = `
		SELECT NOT EXISTS (SELECT FROM organization WHERE id <> @owner)
		       AND (NOT @strangers OR EXISTS (
		            SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
		             WHERE m.organization_id = @owner AND m.role = 'O' AND u.is_superuser AND u.is_active))`

	isProven = `
		SELECT EXISTS (SELECT FROM ` + goodCode + ` AND digest = @digest AND (organization_id IS NULL OR organization_id = @owner))`

	isAssigned = `
		SELECT EXISTS (SELECT FROM heard_device h JOIN network_application a ON a.application = h.application
		                WHERE h.eui64 = @eui64 AND a.organization_id = @owner)`

	useCode = "UPDATE claim_code SET used_at = now() WHERE (node_id = @id OR eui64 = @eui64) AND used_at IS NULL"
)

// checkClaim refuses a new node whose device sends already, or was another's, without
// proof that it is theirs who register it. Nothing is parked between that look and the
// INSERT: the lock is the one that the adoption of the samples takes anyway.
func checkClaim(ctx context.Context, tx pgx.Tx, terms Terms, caller access.Caller, n *inventory.Node) error {
	digest := claim.DigestOf(n.ClaimCode)
	args := pgx.NamedArgs{
		"id": n.ID, "eui64": n.EUI64, "owner": n.OwnerID, "digest": digest[:], "strangers": terms.Claims.Strangers,
	}
	if terms.Claims.Policy != "" && !caller.Administers && !caller.Superuser {
		if _, err := tx.Exec(ctx, "LOCK TABLE parked_sample, parked_reading IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		var guarded, heard, alone, proven, assigned bool
		err := tx.QueryRow(ctx, "SELECT ("+isGuarded+"), ("+isHeard+"), ("+isAlone+"), ("+isProven+"), ("+isAssigned+")", args).
			Scan(&guarded, &heard, &alone, &proven, &assigned)
		switch {
		case err != nil:
			return err
		case alone || proven:
		case assigned && terms.Claims.Policy == claim.Application:
		case guarded && terms.Claims.Policy != claim.Open:
			return terms.Claims.Policy.Refuse(n.ClaimCode)
		case !heard && terms.Quotas.Silent > 0:
			if err := silentCrowd(terms.Quotas, n).check(ctx, tx, n.ID); err != nil {
				return err
			}
		}
	}
	return exec(ctx, tx, useCode, args)
}

// nodeDeleted lets nobody have a device again that the administrators have taken away.
func nodeDeleted(ctx context.Context, tx pgx.Tx, caller access.Caller, n *inventory.Node) error {
	if !caller.Administers {
		return nil
	}
	return exec(ctx, tx, "UPDATE heard_device SET owner_id = NULL WHERE eui64 = @eui64", pgx.NamedArgs{"eui64": n.EUI64})
}

// ClaimCode is part of backoffice.Store.
func (b Backoffice) ClaimCode(ctx context.Context, caller access.Caller, wanted claim.Request) (string, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "node"}); err != nil {
		return "", err
	}
	code, digest := claim.NewCode()
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"digest": digest[:], "maker": caller.UserID, "expires": time.Now().Add(claim.Lifetime)}
		if wanted.Organization != 0 {
			args["organization"] = wanted.Organization
		}
		if err := identifyDevice(ctx, tx, wanted, args); err != nil {
			return err
		}
		if err := exec(ctx, tx, "DELETE FROM claim_code WHERE node_id = @id OR eui64 = @eui64", args); err != nil {
			return err
		}
		return exec(ctx, tx, `
			INSERT INTO claim_code (node_id, eui64, organization_id, digest, maker_id, expires_at)
			VALUES (@id, @eui64, @organization, @digest, @maker, @expires)`, args)
	})
	if v := constraint.Violation(err); v != nil {
		return "", v
	}
	if err != nil {
		return "", fmt.Errorf("make a claim code: %w", pgdb.Translate(err))
	}
	return code, nil
}

// identifyDevice puts the device into args, as @id and @eui64: as much of it as is known.
// One that is registered needs no code.
func identifyDevice(ctx context.Context, tx pgx.Tx, wanted claim.Request, args pgx.NamedArgs) error {
	args["id"], args["eui64"] = wanted.Node, nil
	if wanted.EUI64 != "" {
		eui64, v := inventory.EUI{}.Clean(wanted.EUI64)
		if v != nil {
			v.Field = "eui64"
			return v
		}
		eui, _ := lorawan.ParseEUI64(eui64) // it is clean
		args["id"], args["eui64"] = measurement.NodeID("", eui), eui64
	} else {
		var eui64 *string
		if err := tx.QueryRow(ctx, "SELECT max(dev_eui) FROM (SELECT dev_eui FROM parked_sample WHERE node_id = @id UNION ALL SELECT dev_eui FROM parked_reading WHERE node_id = @id) parked", args).Scan(&eui64); err != nil {
			return err
		}
		if eui64 != nil {
			args["eui64"] = *eui64
		}
	}
	var owner string
	err := tx.QueryRow(ctx, "SELECT o.name FROM node n JOIN organization o ON o.id = n.owner_id WHERE n.id = @id OR n.eui64 = @eui64", args).Scan(&owner)
	switch {
	case err == nil:
		return &fault.Violation{Field: "eui64", Reason: reason.ClaimRegistered, Args: []any{owner}, Conflict: true}
	case isNoRow(err):
		return nil
	default:
		return err
	}
}
