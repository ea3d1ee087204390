package samplestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// month counts the (UTC) months since the year 0.
type month int

func monthOf(t time.Time) month {
	y, m, _ := t.Date()
	return month(y*12 + int(m) - 1)
}

func (m month) begin() time.Time {
	return time.Date(int(m)/12, time.Month(m%12)+1, 1, 0, 0, 0, 0, time.UTC)
}

// months knows which months have a partition.
type months struct {
	mu       sync.Mutex
	attached map[month]bool // false: there is a table, but it was detached
}

func (m *months) get(at month) (attached, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	attached, known = m.attached[at]
	// Somebody may attach it again at any time.
	return attached, known && attached
}

func (m *months) set(at month, attached bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.attached == nil {
		m.attached = map[month]bool{}
	}
	m.attached[at] = attached
}

func (m *months) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.attached)
}

// ensurePartitions makes the partitions that the pending rows and readings need. Those of
// months that were detached are rejected.
func (s *Store) ensurePartitions(ctx context.Context, w *write) error {
	u := usability{store: s, oldest: monthOf(w.flush.At.UTC()) - openedBack, archived: map[month]bool{}, closed: map[month]bool{}, last: need{month: -1}}
	for i := range w.flush.Rows {
		r := &w.flush.Rows[i]
		if w.nos[r.Uplink] == 0 || r.Outcome != keeping.Pending {
			continue
		}
		why, err := u.of(ctx, r.Sample.Time, w.flush.Uplinks[r.Uplink])
		if err != nil {
			return err
		}
		if why != nil {
			w.reject(r, why)
		}
	}
	for i := range w.flush.Readings {
		r := &w.flush.Readings[i]
		if w.nos[r.Uplink] == 0 || r.Outcome != keeping.Pending {
			continue
		}
		why, err := u.of(ctx, r.Time, w.flush.Uplinks[r.Uplink])
		if err != nil {
			return err
		}
		if why != nil {
			w.rejectReading(r, why)
		}
	}
	return nil
}

// need is a month, and whether it may be begun.
type need struct {
	month
	open bool
}

// usability finds which months can be written, for the time of a flush.
type usability struct {
	store            *Store
	oldest           month
	archived, closed map[month]bool
	last             need
	why              *fault.Violation // of last
}

// of makes the month of a time, and says what is wrong where there is none.
func (u *usability) of(ctx context.Context, at time.Time, uplink *keeping.Uplink) (*fault.Violation, error) {
	m := monthOf(at)
	n := need{m, m >= u.oldest || !uplink.Registered}
	if n == u.last {
		return u.why, nil
	}
	var usable bool
	var err error
	if n.open {
		usable, err = u.store.ensurePartition(ctx, m, u.archived)
	} else {
		usable, err = u.store.hasPartition(ctx, m, u.closed)
	}
	if err != nil {
		return nil, err
	}
	u.last, u.why = n, nil
	if !usable {
		detail := "the samples of " + m.begin().Format("2006-01") + " are archived"
		if !n.open {
			detail = "there are no samples of " + m.begin().Format("2006-01") + ", and this token may not begin with some that old"
		}
		u.why = &fault.Violation{Reason: reason.TooOld, Field: "time_s", Detail: detail}
	}
	return u.why, nil
}

// openedBack is for how many months back whoever may only speak of registered nodes has
// one made: all readers pass by each.
const openedBack = 12

// hasPartition reports whether a month has a partition of samples, without making one; that of
// its readings is made where it is missing. closed remembers the months that have none for the
// time of a flush.
func (s *Store) hasPartition(ctx context.Context, m month, closed map[month]bool) (usable bool, err error) {
	if attached, known := s.months.get(m); known {
		return attached, nil
	}
	if closed[m] {
		return false, nil
	}
	if err := s.pool.QueryRow(ctx, "SELECT CASE WHEN sample_month_is_open($1) THEN open_sample_month($1) ELSE false END", m.begin()).Scan(&usable); err != nil {
		return false, fmt.Errorf("look for the partition of %s: %w", m.begin().Format("2006-01"), err)
	}
	if usable {
		s.months.set(m, true)
	}
	closed[m] = !usable
	return usable, nil
}

// ensurePartition makes a month's partition if there is none. It returns false for
// one that was detached; archived remembers that for the time of a flush.
func (s *Store) ensurePartition(ctx context.Context, m month, archived map[month]bool) (usable bool, err error) {
	if attached, known := s.months.get(m); known {
		return attached, nil
	}
	if archived[m] {
		return false, nil
	}
	if err := s.pool.QueryRow(ctx, "SELECT open_sample_month($1)", m.begin()).Scan(&usable); err != nil {
		return false, fmt.Errorf("make the partition of %s: %w", m.begin().Format("2006-01"), err)
	}
	s.months.set(m, usable)
	archived[m] = !usable
	return usable, nil
}

// isMissingPartition recognizes that a row has no partition to go to: a check
// that fails without a constraint.
func isMissingPartition(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == pgdb.CheckViolation && pgErr.ConstraintName == ""
}

// EnsurePartitions makes the partitions of this and the next two months, so that
// no sample has to wait for one.
func (s *Store) EnsurePartitions(ctx context.Context, now time.Time) error {
	for ahead := range 3 {
		if _, err := s.ensurePartition(ctx, monthOf(now.UTC())+month(ahead), map[month]bool{}); err != nil {
			return err
		}
	}
	return nil
}
