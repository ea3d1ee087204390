package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// house is an inventory to measure in: organization 1 operates site 1 with room 1.
type house struct {
	*pgxpool.Pool // the owner's

	as *pgxpool.Pool // managair's
}

func newHouse(t testing.TB, pool *pgxpool.Pool) house {
	t.Helper()
	h := house{pool, pgtest.As(t, schema.Managair, pool)}
	h.exec(t, `INSERT INTO organization (id, name) VALUES (1, 'School')`)
	h.exec(t, `INSERT INTO address (id, street1, zip, city) VALUES (1, 'Street 1', '12345', 'Berlin')`)
	h.exec(t, `INSERT INTO site (id, name, address_id, operator_id) VALUES (1, 'House', 1, 1)`)
	h.exec(t, `INSERT INTO room (id, site_id, name) VALUES (1, 1, 'Class 1')`)
	h.exec(t, `INSERT INTO node_protocol (id, identifier) VALUES (1, 'CLAIRCHEN')`)
	h.exec(t, `INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'C1', 'Clairchen', 'Clair', 'SCD30')`)
	return h
}

func (h house) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	pgtest.Exec(t, h.Pool, sql, args...)
}

// count returns the number that a query gives.
func (h house) count(t testing.TB, sql string, args ...any) int {
	t.Helper()
	return pgtest.Value[int](t, h.Pool, sql, args...)
}

// node registers a node of organization 1 and returns its id and number.
func (h house) node(t testing.TB, n int) (uuid.UUID, int32) {
	t.Helper()
	id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n))
	var no int32
	err := h.QueryRow(t.Context(), `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		VALUES ($1, $2, $3, 1, 1, 1) RETURNING no`,
		id, fmt.Sprintf("%016X", n), fmt.Sprintf("Node %d", n)).Scan(&no)
	if err != nil {
		t.Fatal(err)
	}
	return id, no
}
