package moving

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// Importer copies from the predecessor's database. It only reads there, in one
// snapshot, so the predecessor may go on meanwhile; what comes later is copied by
// running it again, which takes only what is new.
type Importer struct {
	Loader Loader
	// Source is the connection string of the predecessor's database.
	Source string
	// Jobs is how many connections copy samples at the same time.
	Jobs int
	// Until leaves out samples of this time and later; zero: all are copied. From when our
	// own forwarders listen, the predecessor's Clairchen samples would be there twice: away
	// from SF9 its times are wrong (see docs/migration.md).
	Until time.Time
	// Again copies also what an earlier run has copied.
	Again bool
	// ChunkRows is how many ids of samples are one transaction; 0 for the default.
	ChunkRows int64
}

// sourceTables are the predecessor's tables by model. Keys of other tables end in
// _id there, and have no ending in its fixtures.
var sourceTables = []struct{ model, sql string }{
	{fixture.ModelUser, "SELECT to_json(id), to_jsonb(t) FROM auth_user t ORDER BY id"},
	{fixture.ModelEmailAddress, "SELECT to_json(id), to_jsonb(t) FROM account_emailaddress t ORDER BY id"},
	{fixture.ModelToken, "SELECT to_json(key), to_jsonb(t) FROM authtoken_token t ORDER BY key"},
	{fixture.ModelOrganization, "SELECT to_json(id), to_jsonb(t) FROM core_organization t ORDER BY id"},
	{fixture.ModelMembership, "SELECT to_json(id), to_jsonb(t) FROM core_membership t ORDER BY id"},
	{fixture.ModelAddress, "SELECT to_json(id), to_jsonb(t) FROM core_address t ORDER BY id"},
	{fixture.ModelSite, "SELECT to_json(id), to_jsonb(t) FROM core_site t ORDER BY id"},
	{fixture.ModelRoom, "SELECT to_json(id), to_jsonb(t) FROM core_room t ORDER BY id"},
	{fixture.ModelQuantity, "SELECT to_json(id), to_jsonb(t) FROM core_quantity t ORDER BY id"},
	{fixture.ModelProtocol, "SELECT to_json(id), to_jsonb(t) FROM core_nodeprotocol t ORDER BY id"},
	{fixture.ModelNodeModel, `
		SELECT to_json(id), to_jsonb(t) || jsonb_build_object('quantities', coalesce(
		           (SELECT jsonb_agg(q.quantity_id ORDER BY q.quantity_id) FROM core_nodemodel_quantities q WHERE q.nodemodel_id = t.id), '[]'))
		  FROM core_nodemodel t ORDER BY id`},
	{fixture.ModelNode, "SELECT to_json(id), to_jsonb(t) FROM core_node t ORDER BY id"},
	{fixture.ModelInstallation, "SELECT to_json(id), to_jsonb(t) FROM core_roomnodeinstallation t ORDER BY id"},
}

// Import copies everything and compares the result with the source.
func (im *Importer) Import(ctx context.Context) (*fixture.Report, error) {
	report := &fixture.Report{}
	release, err := im.alone(ctx)
	if err != nil {
		return report, err
	}
	defer release()
	src, err := im.connect(ctx)
	if err != nil {
		return report, err
	}
	defer func() { _ = src.Close(context.WithoutCancel(ctx)) }()
	tx, err := src.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return report, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var snapshot, source string
	err = tx.QueryRow(ctx, "SELECT pg_export_snapshot(), (SELECT oid::text FROM pg_database WHERE datname = current_database()) || '/' || current_database()").
		Scan(&snapshot, &source)
	if err != nil {
		return report, err
	}
	if !im.Until.IsZero() {
		// Ranges of ids that were copied up to a time are not copied for another one.
		source += im.Until.UTC().Format(" 2006-01-02T15:04:05Z")
	}
	inventory := &fixture.Inventory{}
	if err := readInventory(ctx, tx, inventory, report); err != nil {
		return report, fromSource(err)
	}
	if err := im.Loader.LoadInventory(ctx, inventory, report); err != nil {
		return report, err
	}
	if err := im.copySamples(ctx, tx, snapshot, source, report); err != nil {
		return report, err
	}
	return report, im.compare(ctx, tx, report)
}

func readInventory(ctx context.Context, tx pgx.Tx, v *fixture.Inventory, report *fixture.Report) error {
	for _, table := range sourceTables {
		var exists bool
		name := strings.Fields(table.sql[strings.LastIndex(table.sql, "FROM "):])[1]
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			// An application that the predecessor was not set up with.
			report.Problem(fixture.Problem{
				Model: table.model, What: "there is no table " + name, Repair: "nothing to copy", Outcome: fixture.Notice,
			})
			continue
		}
		if err := readTable(ctx, tx, table.model, table.sql, v, report); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

func readTable(ctx context.Context, tx pgx.Tx, model, sql string, v *fixture.Inventory, report *fixture.Report) error {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	var pk json.RawMessage
	var columns map[string]json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&pk, &columns}, func() error {
		fields := make(map[string]json.RawMessage, len(columns))
		for name, value := range columns {
			fields[strings.TrimSuffix(name, "_id")] = value
		}
		encoded, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		columns = nil // the next row may lack columns only if it is another table's
		report.ReadOne(model)
		if err := v.Add(&fixture.Object{Model: model, PK: pk, Fields: encoded}); err != nil {
			report.Problem(fixture.Problem{
				Model: model, PK: string(pk), What: err.Error(), Repair: "correct it in the predecessor and import again", Outcome: fixture.LeftOut,
			})
		}
		return nil
	})
	return err
}

// chunkRange is a range of ids of samples, both ends included.
type chunkRange struct{ low, high int64 }

func (im *Importer) copySamples(ctx context.Context, tx pgx.Tx, snapshot, source string, report *fixture.Report) error {
	todo, err := im.plan(ctx, tx, source)
	if err != nil {
		return err
	}
	work := make(chan chunkRange, len(todo))
	for _, c := range todo {
		work <- c
	}
	close(work)
	now := im.Loader.Now()
	var mu sync.Mutex // of the report
	store := samplestore.New(im.Loader.Pool)
	err = im.Loader.concurrently(ctx, im.Jobs, func(ctx context.Context) error {
		chunks, err := im.open(ctx, store, now, snapshot, source)
		if err != nil {
			return err
		}
		defer chunks.close(ctx)
		for c := range work {
			if err := store.Learn(ctx); err != nil {
				return err
			}
			n, problems, err := chunks.copy(ctx, c)
			if err != nil {
				return err
			}
			mu.Lock()
			before := report.Samples.Read
			report.Samples.Add(n)
			for _, p := range problems {
				report.Problem(p)
			}
			if done := report.Samples.Read; done/progressStep != before/progressStep {
				im.Loader.progress("copied", done)
			}
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store.WriteStatus(ctx)
}

// plan lists the ranges that are not copied yet. The ranges are whole multiples,
// so that they are the same in each run; the last one is copied again each time,
// because it may have grown.
func (im *Importer) plan(ctx context.Context, tx pgx.Tx, source string) ([]chunkRange, error) {
	var low, high *int64
	if err := tx.QueryRow(ctx, "SELECT min(id), max(id) FROM core_sample").Scan(&low, &high); err != nil {
		return nil, fmt.Errorf("core_sample: %w", fromSource(err))
	}
	if low == nil {
		return nil, nil
	}
	done := map[chunkRange]bool{}
	if !im.Again {
		rows, err := im.Loader.Pool.Query(ctx, "SELECT low, high FROM import_chunk WHERE source = $1", source)
		if err != nil {
			return nil, pgdb.Translate(err)
		}
		var c chunkRange
		if _, err := pgx.ForEachRow(rows, []any{&c.low, &c.high}, func() error { done[c] = true; return nil }); err != nil {
			return nil, pgdb.Translate(err)
		}
	}
	size := im.ChunkRows
	if size == 0 {
		size = batchRows
	}
	var todo []chunkRange
	for start := *low / size * size; start <= *high; start += size {
		c := chunkRange{start, start + size - 1}
		if !done[c] || c.high >= *high {
			todo = append(todo, c)
		}
	}
	return todo, nil
}

// plausible is the rule of package measurement, in SQL, so that the samples need not
// pass through here once more to be compared. Samples of archived months are rejected.
func (im *Importer) plausible(archived []span) string {
	var closed strings.Builder
	for _, m := range archived {
		fmt.Fprintf(&closed, " AND timestamp_s NOT BETWEEN %d AND %d", m.from, m.to-1)
	}
	return fmt.Sprintf("co2_ppm BETWEEN %d AND %d AND timestamp_s BETWEEN %d AND %d",
		measurement.MinCO2PPM, measurement.MaxCO2PPM,
		measurement.Earliest.Unix(), im.Loader.Now().Add(measurement.MaxAhead).Unix()) + closed.String() + im.before()
}

// before is the condition that leaves out samples of Until and later, in SQL.
func (im *Importer) before() string {
	if im.Until.IsZero() {
		return ""
	}
	return fmt.Sprintf(" AND timestamp_s < %d", im.Until.Unix())
}

// span is a range of times in Unix seconds, without its end.
type span struct{ from, to int64 }

// archivedMonths are those whose partitions were detached and are still there.
func (im *Importer) archivedMonths(ctx context.Context) ([]span, error) {
	rows, err := im.Loader.Pool.Query(ctx, `
		SELECT extract(epoch FROM month)::bigint, extract(epoch FROM (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC')::bigint
		  FROM (SELECT to_date(substr(relname, 9), 'YYYY"m"MM')::timestamp AT TIME ZONE 'UTC' AS month
		          FROM pg_class
		         WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
		           AND relname ~ '^sample_y[0-9]{4}m[0-9]{2}$') months
		 WHERE NOT sample_month_is_open(month)
		 ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s span, err error) {
		err = row.Scan(&s.from, &s.to)
		return s, err
	})
}

// judged is what the source's samples are after measurement.Sample.Judge, in SQL.
var judged = fmt.Sprintf(`
	node_id, timestamp_s, timestamp_s::bigint AS t, co2_ppm, co2_ppm AS co2,
	CASE WHEN temperature BETWEEN %d AND %d THEN temperature END AS temperature,
	CASE WHEN rel_humidity_percent BETWEEN %d AND %d THEN rel_humidity_percent END AS humidity,
	CASE WHEN co2_ppm NOT BETWEEN %d AND %d THEN '%c' ELSE measurement_status END AS status`,
	measurement.MinTemperatureDecicelsius, measurement.MaxTemperatureDecicelsius,
	measurement.MinRelHumidityPercent, measurement.MaxRelHumidityPercent,
	measurement.LeastCO2PPM, measurement.GreatestCO2PPM, measurement.Faulty)

// checksums add up, per node, what is sensitive to each value and to which values
// belong together. Both databases compute them alike.
const checksums = `
	count(*), coalesce(sum(t), 0)::text, coalesce(sum((co2 + 1)::bigint * t), 0)::text,
	coalesce(sum((temperature + 1000)::bigint * (t % 9973)), 0)::text,
	coalesce(sum((humidity + 1)::bigint * (t % 9967)), 0)::text,
	coalesce(sum(ascii(status)::bigint * (t % 9949)) FILTER (WHERE (t >= stuck_since) IS NOT TRUE), 0)::text`

// stuckValues are the values that sensors were stuck at, from the first time on: samples of
// these may be marked here, and are not in the predecessor's database.
const stuckValues = `
	SELECT n.id::text AS node, n.no AS node_no, x.co2_ppm::integer AS co2, extract(epoch FROM min(x.since))::bigint AS stuck_since
	  FROM stuck_sensor x JOIN node n ON n.no = x.node_no
	 GROUP BY n.id, x.co2_ppm`

// compare checks that each node's samples are here as they are there. Nodes that
// are not registered here are left to the report.
func (im *Importer) compare(ctx context.Context, tx pgx.Tx, report *fixture.Report) error {
	im.Loader.progress("comparing", report.Samples.Read)
	var last int64
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(timestamp_s), 0) FROM core_sample WHERE true"+im.before()).Scan(&last); err != nil {
		return fmt.Errorf("compare: %w", fromSource(err))
	}
	archived, err := im.archivedMonths(ctx)
	if err != nil {
		return fmt.Errorf("compare: %w", pgdb.Translate(err))
	}
	there, here, err := im.bothSums(ctx, tx, archived, last)
	if err != nil {
		return err
	}
	registered, err := registeredNodes(ctx, im.Loader.Pool)
	if err != nil {
		return fmt.Errorf("compare: %w", pgdb.Translate(err))
	}
	for node, want := range there {
		if got := here[node]; registered[node] && got != want {
			report.Problem(fixture.Problem{
				Model: fixture.ModelSample, PK: node,
				What:    fmt.Sprintf("%s samples there, %s here, or their values differ", or0(want[0]), or0(got[0])),
				Repair:  "if this stack already receives samples, that is the reason; else import with --again",
				Outcome: fixture.Notice,
			})
			report.Differing++
		}
		report.Compared++
	}
	return nil
}

// bothSums returns the checksums of each node in the predecessor's database and here.
func (im *Importer) bothSums(ctx context.Context, src pgx.Tx, archived []span, last int64) (there, here map[string][6]string, err error) {
	// One snapshot of who was stuck and of what is marked: the next check may find more.
	tx, err := im.Loader.Pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, nil, fmt.Errorf("compare: %w", pgdb.Translate(err))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	stuck, err := readStuck(ctx, tx)
	if err != nil {
		return nil, nil, fmt.Errorf("compare: %w", pgdb.Translate(err))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if there, err = im.sourceSums(ctx, src, archived, stuck); err != nil {
			return fmt.Errorf("compare: %w", fromSource(err))
		}
		return nil
	})
	g.Go(func() (err error) {
		if here, err = sumsHere(ctx, tx, last); err != nil {
			return fmt.Errorf("compare: %w", pgdb.Translate(err))
		}
		return nil
	})
	err = g.Wait()
	return there, here, err
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// stuckColumns are stuckValues as the predecessor's database is told them.
type stuckColumns struct {
	nodes []string
	co2   []int32
	since []int64
}

func readStuck(ctx context.Context, q querier) (c stuckColumns, err error) {
	rows, err := q.Query(ctx, "SELECT node, co2, stuck_since FROM ("+stuckValues+") x")
	if err != nil {
		return c, err
	}
	var node string
	var co2 int32
	var since int64
	_, err = pgx.ForEachRow(rows, []any{&node, &co2, &since}, func() error {
		c.nodes, c.co2, c.since = append(c.nodes, node), append(c.co2, co2), append(c.since, since)
		return nil
	})
	return c, err
}

func sumsHere(ctx context.Context, q querier, until int64) (map[string][6]string, error) {
	return sums(ctx, q, `
		SELECT coalesce((SELECT id::text FROM node WHERE no = s.node_no), ''), `+checksums+`
		  FROM (SELECT node_no, extract(epoch FROM time)::bigint AS t, co2_ppm AS co2, temperature_decicelsius AS temperature,
		               rel_humidity_percent AS humidity, status::text AS status
		          FROM sample WHERE time <= to_timestamp($1)) s
		  LEFT JOIN (`+stuckValues+`) x USING (node_no, co2)
		 GROUP BY node_no`, until)
}

func (im *Importer) sourceSums(ctx context.Context, tx pgx.Tx, archived []span, stuck stuckColumns) (map[string][6]string, error) {
	return sums(ctx, tx, `
		SELECT node_id::text, `+checksums+`
		  FROM (SELECT `+judged+`
		          FROM (SELECT *, (nullif(temperature_celsius, 'NaN') * 10)::integer AS temperature FROM core_sample) c
		         WHERE measurement_status IN ('M', 'R', 'E')) s
		  LEFT JOIN unnest($1::text[]::uuid[], $2::integer[], $3::bigint[]) x (node_id, co2, stuck_since) USING (node_id, co2)
		 WHERE `+im.plausible(archived)+`
		 GROUP BY node_id`, stuck.nodes, stuck.co2, stuck.since)
}

// querier is what pools and transactions have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func sums(ctx context.Context, q querier, sql string, args ...any) (map[string][6]string, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	all := map[string][6]string{}
	var node string
	var n int64
	var s [6]string
	_, err = pgx.ForEachRow(rows, []any{&node, &n, &s[1], &s[2], &s[3], &s[4], &s[5]}, func() error {
		s[0] = fmt.Sprint(n)
		all[node] = s
		return nil
	})
	return all, err
}

func registeredNodes(ctx context.Context, q querier) (map[string]bool, error) {
	rows, err := q.Query(ctx, "SELECT id::text FROM node")
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { all[id] = true; return nil })
	return all, err
}

// retries is how often a step is tried that another one stood in the way of.
const retries = 5

// retry runs do again when the database says that it may work the next time, such
// as after a deadlock with ingestion.
func retry(ctx context.Context, do func() error) error {
	var err error
	for attempt := range retries {
		if err = do(); err == nil || !pgdb.IsUnavailable(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(attempt+1) * 200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
	return err
}
