package conformance_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// serialization is the SQLSTATE of those whose snapshot is too old for what they want.
const serialization = "40001"

// A transaction that still sees what was there before another one ended breaks no rule:
// it is refused, whichever of the two has the stricter isolation.
func TestASnapshotThatIsTooOldBreaksNothing(t *testing.T) {
	t.Parallel()
	const loose, strict = pgx.ReadCommitted, pgx.RepeatableRead
	for _, race := range races {
		t.Run(race.name, func(t *testing.T) {
			t.Parallel()
			w := newRace(t)
			for first := range 2 {
				for _, isolation := range [][2]pgx.TxIsoLevel{{strict, strict}, {loose, strict}, {strict, loose}} {
					t.Run(fmt.Sprintf("%d/%s, then %s", first, isolation[0], isolation[1]), func(t *testing.T) {
						w.again(t)
						second := 1 - first
						err := w.oneAfterTheOther(t, isolation, race.sql[first], race.sql[second])
						pgErr, _ := errors.AsType[*pgconn.PgError](err)
						v := constraint.Violation(err)
						if (v == nil || v.Code() != race.codes[second]) && (pgErr == nil || pgErr.Code != serialization) {
							t.Errorf("the second one: %v, want %s or %s", err, race.codes[second], serialization)
						}
						w.unbroken(t)
					})
				}
			}
		})
	}
}

// oneAfterTheOther runs two statements in transactions that both begin before the first
// one is done, and returns what the second one is told.
func (w *world) oneAfterTheOther(t *testing.T, isolation [2]pgx.TxIsoLevel, first, second string) error {
	t.Helper()
	var txs [2]pgx.Tx
	for i := range txs {
		txs[i] = beginAs(t, w.pool, pgx.TxOptions{IsoLevel: isolation[i]}, "IMMEDIATE")
		if _, err := txs[i].Exec(t.Context(), "SELECT FROM organization"); err != nil {
			t.Fatal(err) // it takes the snapshot
		}
	}
	_, err := txs[0].Exec(t.Context(), first)
	if err == nil {
		err = txs[0].Commit(t.Context())
	}
	if err != nil {
		t.Fatalf("the first one: %v", err)
	}
	if _, err = txs[1].Exec(t.Context(), second); err == nil {
		err = txs[1].Commit(t.Context())
	}
	return err
}
