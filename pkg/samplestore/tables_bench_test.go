package samplestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// A table in which quantities beside CO2 could be kept: how it is made, how those of a flush
// get into it, and how the series of one of them is read (docs/decisions/0126).
type candidate struct {
	name, create, insert string
	// arrays of the insert for values of some quantities of some samples.
	arrays func(c *columns, keys []sampleKey, values [][]int32) [][]byte
	// read wants the node ($1); its rows are times and what value reads.
	read  string
	value func(column []byte) int32
}

// relation is the table that create makes.
func (c candidate) relation() string {
	return strings.Fields(strings.TrimPrefix(c.create, "CREATE TABLE "))[0]
}

// The quantities of the bench: pressure in tenths of a hectopascal, light, motion, volatile
// organic compounds, and fine dust in tenths of a microgram. Those of a candidate have these
// numbers; the first one is read.
const benchQuantities = 5

func benchValues(n int) []int32 {
	return []int32{int32(10_132 + n%97), int32(n * 31 % 2000), int32(n % 11), int32(n * 7 % 500), int32(n * 13 % 300)}
}

func keyArrays(c *columns, keys []sampleKey) {
	nos, times := c.column(0, oidInt4), c.column(1, oidTimestamptz)
	for _, k := range keys {
		nos.int4(k.no)
		times.int8(k.micros)
	}
}

func textArray(c *columns, keys []sampleKey, values [][]int32, format func([]int32) string) [][]byte {
	keyArrays(c, keys)
	texts := c.column(2, oidText)
	for _, v := range values {
		texts.text(format(v))
	}
	return c.parameters(3)
}

func joined(v []int32, item, between string) string {
	parts := make([]string, len(v))
	for i := range v {
		parts[i] = fmt.Sprintf(item, i+1, v[i])
	}
	return strings.Join(parts, between)
}

func packedValues(v []int32) []byte {
	var b []byte
	for i := range v {
		b = binary.AppendUvarint(b, uint64(i+1))
		b = binary.AppendVarint(b, int64(v[i]))
	}
	return b
}

var candidates = []candidate{
	{name: "none"},
	{
		name: "narrow",
		create: `CREATE TABLE narrow (node_no integer NOT NULL, value integer NOT NULL, time timestamptz NOT NULL, quantity smallint NOT NULL,
			PRIMARY KEY (node_no, quantity, time) INCLUDE (value))`,
		insert: `INSERT INTO narrow (node_no, time, quantity, value)
			SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::smallint[], $4::integer[])`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			nos, times := c.column(0, oidInt4), c.column(1, oidTimestamptz)
			quantities, numbers := c.column(2, oidInt2), c.column(3, oidInt4)
			for q := range benchQuantities {
				for i, k := range keys {
					nos.int4(k.no)
					times.int8(k.micros)
					quantities.int2(int16(q + 1))
					numbers.int4(values[i][q])
				}
			}
			return c.parameters(4)
		},
		read:  `SELECT time, value FROM narrow WHERE node_no = $1 AND quantity = 1 ORDER BY time`,
		value: func(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) },
	},
	{
		// A column for each of twenty quantities; an index has 32 at most.
		name: "wide",
		create: `CREATE TABLE wide (node_no integer NOT NULL, q1 integer, time timestamptz NOT NULL,
			q2 integer, q3 integer, q4 integer, q5 integer, q6 integer, q7 integer, q8 integer, q9 integer, q10 integer,
			q11 integer, q12 integer, q13 integer, q14 integer, q15 integer, q16 integer, q17 integer, q18 integer, q19 integer, q20 integer,
			PRIMARY KEY (node_no, time) INCLUDE (q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16, q17, q18, q19, q20))`,
		insert: `INSERT INTO wide (node_no, time, q1, q2, q3, q4, q5)
			SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[])`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			keyArrays(c, keys)
			for q := range benchQuantities {
				numbers := c.column(2+q, oidInt4)
				for _, v := range values {
					numbers.int4(v[q])
				}
			}
			return c.parameters(2 + benchQuantities)
		},
		read:  `SELECT time, q1 FROM wide WHERE node_no = $1 ORDER BY time`,
		value: func(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) },
	},
	{
		name: "jsonb",
		create: `CREATE TABLE json_row (node_no integer NOT NULL, time timestamptz NOT NULL, readings jsonb NOT NULL,
			PRIMARY KEY (node_no, time) INCLUDE (readings))`,
		insert: `INSERT INTO json_row (node_no, time, readings)
			SELECT n, t, j::jsonb FROM unnest($1::integer[], $2::timestamptz[], $3::text[]) AS u (n, t, j)`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			return textArray(c, keys, values, func(v []int32) string { return "{" + joined(v, `"%d":%d`, ",") + "}" })
		},
		read:  `SELECT time, (readings->'1')::integer FROM json_row WHERE node_no = $1 ORDER BY time`,
		value: func(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) },
	},
	{
		// Numbers and values in turn.
		name: "array",
		create: `CREATE TABLE array_row (node_no integer NOT NULL, time timestamptz NOT NULL, readings integer[] NOT NULL,
			PRIMARY KEY (node_no, time) INCLUDE (readings))`,
		insert: `INSERT INTO array_row (node_no, time, readings)
			SELECT n, t, j::integer[] FROM unnest($1::integer[], $2::timestamptz[], $3::text[]) AS u (n, t, j)`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			return textArray(c, keys, values, func(v []int32) string { return "{" + joined(v, `%d,%d`, ",") + "}" })
		},
		read: `SELECT time, readings FROM array_row WHERE node_no = $1 ORDER BY time`,
		value: func(b []byte) int32 {
			for b = b[arrayHeader:]; len(b) >= 16; b = b[16:] {
				if binary.BigEndian.Uint32(b[4:]) == 1 {
					return int32(binary.BigEndian.Uint32(b[12:]))
				}
			}
			return 0
		},
	},
	{
		name: "packed",
		create: `CREATE TABLE packed_row (node_no integer NOT NULL, time timestamptz NOT NULL, readings bytea NOT NULL,
			PRIMARY KEY (node_no, time) INCLUDE (readings))`,
		insert: `INSERT INTO packed_row (node_no, time, readings)
			SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::bytea[])`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			keyArrays(c, keys)
			rows := c.column(2, oidBytea)
			for _, v := range values {
				rows.bytes(packedValues(v))
			}
			return c.parameters(3)
		},
		read:  `SELECT time, readings FROM packed_row WHERE node_no = $1 ORDER BY time`,
		value: unpackFirst,
	},
	{
		// The row of the sample itself, and an index of its own for reading.
		name: "column",
		create: `CREATE TABLE column_row (LIKE sample INCLUDING ALL);
			ALTER TABLE column_row ADD COLUMN readings bytea;
			ALTER TABLE column_row DROP CONSTRAINT column_row_pkey;
			ALTER TABLE column_row ADD PRIMARY KEY (node_no, time) INCLUDE (co2_ppm, temperature_decicelsius, rel_humidity_percent, status, readings)`,
		insert: `INSERT INTO column_row (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status, readings)
			SELECT n, t, 402, 215, 45, 'M', r FROM unnest($1::integer[], $2::timestamptz[], $3::bytea[]) AS u (n, t, r)`,
		arrays: func(c *columns, keys []sampleKey, values [][]int32) [][]byte {
			keyArrays(c, keys)
			rows := c.column(2, oidBytea)
			for _, v := range values {
				rows.bytes(packedValues(v))
			}
			return c.parameters(3)
		},
		read:  `SELECT time, readings FROM column_row WHERE node_no = $1 ORDER BY time`,
		value: unpackFirst,
	},
}

func unpackFirst(b []byte) int32 {
	for len(b) > 0 {
		quantity, n := binary.Uvarint(b)
		value, m := binary.Varint(b[n:])
		if quantity == 1 {
			return int32(value)
		}
		b = b[n+m:]
	}
	return 0
}

// keepWith is keepBare with a candidate beside it; one that has the sample itself stands
// alone.
func (s *Store) keepWith(ctx context.Context, f *keeping.Flush, c candidate, first int) error {
	w := s.writes.Get().(*write)
	defer s.writes.Put(w)
	w.flush = f
	if err := s.resolve(ctx, w); err != nil {
		return err
	}
	if err := s.ensurePartitions(ctx, w); err != nil {
		return err
	}
	w.split()
	w.returned = w.returned[:0]
	return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		p := pipeline{conn: conn.Conn()}
		if c.name != "column" {
			p.queue(ctx, addSamples, w.sampleParameters(), nil).done = w.allReturned
		}
		p.queue(ctx, addLate, w.lateParameters(), nil)
		if c.insert != "" {
			var keys []sampleKey
			var values [][]int32
			for k := range w.keys() {
				keys = append(keys, k.key)
				values = append(values, benchValues(first+int(k.row)))
			}
			p.queue(ctx, c.insert, c.arrays(&w.parking, keys, values), nil)
		}
		return p.run(ctx)
	})
}

// BenchmarkTables is what quantities beside CO2 cost in each of the tables that they could be
// kept in: a month of five-minute samples, each with five more values, as it comes.
func BenchmarkTables(b *testing.B) {
	nodes, minutes := benchsize.Of(50, 5), benchsize.Of(5, 600)
	begin := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	perNode := 31 * 24 * 60 / minutes
	for _, c := range candidates {
		b.Run(c.name, func(b *testing.B) {
			s := newStore(b)
			for n := range nodes {
				nodetest.Register(b, s.pool, nodetest.ID(n), lorawan.EUI64(n))
			}
			if c.create != "" {
				pgtest.Exec(b, s.pool, c.create)
				pgtest.Exec(b, s.pool, "GRANT SELECT, INSERT ON "+c.relation()+" TO PUBLIC")
			}
			if err := s.EnsurePartitions(b.Context(), begin); err != nil {
				b.Fatal(err)
			}
			type numbered struct {
				*keeping.Flush
				first int
			}
			flushes := make(chan numbered, 64)
			var g errgroup.Group
			g.Go(func() error {
				defer close(flushes)
				const samplesOfNode = 20 // 1,000 of fifty nodes
				for first := 0; first < perNode; first += samplesOfNode {
					f := &keeping.Flush{At: begin}
					for n := range nodes {
						f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: nodetest.ID(n)})
						for i := first; i < min(first+samplesOfNode, perNode); i++ {
							at := begin.Add(time.Duration(i*minutes) * time.Minute)
							f.Rows = append(f.Rows, keeping.Row{Sample: nodetest.Measured(at, 402), Uplink: int32(n)})
						}
					}
					flushes <- numbered{f, first * nodes}
				}
				return nil
			})
			start := time.Now()
			for range 2 {
				g.Go(func() error {
					for f := range flushes {
						if err := s.keepWith(b.Context(), f.Flush, c, f.first); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
			samples := float64(perNode * nodes)
			b.ReportMetric(samples/time.Since(start).Seconds(), "samples/s")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(pgtest.Value[int64](b, s.pool, "SELECT pg_total_relation_size('sample_y2025m03')"))/samples, "sample-bytes")
			if c.create == "" {
				return
			}
			relation := c.relation()
			b.ReportMetric(float64(pgtest.Value[int64](b, s.pool, "SELECT pg_total_relation_size($1::text::regclass)", relation))/samples, "more-bytes")
			pgtest.Exec(b, s.pool, "VACUUM (ANALYZE) "+relation)
			b.ReportMetric(readMonth(b, s.pool, c, nodes, perNode), "ms/month")
		})
	}
}

// readMonth returns the median of the times that reading one quantity's series of a node takes.
func readMonth(b *testing.B, pool *pgxpool.Pool, c candidate, nodes, want int) float64 {
	b.Helper()
	var all []float64
	for n := range 3 * nodes {
		no := pgtest.Value[int32](b, pool, "SELECT no FROM node WHERE id = $1", nodetest.ID(n%nodes))
		start := time.Now()
		rows, err := pool.Query(b.Context(), c.read, pgx.QueryResultFormats{pgx.BinaryFormatCode, pgx.BinaryFormatCode}, no)
		if err != nil {
			b.Fatal(err)
		}
		count := 0
		for rows.Next() {
			if c.value(rows.RawValues()[1]) >= 10_132 {
				count++
			}
		}
		if rows.Err() != nil || count != want {
			b.Fatalf("got %d values, %v, want %d", count, rows.Err(), want)
		}
		all = append(all, float64(time.Since(start).Microseconds())/1000)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
