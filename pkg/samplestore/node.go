package samplestore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// nodeMap knows the numbers of nodes as of an epoch. It learns a node when its
// first sample comes, and forgets all when the epoch changes.
type nodeMap struct {
	mu    sync.RWMutex
	epoch int64
	nos   map[uuid.UUID]int32
}

// lookUp finds the numbers of the uplinks' nodes; 0 is one that the map does not
// know.
func (m *nodeMap) lookUp(w *write) (missing int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	w.nos, w.epoch = w.nos[:0], m.epoch
	for _, u := range w.flush.Uplinks {
		no := m.nos[u.NodeID]
		w.nos = append(w.nos, no)
		if no == 0 {
			missing++
		}
	}
	return missing
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

// There is a row also when there are no nodes.
const nodesByID = `
	SELECT e.epoch, n.id, n.no
	  FROM node_epoch e LEFT JOIN node n ON n.id = ANY (@ids)
	 ORDER BY n.no`

// resolve finds the numbers of the uplinks' nodes. Those that are left without one
// were not registered a moment ago.
func (s *Store) resolve(ctx context.Context, w *write) error {
	if s.nodes.lookUp(w) == 0 {
		return nil
	}
	ids := map[uuid.UUID]bool{}
	for i, u := range w.flush.Uplinks {
		if w.nos[i] == 0 {
			ids[u.NodeID] = true
		}
	}
	found, err := s.pool.Query(ctx, nodesByID, pgx.NamedArgs{"ids": slices.Collect(maps.Keys(ids))})
	if err != nil {
		return fmt.Errorf("find nodes: %w", err)
	}
	nos := map[uuid.UUID]int32{}
	var epoch int64
	var id *uuid.UUID
	var no *int32
	_, err = pgx.ForEachRow(found, []any{&epoch, &id, &no}, func() error {
		if id != nil {
			nos[*id] = *no
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find nodes: %w", err)
	}
	s.nodes.learn(epoch, nos)
	s.nodes.lookUp(w)
	return nil
}
