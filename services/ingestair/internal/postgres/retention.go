package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// What is deleted at once, so that no transaction becomes long.
const forgetChunk = 5000

// The tables are small beside the samples, and each has an index on its time.
const (
	forgetParked = `
	DELETE FROM parked_sample WHERE (node_id, time) IN (
		SELECT node_id, time FROM parked_sample WHERE parked_at < $1 ORDER BY parked_at LIMIT $2)`
	forgetRejected = `
	DELETE FROM rejected_sample WHERE id IN (
		SELECT id FROM rejected_sample WHERE rejected_at < $1 ORDER BY rejected_at LIMIT $2)`
	forgetParkedReadings = `
	DELETE FROM parked_reading WHERE (node_id, time) IN (
		SELECT node_id, time FROM parked_reading WHERE parked_at < $1 ORDER BY parked_at LIMIT $2)`
	forgetRejectedReadings = `
	DELETE FROM rejected_reading WHERE id IN (
		SELECT id FROM rejected_reading WHERE rejected_at < $1 ORDER BY rejected_at LIMIT $2)`
	forgetManyRejectedReadings = `
	DELETE FROM rejected_reading WHERE id IN (
		SELECT id FROM rejected_reading
		 WHERE id <= (SELECT id FROM rejected_reading ORDER BY id DESC OFFSET $1 LIMIT 1)
		 ORDER BY id LIMIT $2)`
	// It guards what is parked, and is kept as long.
	forgetHeard = `
	DELETE FROM heard_device WHERE eui64 IN (
		SELECT eui64 FROM heard_device WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)`
	forgetUndecoded = `
	DELETE FROM undecoded_uplink WHERE id IN (
		SELECT id FROM undecoded_uplink WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)`
	forgetRadio = `
	DELETE FROM node_radio_day WHERE (node_no, day) IN (
		SELECT node_no, day FROM node_radio_day WHERE day < ($1::timestamptz AT TIME ZONE 'UTC')::date ORDER BY day LIMIT $2)`
	// Bounded also in number: a sender gone mad must not fill the disk.
	forgetManyRejected = `
	DELETE FROM rejected_sample WHERE id IN (
		SELECT id FROM rejected_sample
		 WHERE id <= (SELECT id FROM rejected_sample ORDER BY id DESC OFFSET $1 LIMIT 1)
		 ORDER BY id LIMIT $2)`
)

// radioKept is how long the days of the radio are kept: long enough to see what a gateway
// that was moved, or a summer's leaves, have changed.
const radioKept = 90 * 24 * time.Hour

// Forget implements ingest.Upkeep.
func (s *Store) Forget(ctx context.Context, now time.Time, r ingest.Retention) error {
	for _, step := range []struct {
		sql   string
		limit any
	}{
		{forgetParked, now.Add(-r.Parked)},
		{forgetParkedReadings, now.Add(-r.Parked)},
		{forgetHeard, now.Add(-r.Parked)},
		{forgetRejected, now.Add(-r.Rejected)},
		{forgetRejectedReadings, now.Add(-r.Rejected)},
		{forgetManyRejectedReadings, r.MaxRejected},
		{forgetUndecoded, now.Add(-r.Undecoded)},
		{forgetRadio, now.Add(-radioKept)},
		{forgetManyRejected, r.MaxRejected},
	} {
		for more := true; more; {
			tag, err := s.pool.Exec(ctx, step.sql, step.limit, forgetChunk)
			if err != nil {
				return samplestore.Translate(fmt.Errorf("delete what was kept long enough: %w", err))
			}
			more = tag.RowsAffected() == forgetChunk
		}
	}
	return nil
}
