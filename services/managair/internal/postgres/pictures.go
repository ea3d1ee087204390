package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

const pictureNames = `
	SELECT DISTINCT image
	  FROM installation
	 WHERE image IS NOT NULL
	 ORDER BY image`

// PictureNames returns the names of the pictures of all installations, in order.
func PictureNames(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, pictureNames)
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	return names, nil
}
