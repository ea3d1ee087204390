package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
)

// Live is the live.Store on PostgreSQL.
type Live struct {
	pool      *pgxpool.Pool
	inventory inventory.Store
}

// NewLive returns the store on pool.
func NewLive(pool *pgxpool.Pool) *Live { return &Live{pool, NewInventory(pool)} }

// LiveInstallations is part of live.Store. Installations that have ended stay for two
// days, because their last samples may come late.
func (l *Live) LiveInstallations(ctx context.Context, caller access.Caller, target live.Target) ([]live.Installation, error) {
	k := installations()
	read := access.Installations.Read
	if target == (live.Target{}) {
		read = access.Members
	}
	rows, err := l.pool.Query(ctx, `
		SELECT i.id, xn.no, i.from_time, i.to_time
		  FROM `+k.table+` `+k.alias+` `+k.from+`
		 WHERE (`+k.audience(read)+`)
		   AND (@organization::bigint = 0 OR xs.operator_id = @organization)
		   AND (@site::bigint = 0 OR xr.site_id = @site)
		   AND (@room::bigint = 0 OR i.room_id = @room)
		   AND (@installation::bigint = 0 OR i.id = @installation)
		   AND (i.to_time IS NULL OR i.to_time > now() - interval '2 days')
		 ORDER BY i.id`,
		pgx.NamedArgs{
			"caller": caller.UserID, "organization": target.Organization, "site": target.Site,
			"room": target.Room, "installation": target.Installation,
		})
	if err == nil {
		var found []live.Installation
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i live.Installation, err error) {
			var to *time.Time
			err = row.Scan(&i.ID, &i.NodeNo, &i.From, &to)
			i.To = orZero(to)
			return i, err
		})
		if err == nil {
			// Last: a right that ends in between must end the whole, not empty the list.
			return found, l.mustSee(ctx, caller, target)
		}
	}
	return nil, fmt.Errorf("live installations: %w", pgdb.Translate(err))
}

// mustSee returns NotFound when the caller may not see the target, or is no account
// that may log in anymore.
func (l *Live) mustSee(ctx context.Context, caller access.Caller, target live.Target) (err error) {
	if !caller.Anonymous() {
		var active bool
		err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM user_account WHERE id = $1 AND is_active)`, caller.UserID).Scan(&active)
		if err != nil {
			return fmt.Errorf("account of a live listener: %w", pgdb.Translate(err))
		}
		if !active {
			return inventory.NotFound()
		}
	}
	switch {
	case target.Organization != 0:
		_, err = l.inventory.Organizations.Get(ctx, caller, target.Organization)
	case target.Site != 0:
		_, err = l.inventory.Sites.Get(ctx, caller, target.Site)
	case target.Room != 0:
		_, err = l.inventory.Rooms.Get(ctx, caller, target.Room)
	case target.Installation != 0:
		_, err = l.inventory.Installations.Get(ctx, caller, target.Installation)
	}
	return err
}

// WaitForChanges is part of live.Store. It has a connection of its own: one of the
// pool would be missing there for good.
func (l *Live) WaitForChanges(ctx context.Context, changed func()) error {
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN inventory_changed`); err != nil {
		return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
	}
	for {
		changed()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
		}
	}
}
