package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Telemetry is the telemetry.Store on PostgreSQL.
type Telemetry struct{ pool *pgxpool.Pool }

// NewTelemetry returns the store on pool.
func NewTelemetry(pool *pgxpool.Pool) *Telemetry { return &Telemetry{pool} }

// Samples of a faulty sensor are not counted. The count comes from the roll-ups, so it costs the same however many samples
// there are. Where nothing that counts is before the span, and it reaches beyond what is
// rolled up, one row has nearly all of it; what is wrong with that (late samples)
// and what is not yet in it (the last hours) are counted. Samples are at whole
// seconds, so a second more makes an end that is included one that is not.
//
// What is before the span is asked of the roll-ups and of the one hour that it cuts, and
// never of all samples before: where a month has few nodes, PostgreSQL reads it from the
// begin for each node that is not there.
const summaries = `
	SELECT CASE WHEN span.stop >= state.rolled_until
	             AND span.start <= state.rolled_until
	             AND NOT EXISTS (SELECT FROM sample_day d WHERE d.node_no = span.node_no AND d.day < date_trunc('day', span.start, 'UTC'))
	             AND NOT EXISTS (SELECT FROM sample_hour h WHERE h.node_no = span.node_no
	                                AND h.hour >= date_trunc('day', span.start, 'UTC') AND h.hour < date_trunc('hour', span.start, 'UTC'))
	             AND NOT EXISTS (SELECT FROM sample_late l WHERE l.node_no = span.node_no AND l.hour < span.start)
	             AND NOT EXISTS (SELECT FROM sample s WHERE s.node_no = span.node_no
	                                AND s.time >= date_trunc('hour', span.start, 'UTC') AND s.time < span.start AND s.status <> 'E')
	       THEN coalesce((SELECT t.n FROM sample_total t WHERE t.node_no = span.node_no), 0)
	          + coalesce((SELECT sum((SELECT count(*) FROM sample s
	                                   WHERE s.node_no = span.node_no AND s.time >= late.hour AND s.time < late.hour + interval '1 hour' AND s.status <> 'E')
	                                 - coalesce((SELECT h.n FROM sample_hour h WHERE h.node_no = span.node_no AND h.hour = late.hour), 0))
	                        FROM (SELECT DISTINCT hour FROM sample_late WHERE node_no = span.node_no AND hour < state.rolled_until) late), 0)::bigint
	          + (SELECT count(*) FROM sample s WHERE s.node_no = span.node_no AND s.time >= state.rolled_until AND s.time <= span.stop AND s.status <> 'E')
	       ELSE sample_count(span.node_no, span.start, span.stop + interval '1 second') END,
	       CASE WHEN @first THEN (SELECT min(s.time) FROM sample s WHERE s.node_no = span.node_no AND s.time BETWEEN span.start AND span.stop) END,
	       latest.time, latest.co2_ppm, latest.temperature_decicelsius, latest.rel_humidity_percent, latest.status::text
	  FROM unnest(@nodes::integer[], @froms::timestamptz[], @tos::timestamptz[]) WITH ORDINALITY span (node_no, start, stop, i)
	 CROSS JOIN sample_rollup_state state
	  LEFT JOIN LATERAL (
	       SELECT * FROM sample s
	        WHERE s.node_no = span.node_no AND s.time BETWEEN span.start AND span.stop
	        ORDER BY s.time DESC LIMIT 1) latest ON true
	 ORDER BY span.i`

// One span by itself, as it is asked for with each single node and series: planning
// the query for many takes five times as long as answering this one.
const summary = `
	SELECT sample_count(@node, @from, @to::timestamptz + interval '1 second'),
	       CASE WHEN @first THEN (SELECT min(s.time) FROM sample s WHERE s.node_no = @node AND s.time BETWEEN @from AND @to) END,
	       latest.time, latest.co2_ppm, latest.temperature_decicelsius, latest.rel_humidity_percent, latest.status::text
	  FROM (VALUES (0)) one
	  LEFT JOIN LATERAL (
	       SELECT * FROM sample s
	        WHERE s.node_no = @node AND s.time BETWEEN @from AND @to
	        ORDER BY s.time DESC LIMIT 1) latest ON true`

// Summaries is part of telemetry.Store.
func (t *Telemetry) Summaries(ctx context.Context, spans []telemetry.Span, first bool) ([]telemetry.Summary, error) {
	switch len(spans) {
	case 0:
		return nil, nil
	case 1:
		return t.summaries(ctx, summary, pgx.NamedArgs{"node": spans[0].NodeNo, "from": spans[0].From, "to": spans[0].To, "first": first})
	}
	nodes := make([]int32, len(spans))
	froms := make([]time.Time, len(spans))
	tos := make([]time.Time, len(spans))
	for i, s := range spans {
		nodes[i], froms[i], tos[i] = s.NodeNo, s.From, s.To
	}
	return t.summaries(ctx, summaries, pgx.NamedArgs{"nodes": nodes, "froms": froms, "tos": tos, "first": first})
}

func (t *Telemetry) summaries(ctx context.Context, query string, args pgx.NamedArgs) ([]telemetry.Summary, error) {
	rows, err := t.pool.Query(ctx, query, args)
	if err != nil {
		return nil, fmt.Errorf("summaries: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (telemetry.Summary, error) {
		var sum telemetry.Summary
		var latest nullableSample
		if err := row.Scan(&sum.Count, &sum.First, &latest.time, &latest.co2, &latest.temperature, &latest.humidity, &latest.status); err != nil {
			return sum, err
		}
		sum.Latest = latest.sample()
		return sum, nil
	})
	if err != nil {
		return nil, fmt.Errorf("summaries: %w", pgdb.Translate(err))
	}
	return all, nil
}

type nullableSample struct {
	time                       *time.Time
	co2, temperature, humidity *int16
	status                     *string
}

func (n *nullableSample) sample() *measurement.Sample {
	if n.time == nil {
		return nil
	}
	s := measurement.Sample{Time: *n.time, CO2PPM: int(*n.co2), Status: measurement.Status((*n.status)[0])}
	if n.temperature != nil {
		s.TemperatureDecicelsius = measurement.Known(int(*n.temperature))
	}
	if n.humidity != nil {
		s.RelHumidityPercent = measurement.Known(int(*n.humidity))
	}
	return &s
}

const samples = `
	SELECT time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status
	  FROM sample
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3
	 ORDER BY time`

// Samples is part of telemetry.Store.
func (t *Telemetry) Samples(ctx context.Context, span telemetry.Span, yield func(measurement.Sample) error) error {
	rows, err := t.pool.Query(ctx, samples, span.NodeNo, span.From, span.To)
	if err != nil {
		return fmt.Errorf("samples: %w", pgdb.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := yield(decodeSample(rows.RawValues())); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("samples: %w", pgdb.Translate(err))
	}
	return nil
}

// epoch is the zero of PostgreSQL's binary timestamps, in Unix microseconds.
const epoch = 946_684_800_000_000

// decodeSample reads the columns of the query samples in the binary format
// (https://www.postgresql.org/docs/15/protocol-message-formats.html). Scanning
// by reflection takes half of the time that a long series takes.
func decodeSample(columns [][]byte) measurement.Sample {
	return measurement.Sample{
		Time:                   time.UnixMicro(int64be(columns[0]) + epoch).UTC(),
		CO2PPM:                 int(int16be(columns[1])),
		TemperatureDecicelsius: reading(columns[2]),
		RelHumidityPercent:     reading(columns[3]),
		Status:                 measurement.Status(columns[4][0]),
	}
}

func reading(column []byte) measurement.Reading {
	if column == nil {
		return measurement.Reading{}
	}
	return measurement.Known(int(int16be(column)))
}

// Rollup is part of telemetry.Store. It takes whole hours from the roll-ups as
// far as they are right, and the rest from the samples. It reads the table and
// not the function sample_hours, because PostgreSQL
// plans a function's queries anew at each call, over all partitions: that took
// longer than reading a year of hours.
func (t *Telemetry) Rollup(ctx context.Context, span telemetry.Span, yield func(telemetry.Bucket) error) error {
	// Both queries must see the same state.
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, t.pool, options, func(tx pgx.Tx) error {
		var until time.Time
		var late []time.Time
		stop := span.To.Add(time.Second)
		err := tx.QueryRow(ctx, `
			SELECT rolled_until, ARRAY(SELECT DISTINCT hour FROM sample_late WHERE node_no = $1 AND hour >= $2 AND hour < $3)
			  FROM sample_rollup_state`, span.NodeNo, span.From, stop).Scan(&until, &late)
		if err != nil {
			return err
		}
		parts := rollupParts{args: []any{span.NodeNo}, late: late}
		parts.cover(span.From, stop, until.UTC())
		if len(parts.queries) == 0 {
			return nil
		}
		rows, err := tx.Query(ctx, strings.Join(parts.queries, " UNION ALL ")+" ORDER BY 1", parts.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			c := rows.RawValues()
			err := yield(telemetry.Bucket{
				Start:       time.UnixMicro(int64be(c[0]) + epoch).UTC(),
				CO2:         aggregate(c[1], c[2], c[3], c[4]),
				Temperature: aggregate(c[5], c[6], c[7], c[8]),
				RelHumidity: aggregate(c[9], c[10], c[11], c[12]),
			})
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("roll-up: %w", pgdb.Translate(err))
	}
	return nil
}

// rollupParts are queries that together cover a span without overlap.
type rollupParts struct {
	queries []string
	args    []any
	late    []time.Time // hours whose roll-up is out of date
}

const day = 24 * time.Hour

// cover adds the parts of [from, stop). What is before until is rolled up.
func (p *rollupParts) cover(from, stop, until time.Time) {
	hourFrom, hourTo := ceil(from, time.Hour), stop.Truncate(time.Hour)
	if until.Before(hourTo) {
		hourTo = until
	}
	if !hourFrom.Before(hourTo) {
		p.add("sample_hours_raw($1, $%d, $%d)", from, stop, nil)
		return
	}
	p.add("sample_hours_raw($1, $%d, $%d)", from, hourFrom, nil)
	p.add("sample_hour WHERE node_no = $1 AND hour >= $%d AND hour < $%d", hourFrom, hourTo, p.late)
	for _, hour := range p.late {
		if !hour.Before(hourFrom) && hour.Before(hourTo) {
			p.add("sample_hours_raw($1, $%d, $%d)", hour, hour.Add(time.Hour), nil)
		}
	}
	p.add("sample_hours_raw($1, $%d, $%d)", hourTo, stop, nil)
}

// add adds what source has in [from, to), but the times in without.
func (p *rollupParts) add(source string, from, to time.Time, without []time.Time) {
	if !from.Before(to) {
		return
	}
	p.args = append(p.args, from, to)
	query := `SELECT hour, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, temperature_min, temperature_max,
		rel_humidity_n, rel_humidity_sum, rel_humidity_min, rel_humidity_max FROM ` + fmt.Sprintf(source, len(p.args)-1, len(p.args))
	if len(without) > 0 {
		p.args = append(p.args, without)
		query += fmt.Sprintf(" AND hour <> ALL($%d)", len(p.args))
	}
	p.queries = append(p.queries, query)
}

// ceil returns the first multiple of d that is not before t.
func ceil(t time.Time, d time.Duration) time.Time {
	return t.Add(d - time.Nanosecond).Truncate(d)
}

func aggregate(n, sum, low, high []byte) telemetry.Aggregate {
	if int32be(n) == 0 {
		return telemetry.Aggregate{}
	}
	return telemetry.Aggregate{N: int(int32be(n)), Sum: int(int32be(sum)), Min: int(int16be(low)), Max: int(int16be(high))}
}

func int32be(b []byte) int32 {
	_ = b[3]
	return int32(b[0])<<24 | int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
}

func int16be(b []byte) int16 { return int16(b[0])<<8 | int16(b[1]) }

func int64be(b []byte) int64 {
	_ = b[7]
	return int64(b[0])<<56 | int64(b[1])<<48 | int64(b[2])<<40 | int64(b[3])<<32 |
		int64(b[4])<<24 | int64(b[5])<<16 | int64(b[6])<<8 | int64(b[7])
}
