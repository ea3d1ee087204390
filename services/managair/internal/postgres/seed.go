package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Seed describes the sensors that we have codecs for, as far as nobody has, and returns what it
// added. What it has described, or found, before it leaves to whoever deleted it, but for again.
func Seed(ctx context.Context, pool *pgxpool.Pool, again bool) (added []string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		rows, err := tx.Query(ctx, "SELECT protocol FROM described_sensor WHERE NOT $1", again)
		if err != nil {
			return err
		}
		before, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if added, err = describe(ctx, tx, func(protocol string) bool { return !slices.Contains(before, protocol) }); err != nil {
			return err
		}
		var all []string
		for _, s := range inventory.ShippedSensors {
			all = append(all, s.Protocol)
		}
		_, err = tx.Exec(ctx, "INSERT INTO described_sensor (protocol) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", all)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("describe the sensors: %w", pgdb.Translate(err))
	}
	return added, nil
}

// describe describes those of the shipped sensors that are wanted, as far as nobody has, with
// the quantities that they measure, and returns what it added. A protocol is there, by
// whatever name, when its nodes have the same ids, and then somebody has described its models
// as well.
func describe(ctx context.Context, tx pgx.Tx, wanted func(protocol string) bool) (added []string, err error) {
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
	var quantities []int64
	for _, s := range inventory.ShippedSensors {
		if there[s.Protocol] || !wanted(s.Protocol) {
			continue
		}
		if quantities == nil {
			if quantities, err = seedQuantities(ctx, tx, &added); err != nil {
				return nil, err
			}
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

// Aside is what Seed has described, while somebody brings descriptions of their own: it has
// other names meanwhile, and what nobody uses is gone.
type Aside struct {
	quantities, protocols, models []described
	shipped                       []string // protocols that were there
}

type described struct {
	ID   int64
	Name string
}

// StepAside makes room for descriptions that have the names of ours, or mean the same.
func StepAside(ctx context.Context, tx pgx.Tx) (*Aside, error) {
	a := &Aside{}
	rows, err := tx.Query(ctx, "SELECT identifier FROM node_protocol WHERE id >= $1", inventory.ShippedFirstID)
	if err != nil {
		return nil, err
	}
	if a.shipped, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, err
	}
	if err := unseed(ctx, tx, false); err != nil {
		return nil, err
	}
	for table, to := range map[string]struct {
		column string
		rows   *[]described
	}{"quantity": {"name", &a.quantities}, "node_protocol": {"identifier", &a.protocols}, "node_model": {"name", &a.models}} {
		// All parts of a statement see what was there before it.
		rows, err := tx.Query(ctx, fmt.Sprintf(`
			WITH old AS (SELECT id, %[2]s FROM %[1]s WHERE id >= $1 FOR UPDATE),
			     renamed AS (UPDATE %[1]s t SET %[2]s = '~' || t.id FROM old WHERE t.id = old.id)
			SELECT * FROM old ORDER BY id`, table, to.column), inventory.ShippedFirstID)
		if err != nil {
			return nil, err
		}
		if *to.rows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[described]); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Meets returns an error when a row that comes has the number of one of ours that is used and
// means something else, as in what another installation has described. Rows are by number.
func (a *Aside) Meets(quantities, protocols, models map[int64]string) error {
	for _, kind := range []struct {
		name  string
		ours  []described
		comes map[int64]string
		means func(string) string
	}{
		{"quantity", a.quantities, quantities, strings.ToLower},
		{"protocol", a.protocols, protocols, inventory.Family},
		{"model", a.models, models, func(name string) string { return name }},
	} {
		for _, d := range kind.ours {
			if name, ok := kind.comes[d.ID]; ok && kind.means(name) != kind.means(d.Name) {
				return fmt.Errorf("%s %d is %q here, where sensors use it, and %q in what comes: "+
					"load it into an installation without sensors, or number it otherwise", kind.name, d.ID, d.Name, name)
			}
		}
	}
	return nil
}

// Return lets what used ours use what has come, where that is the same, gives the rest its
// names back, and describes what is still missing.
func (a *Aside) Return(ctx context.Context, tx pgx.Tx) error {
	for _, q := range a.quantities {
		if err := exec(ctx, tx, `
			WITH came AS (SELECT id FROM quantity WHERE lower(name) = lower(@name) AND id <> @id ORDER BY id LIMIT 1),
			     gone AS (DELETE FROM node_model_quantity WHERE quantity_id = @id AND EXISTS (SELECT FROM came) RETURNING node_model_id)
			INSERT INTO node_model_quantity (node_model_id, quantity_id) SELECT gone.node_model_id, came.id FROM gone, came ON CONFLICT DO NOTHING`,
			pgx.NamedArgs{"id": q.ID, "name": q.Name}); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, "SELECT id, identifier FROM node_protocol WHERE identifier <> '~' || id ORDER BY id DESC")
	if err != nil {
		return err
	}
	came, err := pgx.CollectRows(rows, pgx.RowToStructByPos[described])
	if err != nil {
		return err
	}
	same := map[string]int64{}
	for _, p := range came {
		same[inventory.Family(p.Name)] = p.ID
	}
	for _, p := range a.protocols {
		if id, ok := same[inventory.Family(p.Name)]; ok {
			if err := exec(ctx, tx, "UPDATE node SET protocol_id = @to WHERE protocol_id = @id", pgx.NamedArgs{"id": p.ID, "to": id}); err != nil {
				return err
			}
		}
	}
	for _, m := range a.models {
		if err := exec(ctx, tx, "UPDATE node n SET model_id = m.id FROM node_model m WHERE m.name = @name AND n.model_id = @id",
			pgx.NamedArgs{"id": m.ID, "name": m.Name}); err != nil {
			return err
		}
	}
	if err := unseed(ctx, tx, true); err != nil {
		return err
	}
	for table, to := range map[string]struct {
		column string
		rows   []described
	}{"quantity": {"name", a.quantities}, "node_protocol": {"identifier", a.protocols}, "node_model": {"name", a.models}} {
		for _, d := range to.rows {
			if err := exec(ctx, tx, fmt.Sprintf("UPDATE %[1]s SET %[2]s = @name WHERE id = @id AND %[2]s = '~' || id", table, to.column), pgx.NamedArgs{"id": d.ID, "name": d.Name}); err != nil {
				return err
			}
		}
	}
	_, err = describe(ctx, tx, func(protocol string) bool { return slices.Contains(a.shipped, protocol) })
	return err
}

// unseed deletes what Seed has described and nobody uses; of what is aside alone, if aside.
func unseed(ctx context.Context, tx pgx.Tx, aside bool) error {
	for _, sql := range []string{
		"DELETE FROM node_protocol p WHERE p.id >= @first AND (NOT @aside OR p.identifier = '~' || p.id) AND NOT EXISTS (SELECT FROM node n WHERE n.protocol_id = p.id)",
		"DELETE FROM node_model m WHERE m.id >= @first AND (NOT @aside OR m.name = '~' || m.id) AND NOT EXISTS (SELECT FROM node n WHERE n.model_id = m.id)",
		"DELETE FROM quantity q WHERE q.id >= @first AND (NOT @aside OR q.name = '~' || q.id) AND NOT EXISTS (SELECT FROM node_model_quantity m WHERE m.quantity_id = q.id)",
	} {
		if err := exec(ctx, tx, sql, pgx.NamedArgs{"first": inventory.ShippedFirstID, "aside": aside}); err != nil {
			return err
		}
	}
	return nil
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
