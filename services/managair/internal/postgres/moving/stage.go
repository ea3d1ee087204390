package moving

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// stage keeps batches of samples aside, in a temporary table, because their nodes
// may come after them, and a file may turn out to be broken at its end. The table
// has a row for each batch: the samples are not looked at, so they need no rows of
// their own. It is not logged, and gone with the connection.
type stage struct {
	mu      sync.Mutex // the connection is used by one at a time
	conn    *pgx.Conn
	batches int
	taken   int
	buf     []byte
}

func newStage(ctx context.Context, conn *pgx.Conn) (*stage, error) {
	for _, sql := range []string{
		"DROP TABLE IF EXISTS pg_temp.staged_batch",
		"CREATE TEMPORARY TABLE staged_batch (no integer PRIMARY KEY, samples bytea NOT NULL)",
		// Not compressed: that takes longer than everything else.
		"ALTER TABLE pg_temp.staged_batch ALTER COLUMN samples SET STORAGE EXTERNAL",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("create the temporary table of samples: %w", pgdb.Translate(err))
		}
	}
	return &stage{conn: conn}, nil
}

// drop frees the disk at once; the connection goes back to the pool. If it fails,
// the connection is broken and the table gone with it.
func (s *stage) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, _ = s.conn.Exec(ctx, "DROP TABLE IF EXISTS pg_temp.staged_batch")
}

// put adds a batch.
func (s *stage) put(ctx context.Context, batch []loadedSample) error {
	if len(batch) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = s.buf[:0]
	for i := range batch {
		s.buf = batch[i].append(s.buf)
	}
	_, err := s.conn.Exec(ctx, "INSERT INTO pg_temp.staged_batch (no, samples) VALUES ($1, $2)", s.batches, s.buf)
	if err != nil {
		return fmt.Errorf("stage samples: %w", pgdb.Translate(err))
	}
	s.batches++
	return nil
}

// take appends the samples of the next batch to into, and returns false when all
// were taken.
func (s *stage) take(ctx context.Context, into []loadedSample) ([]loadedSample, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == s.batches {
		return into, false, nil
	}
	rows, err := s.conn.Query(ctx, "SELECT samples FROM pg_temp.staged_batch WHERE no = $1", s.taken)
	if err != nil {
		return into, false, fmt.Errorf("read staged samples: %w", pgdb.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()[0] // binary, as all that we ask for with arguments
		for len(raw) >= loadedSize {
			into = append(into, parseLoaded(raw))
			raw = raw[loadedSize:]
		}
		s.taken++
	}
	if err := rows.Err(); err != nil {
		return into, false, fmt.Errorf("read staged samples: %w", pgdb.Translate(err))
	}
	if len(into) == 0 {
		return into, false, errors.New("a staged batch is gone")
	}
	return into, true, nil
}

// loadedSize is how many bytes append writes.
const loadedSize = 16 + 8 + 3*4 + 2

func (l *loadedSample) append(b []byte) []byte {
	b = append(b, l.node[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.seconds)) //nolint:gosec // bits, not numbers, here and below
	for _, v := range [...]int32{l.co2, l.temperature, l.humidity} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v)) //nolint:gosec // see above
	}
	flag := byte(0)
	if l.implausible {
		flag = 1
	}
	return append(b, byte(l.status), flag)
}

func parseLoaded(b []byte) (l loadedSample) {
	copy(l.node[:], b)
	l.seconds = int64(binary.LittleEndian.Uint64(b[16:])) //nolint:gosec // see append
	l.co2 = int32(binary.LittleEndian.Uint32(b[24:]))     //nolint:gosec // see append
	l.temperature = int32(binary.LittleEndian.Uint32(b[28:]))
	l.humidity = int32(binary.LittleEndian.Uint32(b[32:]))
	l.status, l.implausible = measurement.Status(b[36]), b[37] == 1
	return l
}
