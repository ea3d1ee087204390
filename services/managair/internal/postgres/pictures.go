package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

// Pictures knows which pictures installations have, and in which files they are.
type Pictures struct{ Pool *pgxpool.Pool }

// All returns the pictures of all installations, in the order of their names.
func (p Pictures) All(ctx context.Context) ([]media.Picture, error) {
	const query = `
		SELECT DISTINCT image, coalesce(image_file, image)
		  FROM installation
		 WHERE image IS NOT NULL
		 ORDER BY image`
	rows, err := p.Pool.Query(ctx, query)
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[media.Picture])
	return all, pgdb.Translate(err)
}

// File returns the file of the picture of that name. NotFound: no installation has it.
func (p Pictures) File(ctx context.Context, name string) (file string, err error) {
	const query = `
		SELECT coalesce(image_file, image)
		  FROM installation
		 WHERE image = @name
		 LIMIT 1`
	err = p.Pool.QueryRow(ctx, query, pgx.NamedArgs{"name": name}).Scan(&file)
	return file, pgdb.Translate(err)
}

// Needed returns those of the files that hold the picture of an installation.
func (p Pictures) Needed(ctx context.Context, files []string) (map[string]bool, error) {
	const query = `
		SELECT DISTINCT coalesce(image_file, image)
		  FROM installation
		 WHERE image IS NOT NULL
		   AND coalesce(image_file, image) = ANY(@files)`
	rows, err := p.Pool.Query(ctx, query, pgx.NamedArgs{"files": files})
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, pgdb.Translate(err)
	}
	needed := make(map[string]bool, len(found))
	for _, file := range found {
		needed[file] = true
	}
	return needed, nil
}
