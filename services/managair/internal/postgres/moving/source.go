package moving

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// connect opens a connection to the predecessor's database.
func (im *Importer) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(im.Source)
	if err != nil {
		return nil, fmt.Errorf("the predecessor's database: %w", err) // without the password
	}
	config.RuntimeParams["application_name"] = "managair-import-django"
	config.RuntimeParams["timezone"] = "UTC"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the predecessor's database: %w", err)
	}
	return conn, nil
}

// fromSource says whose error it is, and that nothing is lost.
func fromSource(err error) error {
	return fmt.Errorf("read from the predecessor's database: %w; what was copied stays, import again to go on", err)
}

// errAlone is the refusal to import twice at the same time: both would copy the same.
var errAlone = fault.New(fault.Conflict, "another import-django is running; wait until it has ended")

// alone makes sure that nobody else imports into this database until release is
// called. A process that was killed leaves nothing behind but, for a moment, its
// connection.
func (im *Importer) alone(ctx context.Context) (release func(), err error) {
	conn, err := im.Loader.Pool.Acquire(ctx)
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	for attempt := 0; ; attempt++ {
		var got bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended('import-django', 0))").Scan(&got); err != nil {
			conn.Release()
			return nil, pgdb.Translate(err)
		}
		if got {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			conn.Release()
			return nil, ctx.Err()
		}
		if attempt == 20 {
			conn.Release()
			return nil, errAlone
		}
	}
	return func() {
		// Closing gives the lock back in any case.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Hijack().Close(ctx)
	}, nil
}

// chunkCopier copies ranges of samples over a pair of connections.
type chunkCopier struct {
	src    *pgx.Conn
	tx     pgx.Tx // on src, with the snapshot that all copiers share
	pool   *pgxpool.Pool
	source string // names the database in import_chunk
	before string // the condition of which samples are copied
	to     handover
	reader copyReader
}

func (im *Importer) open(ctx context.Context, store keeping.Store, now time.Time, snapshot, source string) (*chunkCopier, error) {
	src, err := im.connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &chunkCopier{
		src: src, pool: im.Loader.Pool, source: source, before: im.before(),
		to: handover{store: store, now: now}, reader: copyReader{now: now},
	}
	c.tx, err = src.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err == nil {
		// The name comes from the server and has no quotes.
		_, err = c.tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+snapshot+"'")
	}
	if err != nil {
		c.close(ctx)
		return nil, fromSource(err)
	}
	return c, nil
}

func (c *chunkCopier) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = c.src.Close(ctx) // ends the transaction, which has only read
}

// copy copies a range, and notes afterwards that it did: a range that was copied and
// not noted is copied again, which changes nothing.
func (c *chunkCopier) copy(ctx context.Context, chunk chunkRange) (fixture.SampleCount, []fixture.Problem, error) {
	c.reader.reset()
	_, err := c.tx.Conn().PgConn().CopyTo(ctx, &c.reader, fmt.Sprintf(`
		COPY (SELECT id::bigint, node_id, timestamp_s::bigint, co2_ppm::bigint, temperature_celsius::numeric,
		             rel_humidity_percent::bigint, measurement_status::text
		        FROM core_sample WHERE id BETWEEN %d AND %d%s ORDER BY id)
		  TO STDOUT (FORMAT binary)`, chunk.low, chunk.high, c.before))
	if err != nil {
		return fixture.SampleCount{}, nil, fromSource(err)
	}
	if err := c.reader.complete(); err != nil {
		return fixture.SampleCount{}, nil, fromSource(err)
	}
	n, err := c.to.batch(ctx, c.reader.rows)
	if err != nil {
		return fixture.SampleCount{}, nil, err
	}
	n.LeftOut = int64(len(c.reader.problems))
	n.Read = int64(len(c.reader.rows)) + n.LeftOut
	_, err = c.pool.Exec(ctx, `
		INSERT INTO import_chunk (source, low, high, read, stored) VALUES ($1, $2, $3, $4, $5)
		    ON CONFLICT (source, low) DO UPDATE
		   SET high = excluded.high, read = excluded.read, stored = import_chunk.stored + excluded.stored, imported_at = now()`,
		c.source, chunk.low, chunk.high, n.Read, n.Stored)
	return n, c.reader.problems, pgdb.Translate(err)
}

// copyHeader is what PostgreSQL's binary COPY begins with.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// copyReader takes what COPY writes in binary form.
type copyReader struct {
	rows     []loadedSample
	problems []fixture.Problem
	now      time.Time
	begun    bool
	ended    bool
	rest     []byte // of a row that has not come as a whole
}

func (r *copyReader) reset() {
	*r = copyReader{rows: r.rows[:0], rest: r.rest[:0], now: r.now}
}

func (r *copyReader) complete() error {
	if !r.ended || len(r.rest) > 0 {
		return errors.New("the copy has no end")
	}
	return nil
}

// Write takes a part.
func (r *copyReader) Write(p []byte) (int, error) {
	data := p
	if len(r.rest) > 0 {
		r.rest = append(r.rest, p...)
		data = r.rest
	}
	if !r.begun && len(data) >= len(copyHeader) {
		if string(data[:len(copyHeader)]) != string(copyHeader) {
			return 0, errors.New("no binary copy")
		}
		r.begun, data = true, data[len(copyHeader):]
	}
	for r.begun {
		n, err := r.row(data)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			break
		}
		data = data[n:]
	}
	r.rest = append(r.rest[:0], data...)
	return len(p), nil
}

const copyColumns = 7

var errMalformed = errors.New("malformed copy")

// row takes the row at the begin of data and returns its length, and 0 if it is not
// there as a whole.
func (r *copyReader) row(data []byte) (int, error) {
	if len(data) < 2 || r.ended {
		if r.ended && len(data) > 0 {
			return 0, errMalformed
		}
		return 0, nil
	}
	columns := int16(binary.BigEndian.Uint16(data)) //nolint:gosec // -1 is the end
	if columns == -1 {
		r.ended = true
		return 2, nil
	}
	if columns != copyColumns {
		return 0, errMalformed
	}
	var values [copyColumns][]byte // nil for NULL
	pos := 2
	for i := range values {
		if len(data) < pos+4 {
			return 0, nil
		}
		size := int(int32(binary.BigEndian.Uint32(data[pos:]))) //nolint:gosec // -1 is NULL
		pos += 4
		if size < -1 || size > 1<<16 {
			return 0, errMalformed
		}
		if size == -1 {
			continue
		}
		if len(data) < pos+size {
			return 0, nil
		}
		values[i] = data[pos : pos+size : pos+size]
		pos += size
	}
	r.take(&values)
	return pos, nil
}

// take keeps a row: as a sample, or as a problem.
func (r *copyReader) take(values *[copyColumns][]byte) {
	var row fixture.Row
	sample, err := func() (fixture.Sample, error) {
		for i, name := range [...]string{"id", "node_id", "timestamp_s", "co2_ppm", "", "", "measurement_status"} {
			if name != "" && values[i] == nil {
				return fixture.Sample{}, fmt.Errorf("%s is missing", name)
			}
		}
		row.Node, _ = uuid.FromBytes(values[1]) // the nil UUID is refused below
		row.Timestamp, row.CO2 = copiedInt(values[2]), copiedInt(values[3])
		if values[4] != nil {
			tenths, err := copiedTenths(values[4])
			if err != nil {
				return fixture.Sample{}, err
			}
			row.SetTemperature(tenths)
		}
		if values[5] != nil {
			row.SetHumidity(copiedInt(values[5]))
		}
		if err := row.SetStatus(string(values[6])); err != nil {
			return fixture.Sample{}, err
		}
		return row.Sample(r.now)
	}()
	if err != nil {
		r.problems = append(r.problems, fixture.Problem{
			Model: fixture.ModelSample, PK: strconv.FormatInt(copiedInt(values[0]), 10), What: err.Error(),
			Repair: "correct it in the predecessor and import again", Outcome: fixture.LeftOut,
		})
		return
	}
	r.rows = append(r.rows, newLoadedSample(&sample))
}

// copiedInt reads a bigint; what is none is -1, which no column may be.
func copiedInt(b []byte) int64 {
	if len(b) != 8 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // two's complement is the format
}

// copiedTenths reads a numeric (digits to the base 10000, the first of which counts
// 10000^weight) and returns tenths, rounded as PostgreSQL rounds.
func copiedTenths(b []byte) (int, error) {
	none := errors.New("temperature_celsius is no temperature")
	if len(b) < 8 || len(b)%2 != 0 {
		return 0, none
	}
	digit := func(i int) int {
		if i < 0 || 8+2*i >= len(b) {
			return 0
		}
		return int(binary.BigEndian.Uint16(b[8+2*i:]))
	}
	weight := int(int16(binary.BigEndian.Uint16(b[2:]))) //nolint:gosec // two's complement is the format
	sign := binary.BigEndian.Uint16(b[4:])
	if (sign != 0 && sign != 0x4000) || weight > 1 { // NaN and infinity have other signs
		return 0, none
	}
	tenths := 0
	if weight == 1 {
		tenths = digit(0) * 100_000
	}
	// weight is the index of the digit that counts ones.
	tenths += digit(weight)*10 + (digit(weight+1)+500)/1000
	if tenths > 10_000_000 {
		return 0, none
	}
	if sign != 0 {
		return -tenths, nil
	}
	return tenths, nil
}
