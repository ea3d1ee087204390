package postgres

import (
	"context"
	"fmt"
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

// The count comes from the roll-ups, so it costs the same however many samples
// there are; first and latest are one step into the key each. Samples are at
// whole seconds, so a second more makes an end that is included one that is not.
const summaries = `
	SELECT sample_count(span.node_no, span.start, span.stop + interval '1 second'),
	       (SELECT min(s.time) FROM sample s WHERE s.node_no = span.node_no AND s.time BETWEEN span.start AND span.stop),
	       latest.time, latest.co2_ppm, latest.temperature_decicelsius, latest.rel_humidity_percent, latest.status::text
	  FROM unnest(@nodes::integer[], @froms::timestamptz[], @tos::timestamptz[]) WITH ORDINALITY span (node_no, start, stop, i)
	  LEFT JOIN LATERAL (
	       SELECT * FROM sample s
	        WHERE s.node_no = span.node_no AND s.time BETWEEN span.start AND span.stop
	        ORDER BY s.time DESC LIMIT 1) latest ON true
	 ORDER BY span.i`

// Summaries is part of telemetry.Store.
func (t *Telemetry) Summaries(ctx context.Context, spans []telemetry.Span) ([]telemetry.Summary, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	nodes := make([]int32, len(spans))
	froms := make([]time.Time, len(spans))
	tos := make([]time.Time, len(spans))
	for i, s := range spans {
		nodes[i], froms[i], tos[i] = s.NodeNo, s.From, s.To
	}
	rows, err := t.pool.Query(ctx, summaries, pgx.NamedArgs{"nodes": nodes, "froms": froms, "tos": tos})
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

func int16be(b []byte) int16 { return int16(b[0])<<8 | int16(b[1]) }

func int64be(b []byte) int64 {
	_ = b[7]
	return int64(b[0])<<56 | int64(b[1])<<48 | int64(b[2])<<40 | int64(b[3])<<32 |
		int64(b[4])<<24 | int64(b[5])<<16 | int64(b[6])<<8 | int64(b[7])
}
