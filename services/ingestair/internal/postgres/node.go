package postgres

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// nodeMap knows the numbers of nodes as of an epoch. It learns a node when its
// first sample comes, and forgets all when the epoch changes.
type nodeMap struct {
	mu    sync.RWMutex
	epoch int64
	nos   map[uuid.UUID]int32
}

// get looks up the nodes of rows; missing are those that the map does not know.
func (m *nodeMap) get(rows []*ingest.Row) (known *keyed, unknown []*ingest.Row, epoch int64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	known = &keyed{rows: make([]*ingest.Row, 0, len(rows)), nos: make([]int32, 0, len(rows))}
	for _, r := range rows {
		if no, ok := m.nos[r.NodeID]; ok {
			known.rows, known.nos = append(known.rows, r), append(known.nos, no)
		} else {
			unknown = append(unknown, r)
		}
	}
	return known, unknown, m.epoch
}

// learn adds nodes as they are at an epoch.
func (m *nodeMap) learn(epoch int64, nos map[uuid.UUID]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case epoch < m.epoch:
		// The other flusher has learned something newer.
	case epoch > m.epoch || m.nos == nil:
		m.epoch, m.nos = epoch, nos
	default:
		maps.Copy(m.nos, nos)
	}
}

// An epoch without nodes is a row too.
const nodesByID = `
	SELECT e.epoch, n.id, n.no
	  FROM node_epoch e LEFT JOIN node n ON n.id = ANY (@ids)
	 ORDER BY n.no`

// resolve finds the numbers of the rows' nodes. Unknown rows are of nodes that
// were not registered a moment ago.
func (s *Store) resolve(ctx context.Context, rows []*ingest.Row) (known *keyed, unknown []*ingest.Row, epoch int64, err error) {
	known, unknown, epoch = s.nodes.get(rows)
	if len(unknown) == 0 {
		return known, nil, epoch, nil
	}
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for _, r := range unknown {
		if !seen[r.NodeID] {
			seen[r.NodeID] = true
			ids = append(ids, r.NodeID)
		}
	}
	found, err := s.pool.Query(ctx, nodesByID, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("find nodes: %w", err)
	}
	nos := map[uuid.UUID]int32{}
	var id *uuid.UUID
	var no *int32
	_, err = pgx.ForEachRow(found, []any{&epoch, &id, &no}, func() error {
		if id != nil {
			nos[*id] = *no
		}
		return nil
	})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("find nodes: %w", err)
	}
	s.nodes.learn(epoch, nos)
	known, unknown, epoch = s.nodes.get(rows)
	return known, unknown, epoch, nil
}
