package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// Importer copies from the predecessor's database. It only reads there, in one
// snapshot, so the predecessor may go on meanwhile; what comes later is copied by
// running it again, which takes only what is new.
type Importer struct {
	Loader FixtureLoader
	// Source is the connection string of the predecessor's database.
	Source string
	// Jobs is how many connections copy samples at the same time.
	Jobs int
	// Again copies also what an earlier run has copied.
	Again bool
	// ChunkRows is how many ids of samples are one step; 0 for the default.
	ChunkRows int64
}

const defaultChunkRows = 500_000

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
	src, err := pgx.Connect(ctx, im.Source)
	if err != nil {
		return report, fmt.Errorf("connect to the predecessor's database: %w", err)
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
	inventory := &fixture.Inventory{}
	if err := readInventory(ctx, tx, inventory, report); err != nil {
		return report, err
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
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan chunkRange)
	g.Go(func() error {
		defer close(work)
		for _, c := range todo {
			select {
			case work <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range max(1, im.Jobs) {
		g.Go(func() error {
			return im.copyChunks(ctx, snapshot, source, work, func(n fixture.SampleCount) {
				mu.Lock()
				defer mu.Unlock()
				report.Samples.Add(n)
				im.Loader.progress("copied", report.Samples.Read)
			})
		})
	}
	return g.Wait()
}

// plan lists the ranges that are not copied yet. The ranges are whole multiples,
// so that they are the same in each run; the last one is copied again each time,
// because it may have grown.
func (im *Importer) plan(ctx context.Context, tx pgx.Tx, source string) ([]chunkRange, error) {
	var low, high *int64
	if err := tx.QueryRow(ctx, "SELECT min(id), max(id) FROM core_sample").Scan(&low, &high); err != nil {
		return nil, fmt.Errorf("read core_sample: %w", err)
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
		size = defaultChunkRows
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

// copyChunks copies ranges of samples over a connection pair of its own.
func (im *Importer) copyChunks(ctx context.Context, snapshot, source string, work <-chan chunkRange, done func(fixture.SampleCount)) error {
	src, err := pgx.Connect(ctx, im.Source)
	if err != nil {
		return fmt.Errorf("connect to the predecessor's database: %w", err)
	}
	defer func() { _ = src.Close(context.WithoutCancel(ctx)) }()
	tx, err := src.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// The name comes from the server and has no quotes.
	if _, err := tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+snapshot+"'"); err != nil {
		return err
	}
	conn, err := im.Loader.Pool.Acquire(ctx)
	if err != nil {
		return pgdb.Translate(err)
	}
	defer conn.Release()
	defer dropStage(ctx, conn.Conn())
	for c := range work {
		if err := createStage(ctx, conn.Conn()); err != nil {
			return err
		}
		n, err := pipe(ctx, tx, conn, im.copyOutSQL(c))
		if err != nil {
			return fmt.Errorf("copy samples %d to %d: %w", c.low, c.high, err)
		}
		part := fixture.Report{Samples: fixture.SampleCount{Read: n}}
		quiet := im.Loader
		quiet.Progress = nil
		if err := quiet.storeStaged(ctx, conn.Conn(), &part); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `
			INSERT INTO import_chunk (source, low, high, read, stored) VALUES ($1, $2, $3, $4, $5)
			    ON CONFLICT (source, low) DO UPDATE
			   SET high = excluded.high, read = excluded.read, stored = import_chunk.stored + excluded.stored, imported_at = now()`,
			source, c.low, c.high, n, part.Samples.Stored)
		if err != nil {
			return pgdb.Translate(err)
		}
		done(part.Samples)
	}
	return nil
}

// sampleFault is the rule of package measurement, in SQL, so that samples need not
// pass through here one by one. Its text is NULL for what is plausible.
func (im *Importer) sampleFault() string {
	return fmt.Sprintf(`CASE
		WHEN co2_ppm NOT BETWEEN %d AND %d THEN 'co2_ppm'
		WHEN temperature_celsius * 10 NOT BETWEEN %d AND %d THEN 'temperature_decicelsius'
		WHEN rel_humidity_percent NOT BETWEEN %d AND %d THEN 'rel_humidity_percent'
		WHEN timestamp_s NOT BETWEEN %d AND %d THEN 'time_s' END`,
		measurement.MinCO2PPM, measurement.MaxCO2PPM,
		measurement.MinTemperatureDecicelsius, measurement.MaxTemperatureDecicelsius,
		measurement.MinRelHumidityPercent, measurement.MaxRelHumidityPercent,
		measurement.Earliest.Unix(), im.Loader.Now().Add(measurement.MaxAhead).Unix())
}

// copyOutSQL gives the samples the form of the stage.
func (im *Importer) copyOutSQL(c chunkRange) string {
	return fmt.Sprintf(`
		COPY (SELECT node_id, to_timestamp(timestamp_s), co2_ppm::integer, (temperature_celsius * 10)::integer,
		             rel_humidity_percent::integer, measurement_status::"char",
		             CASE WHEN fault IS NULL THEN NULL WHEN fault = 'time_s' AND timestamp_s > %d THEN '%s'
		                  WHEN fault = 'time_s' THEN '%s' ELSE '%s' END,
		             fault, CASE WHEN fault IS NOT NULL THEN 'imported' END
		        FROM (SELECT *, %s AS fault FROM core_sample WHERE id BETWEEN %d AND %d ORDER BY id) s)
		  TO STDOUT (FORMAT binary)`,
		measurement.Earliest.Unix(), measurement.InFuture, measurement.TooOld, measurement.OutOfRange,
		im.sampleFault(), c.low, c.high)
}

// pipe hands what the source's COPY writes to the stage, as it comes.
func pipe(ctx context.Context, tx pgx.Tx, conn *pgxpool.Conn, sql string) (int64, error) {
	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		_, err := tx.Conn().PgConn().CopyTo(ctx, w, sql)
		_ = w.CloseWithError(err) // always nil
		return err
	})
	tag, err := conn.Conn().PgConn().CopyFrom(ctx, r, "COPY staged_sample ("+strings.Join(stagedColumns, ", ")+") FROM STDIN (FORMAT binary)")
	_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // lets the other side go; always nil
	if readErr := g.Wait(); readErr != nil && err == nil {
		err = readErr
	}
	return tag.RowsAffected(), err
}

// checksums add up, per node, what is sensitive to each value and to which values
// belong together. Both databases compute them alike.
const checksums = `
	count(*), coalesce(sum(t), 0)::text, coalesce(sum((co2 + 1)::numeric * t), 0)::text,
	coalesce(sum((temperature + 1000)::bigint * (t % 9973)), 0)::text,
	coalesce(sum((humidity + 1)::bigint * (t % 9967)), 0)::text,
	coalesce(sum(ascii(status)::bigint * (t % 9949)), 0)::text`

// compare checks that each node's samples are here as they are there. Nodes that
// are not registered here are left to the report.
func (im *Importer) compare(ctx context.Context, tx pgx.Tx, report *fixture.Report) error {
	im.Loader.progress("comparing", report.Samples.Read)
	there, last, err := im.sourceSums(ctx, tx)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	conn, err := im.Loader.Pool.Acquire(ctx)
	if err != nil {
		return pgdb.Translate(err)
	}
	defer conn.Release()
	here, err := sums(ctx, conn, `
		SELECT n.id::text, `+checksums+`
		  FROM (SELECT node_no, extract(epoch FROM time)::bigint AS t, co2_ppm AS co2, temperature_decicelsius AS temperature,
		               rel_humidity_percent AS humidity, status::text AS status
		          FROM sample WHERE time <= to_timestamp($1)) s
		  JOIN node n ON n.no = s.node_no
		 GROUP BY n.id`, last)
	if err != nil {
		return fmt.Errorf("compare: %w", pgdb.Translate(err))
	}
	registered, err := registeredNodes(ctx, conn)
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

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func (im *Importer) sourceSums(ctx context.Context, tx pgx.Tx) (map[string][6]string, int64, error) {
	var last int64
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(timestamp_s), 0) FROM core_sample").Scan(&last); err != nil {
		return nil, 0, err
	}
	all, err := sums(ctx, tx, `
		SELECT node_id::text, `+checksums+`
		  FROM (SELECT node_id, timestamp_s::bigint AS t, co2_ppm AS co2, (temperature_celsius * 10)::integer AS temperature,
		               rel_humidity_percent AS humidity, measurement_status::text AS status, `+im.sampleFault()+` AS fault
		          FROM core_sample) s
		 WHERE fault IS NULL
		 GROUP BY node_id`)
	return all, last, err
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
