package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// month counts the (UTC) months since the year 0.
type month int

func monthOf(t time.Time) month { return month(t.Year()*12 + int(t.Month()) - 1) }

// ensurePartitions makes the partitions that the rows need.
func (s *Store) ensurePartitions(ctx context.Context, rows []*ingest.Row) error {
	last := month(-1)
	for _, r := range rows {
		m := monthOf(r.Sample.Time)
		if m == last {
			continue
		}
		last = m
		if s.hasPartition(m) {
			continue
		}
		if _, err := s.pool.Exec(ctx, "SELECT ensure_sample_partition($1)", r.Sample.Time); err != nil {
			return fmt.Errorf("make the partition of %s: %w", r.Sample.Time.Format("2006-01"), err)
		}
		s.setPartition(m)
	}
	return nil
}

func (s *Store) hasPartition(m month) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.months[m]
}

func (s *Store) setPartition(m month) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.months[m] = true
}
