package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// A row of readings has all quantities of a second; the key covers it, so a series is read from
// the index alone. Temperature and humidity of a node with CO2 are in its samples.
const (
	readings = `
	SELECT time, readings, NULL::smallint
	  FROM reading
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3
	 ORDER BY time`
	// The tables are in the order in which those who write and detach_sample_partition lock them:
	// readers and those must not wait for each other. Where both have a value of a second, that of
	// the sample counts.
	readingsAnd = `
	SELECT time, NULL, %[1]s
	  FROM sample
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3 AND %[1]s IS NOT NULL AND status <> 'E'
	 UNION ALL
	SELECT time, readings, NULL::smallint
	  FROM reading
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3
	 ORDER BY time`

	// A node may send its quantities in turns. A day of a node that measures each minute has 1,440
	// rows.
	latestReadings = `
	WITH newest AS (SELECT max(time) AS time FROM reading WHERE node_no = @node AND time BETWEEN @from AND @to)
	SELECT r.time, r.readings
	  FROM newest, reading r
	 WHERE r.node_no = @node AND r.time BETWEEN greatest(@from::timestamptz, newest.time - interval '1 day') AND newest.time
	 ORDER BY r.time DESC
	 LIMIT 1500`
)

// Readings is part of telemetry.Readings.
func (t *Telemetry) Readings(ctx context.Context, span telemetry.Span, of quantity.ID, yield func(time.Time, int32) error) error {
	query := readings
	switch of {
	case quantity.Temperature:
		query = fmt.Sprintf(readingsAnd, "temperature_decicelsius")
	case quantity.RelHumidity:
		query = fmt.Sprintf(readingsAnd, "rel_humidity_percent")
	}
	rows, err := t.pool.Query(ctx, query, span.NodeNo, span.From, span.To)
	if err != nil {
		return fmt.Errorf("readings: %w", pgdb.Translate(err))
	}
	defer rows.Close()
	var held second
	for rows.Next() {
		c := rows.RawValues()
		next := second{at: int64be(c[0]), found: true, sample: c[2] != nil}
		if next.sample {
			next.steps = int32(int16be(c[2]))
		} else {
			next.steps, next.found = quantity.Find(c[1], of)
		}
		switch {
		case !next.found:
			continue
		case held.found && held.at == next.at:
			if next.sample {
				held = next
			}
			continue
		}
		if err := held.yield(yield); err != nil {
			return err
		}
		held = next
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readings: %w", pgdb.Translate(err))
	}
	return held.yield(yield)
}

// second is the value of a quantity at a point in time, if one was found.
type second struct {
	at     int64 // as PostgreSQL has it
	steps  int32
	found  bool
	sample bool // it is of a sample
}

func (s second) yield(yield func(time.Time, int32) error) error {
	if !s.found {
		return nil
	}
	return yield(time.UnixMicro(s.at+epoch).UTC(), s.steps)
}

// LatestReadings is part of telemetry.Readings.
func (t *Telemetry) LatestReadings(ctx context.Context, span telemetry.Span) ([]quantity.Reading, error) {
	rows, err := t.pool.Query(ctx, latestReadings, pgx.NamedArgs{"node": span.NodeNo, "from": span.From, "to": span.To})
	if err != nil {
		return nil, fmt.Errorf("latest readings: %w", pgdb.Translate(err))
	}
	defer rows.Close()
	newest := map[quantity.ID]quantity.Reading{}
	for len(newest) < len(quantity.Catalogue) && rows.Next() {
		var at time.Time
		var packed []byte
		if err := rows.Scan(&at, &packed); err != nil {
			return nil, fmt.Errorf("latest readings: %w", err)
		}
		values, err := quantity.Unpack(nil, packed)
		if err != nil {
			return nil, fmt.Errorf("latest readings: %w", err)
		}
		for _, v := range values {
			if _, there := newest[v.Quantity]; !there {
				newest[v.Quantity] = quantity.Reading{Time: at.UTC(), Value: v}
			}
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("latest readings: %w", pgdb.Translate(err))
	}
	var all []quantity.Reading
	for _, r := range newest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b quantity.Reading) int { return int(a.Quantity) - int(b.Quantity) })
	return all, nil
}
