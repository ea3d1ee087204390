package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Seed is SeedWithin in a transaction of its own.
func Seed(ctx context.Context, pool *pgxpool.Pool) (added []string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		added, err = SeedWithin(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("describe the sensors: %w", pgdb.Translate(err))
	}
	return added, nil
}

// SeedWithin describes the sensors that we have codecs for, as far as nobody has, and returns
// what it added. A protocol is there, by whatever name, when its nodes have the same ids, and
// then somebody has described its models as well.
func SeedWithin(ctx context.Context, tx pgx.Tx) (added []string, err error) {
	// Whoever does the same at the same time waits.
	if _, err := tx.Exec(ctx, "LOCK TABLE node_protocol IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, "SELECT identifier FROM node_protocol")
	if err != nil {
		return nil, err
	}
	identifiers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, identifier := range identifiers {
		there[inventory.Family(identifier)] = true
	}
	quantities, err := seedQuantities(ctx, tx, &added)
	if err != nil {
		return nil, err
	}
	for _, s := range inventory.ShippedSensors {
		if there[s.Protocol] {
			continue
		}
		isNew, err := seedSensor(ctx, tx, s, quantities)
		if err != nil {
			return nil, err
		}
		added = append(added, "protocol "+s.Protocol)
		if isNew {
			added = append(added, "model "+s.Model.Name)
		}
	}
	return added, nil
}

// Unseed takes back what SeedWithin has described and nobody uses, for somebody who brings
// descriptions of their own, and reports whether there was any.
func Unseed(ctx context.Context, tx pgx.Tx) (some bool, err error) {
	for _, sql := range []string{
		"DELETE FROM node_protocol p WHERE p.id >= $1 AND NOT EXISTS (SELECT FROM node n WHERE n.protocol_id = p.id)",
		"DELETE FROM node_model m WHERE m.id >= $1 AND NOT EXISTS (SELECT FROM node n WHERE n.model_id = m.id)",
		"DELETE FROM quantity q WHERE q.id >= $1 AND NOT EXISTS (SELECT FROM node_model_quantity m WHERE m.quantity_id = q.id)",
	} {
		tag, err := tx.Exec(ctx, sql, inventory.ShippedFirstID)
		if err != nil {
			return false, err
		}
		some = some || tag.RowsAffected() > 0
	}
	return some, nil
}

// nextID numbers a row of a table from inventory.ShippedFirstID on. The lock above keeps
// others from doing the same.
func nextID(table string) string {
	return fmt.Sprintf("(SELECT greatest(max(id) + 1, %d) FROM %s)", inventory.ShippedFirstID, table)
}

func seedQuantities(ctx context.Context, tx pgx.Tx, added *[]string) (ids []int64, err error) {
	for _, q := range inventory.ShippedQuantities {
		var id int64
		var isNew bool
		err := tx.QueryRow(ctx, `
			WITH there AS (SELECT id FROM quantity WHERE lower(name) = lower(@name) ORDER BY id LIMIT 1),
			     made AS (INSERT INTO quantity (id, name, base_unit) SELECT `+nextID("quantity")+`, @name, @unit WHERE NOT EXISTS (SELECT FROM there) RETURNING id)
			SELECT id, true FROM made UNION ALL SELECT id, false FROM there`,
			pgx.NamedArgs{"name": q.Name, "unit": q.BaseUnit}).Scan(&id, &isNew)
		if err != nil {
			return nil, err
		}
		if isNew {
			*added = append(*added, "quantity "+q.Name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// seedSensor describes a protocol and its model, and reports whether it made the model. What
// somebody said of a model of that name stays.
func seedSensor(ctx context.Context, tx pgx.Tx, s inventory.Shipped, quantities []int64) (isNew bool, err error) {
	if _, err := tx.Exec(ctx, "INSERT INTO node_protocol (id, identifier) VALUES ("+nextID("node_protocol")+", $1)", s.Protocol); err != nil {
		return false, err
	}
	made, err := tx.Exec(ctx, `
		INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (`+nextID("node_model")+`, @name, @trade, @manufacturer, @sensor)
		    ON CONFLICT (name) DO NOTHING`,
		pgx.NamedArgs{"name": s.Model.Name, "trade": s.Model.TradeName, "manufacturer": s.Model.Manufacturer, "sensor": s.Model.SensorType})
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO node_model_quantity (node_model_id, quantity_id)
		SELECT m.id, q FROM node_model m, unnest(@quantities::bigint[]) q WHERE m.name = @name
		    ON CONFLICT DO NOTHING`,
		pgx.NamedArgs{"name": s.Model.Name, "quantities": quantities})
	return made.RowsAffected() == 1, err
}
