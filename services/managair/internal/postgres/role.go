package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// IsOwner reports whether we log in as the owner of the tables, or as a superuser: as
// somebody who may do more than a service should.
func IsOwner(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	var is bool
	err := pool.QueryRow(ctx, "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'user_account'::regclass").Scan(&is)
	if err != nil {
		return false, fmt.Errorf("look who we are: %w", pgdb.Translate(err))
	}
	return is, nil
}
