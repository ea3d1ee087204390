package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// Broken lists the things of the inventory that break a rule, with what to do: they were
// there before the rule was, or came by a way that does not ask. They can be read, ended
// and deleted, but not changed in that respect without being mended.
func Broken(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	var all []string
	for _, of := range []func() ([]string, error){
		func() ([]string, error) { return brokenOf(ctx, pool, organizations()) },
		func() ([]string, error) { return brokenOf(ctx, pool, memberships()) },
		func() ([]string, error) { return brokenOf(ctx, pool, addresses()) },
		func() ([]string, error) { return brokenOf(ctx, pool, sites()) },
		func() ([]string, error) { return brokenOf(ctx, pool, rooms()) },
		func() ([]string, error) { return brokenOf(ctx, pool, quantities()) },
		func() ([]string, error) { return brokenOf(ctx, pool, protocols()) },
		func() ([]string, error) { return brokenOf(ctx, pool, models()) },
		func() ([]string, error) { return brokenOf(ctx, pool, nodes()) },
		func() ([]string, error) { return brokenOf(ctx, pool, installations()) },
		func() ([]string, error) { return brokenRowRules(ctx, pool) },
	} {
		some, err := of()
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// brokenOf lists the things of a kind of which a field breaks its rule.
func brokenOf[T any, ID comparable](ctx context.Context, pool *pgxpool.Pool, k kind[T, ID]) ([]string, error) {
	rows, err := pool.Query(ctx, k.selectFrom()+" ORDER BY "+k.alias+".id", pgx.NamedArgs{"caller": 0})
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", k.table, pgdb.Translate(err))
	}
	things, err := pgx.CollectRows(rows, k.scan)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", k.table, pgdb.Translate(err))
	}
	var broken []string
	for i := range things {
		if v := k.rules.Check(nil, &things[i]); v != nil {
			broken = append(broken, fmt.Sprintf("%s %v %q: %s: %s Correct it at /admin/%[1]s/%[2]v/",
				k.table, k.idOf(&things[i]), k.rules.Name(&things[i]), v.Field, v.Reason.In("en", v.Args...)))
		}
	}
	return broken, nil
}

// brokenRowRules lists what breaks a rule over several rows.
func brokenRowRules(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, brokenRowRulesSQL)
	if err != nil {
		return nil, fmt.Errorf("check rules over several rows: %w", pgdb.Translate(err))
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

const brokenRowRulesSQL = `
	SELECT format('installation %s: its node "%s" belongs to "%s", its room "%s" to "%s"; end and delete it at /admin/installation/%s/, or move node or room to one organization',
	              i.id, n.alias, of_node.name, r.name, of_room.name, i.id)
	  FROM installation i
	  JOIN node n ON n.id = i.node_id
	  JOIN organization of_node ON of_node.id = n.owner_id
	  JOIN room r ON r.id = i.room_id
	  JOIN site s ON s.id = r.site_id
	  JOIN organization of_room ON of_room.id = s.operator_id
	 WHERE n.owner_id <> s.operator_id
	UNION ALL
	SELECT format('organization %s "%s": it has no OWNER; make somebody its owner at /admin/organization/%s/', o.id, o.name, o.id)
	  FROM organization o
	 WHERE NOT EXISTS (SELECT FROM membership m WHERE m.organization_id = o.id AND m.role = 'O')
	 ORDER BY 1`
