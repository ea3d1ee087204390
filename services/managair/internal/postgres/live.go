package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
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
func (l *Live) LiveInstallations(ctx context.Context, caller access.Caller, targets live.Targets) ([]live.Installation, error) {
	k := installations()
	read := access.Installations.Read
	if len(targets) == 0 {
		read = access.Members
	}
	rows, err := l.pool.Query(ctx, `
		SELECT i.id, xn.no, i.from_time, i.to_time
		  FROM `+k.table+` `+k.alias+` `+k.from+`
		 WHERE (`+k.audience(read)+`)
		   AND (@all OR xs.operator_id = ANY (@organizations) OR xr.site_id = ANY (@sites) OR i.room_id = ANY (@rooms)
		        OR i.id = ANY (@installations))
		   AND (i.to_time IS NULL OR i.to_time > now() - interval '2 days')
		 ORDER BY i.id`, liveArgs(caller, targets))
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
			return found, l.mustListen(ctx, caller, targets, len(found) > 0)
		}
	}
	return nil, fmt.Errorf("live installations: %w", pgdb.Translate(err))
}

func liveArgs(caller access.Caller, targets live.Targets) pgx.NamedArgs {
	organizations, sites, rooms, installations := []int64{}, []int64{}, []int64{}, []int64{}
	for _, target := range targets {
		switch {
		case target.Organization != 0:
			organizations = append(organizations, target.Organization)
		case target.Site != 0:
			sites = append(sites, target.Site)
		case target.Room != 0:
			rooms = append(rooms, target.Room)
		case target.Installation != 0:
			installations = append(installations, target.Installation)
		}
	}
	return pgx.NamedArgs{
		"caller": caller.UserID, "all": len(targets) == 0,
		"organizations": organizations, "sites": sites, "rooms": rooms, "installations": installations,
	}
}

// mustListen returns NotFound when the caller may see none of the targets, or is no
// account that may log in anymore. Of several, one is seen when something of it is.
func (l *Live) mustListen(ctx context.Context, caller access.Caller, targets live.Targets, found bool) error {
	if err := l.mustBeActive(ctx, caller); err != nil || len(targets) == 0 || found && len(targets) > 1 {
		return err
	}
	var err error
	for _, target := range targets {
		if err = l.mustSee(ctx, caller, target); !fault.Is(err, fault.NotFound) {
			break
		}
	}
	return err
}

func (l *Live) mustBeActive(ctx context.Context, caller access.Caller) error {
	if caller.Anonymous() {
		return nil
	}
	var active bool
	err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM user_account WHERE id = $1 AND is_active)`, caller.UserID).Scan(&active)
	if err != nil {
		return fmt.Errorf("account of a live listener: %w", pgdb.Translate(err))
	}
	if !active {
		return inventory.NotFound()
	}
	return nil
}

// mustSee returns NotFound when the caller may not see the target.
func (l *Live) mustSee(ctx context.Context, caller access.Caller, target live.Target) (err error) {
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

// LastingLogins is part of live.Store.
func (l *Live) LastingLogins(ctx context.Context, logins []live.Login) ([]live.Login, error) {
	sessions, tokens := []int64{}, []int64{}
	for _, login := range logins {
		if login.Session != 0 {
			sessions = append(sessions, login.Session)
		} else {
			tokens = append(tokens, login.Token)
		}
	}
	rows, err := l.pool.Query(ctx, `
		SELECT id, 0 FROM account_session WHERE id = ANY (@sessions) AND expires_at > now()
		UNION ALL
		SELECT 0, id FROM api_token WHERE id = ANY (@tokens) AND (expires_at IS NULL OR expires_at > now())`,
		pgx.NamedArgs{"sessions": sessions, "tokens": tokens})
	if err == nil {
		var lasting []live.Login
		if lasting, err = pgx.CollectRows(rows, pgx.RowToStructByPos[live.Login]); err == nil {
			return lasting, nil
		}
	}
	return nil, fmt.Errorf("log-ins of live listeners: %w", pgdb.Translate(err))
}

// channels are what PostgreSQL tells of changes under.
var channels = map[string]live.Change{"inventory_changed": live.Inventory, "login_ended": live.Logins}

// WaitForChanges is part of live.Store.
func (l *Live) WaitForChanges(ctx context.Context, changed func(live.Change)) error {
	return listen(ctx, l.pool, slices.Collect(maps.Keys(channels)), func(channel string) { changed(channels[channel]) })
}

// listen calls heard for each channel once it listens, and then for whatever PostgreSQL tells
// there. It has a connection of its own: one of the pool would be missing there for good.
func listen(ctx context.Context, pool *pgxpool.Pool, channels []string, heard func(channel string)) error {
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, channel := range channels {
		if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
			return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
		}
	}
	for _, channel := range channels {
		heard(channel)
	}
	for {
		notice, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen for changes: %w", pgdb.Translate(err))
		}
		heard(notice.Channel)
	}
}
