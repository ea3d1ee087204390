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
	readingsAnd = `
	SELECT time, readings, NULL::smallint
	  FROM reading
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3
	 UNION ALL
	SELECT time, NULL, %[1]s
	  FROM sample
	 WHERE node_no = $1 AND time BETWEEN $2 AND $3 AND %[1]s IS NOT NULL AND status <> 'E'
	 ORDER BY time`

	// A node may send its quantities in turns. A day of a node that measures each minute is
	// bounded by the limit.
	latestReadings = `
	WITH newest AS (SELECT max(time) AS time FROM reading WHERE node_no = @node AND time BETWEEN @from AND @to)
	SELECT r.time, r.readings
	  FROM newest, reading r
	 WHERE r.node_no = @node AND r.time BETWEEN greatest(@from::timestamptz, newest.time - interval '1 day') AND newest.time
	 ORDER BY r.time DESC
	 LIMIT 300`
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
	for rows.Next() {
		c := rows.RawValues()
		var steps int32
		found := true
		if c[2] != nil {
			steps = int32(int16be(c[2]))
		} else {
			steps, found = quantity.Find(c[1], of)
		}
		if !found {
			continue
		}
		if err := yield(time.UnixMicro(int64be(c[0])+epoch).UTC(), steps); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readings: %w", pgdb.Translate(err))
	}
	return nil
}

// LatestReadings is part of telemetry.Readings.
func (t *Telemetry) LatestReadings(ctx context.Context, span telemetry.Span) ([]quantity.Reading, error) {
	rows, err := t.pool.Query(ctx, latestReadings, pgx.NamedArgs{"node": span.NodeNo, "from": span.From, "to": span.To})
	if err != nil {
		return nil, fmt.Errorf("latest readings: %w", pgdb.Translate(err))
	}
	newest := map[quantity.ID]quantity.Reading{}
	var at time.Time
	var packed []byte
	_, err = pgx.ForEachRow(rows, []any{&at, &packed}, func() error {
		values, err := quantity.Unpack(nil, packed)
		for _, v := range values {
			if _, there := newest[v.Quantity]; !there {
				newest[v.Quantity] = quantity.Reading{Time: at.UTC(), Value: v}
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("latest readings: %w", pgdb.Translate(err))
	}
	var all []quantity.Reading
	for _, r := range newest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b quantity.Reading) int { return int(a.Quantity) - int(b.Quantity) })
	return all, nil
}
