package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/token"
)

// When it was last used is written to ten minutes: it is for people, and no write per call.
const findGrant = `
	WITH used AS (
		UPDATE ingestion_token SET last_used_at = now()
		 WHERE digest = $1 AND revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at < now() - interval '10 minutes'))
	SELECT organization_id, node_id FROM ingestion_token WHERE digest = $1 AND revoked_at IS NULL`

// Grant implements token.Store.
func (s *Store) Grant(ctx context.Context, digest ingesttoken.Digest) (g token.Grant, err error) {
	var node *uuid.UUID
	err = s.pool.QueryRow(ctx, findGrant, digest[:]).Scan(&g.Organization, &node)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return g, pgdb.Translate(err)
	case err != nil:
		return g, samplestore.Translate(fmt.Errorf("find a token: %w", err))
	}
	if node != nil {
		g.Node = *node
	}
	return g, nil
}

// OwnNodes implements token.Store.
func (s *Store) OwnNodes(ctx context.Context, organization int64, nodes []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, "SELECT id FROM node WHERE id = ANY ($1) AND owner_id = $2", nodes, organization)
	if err == nil {
		nodes, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("find nodes of an organization: %w", err))
	}
	return nodes, nil
}
