package schema_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
)

// Only a device that sent, or was guarded before, is kept when its sensor is deleted,
// with the whole organization, too.
func TestDeletedSensorsAreKeptAsDevices(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	inventory(t, tx)
	pgtest.Exec(t, tx, "INSERT INTO heard_device (eui64, seen_at) VALUES ('0000000000000003', now() - interval '1 day')")
	for _, eui := range []string{"0000000000000001", "0000000000000002", "0000000000000003"} {
		pgtest.Exec(t, tx, insertNode, pgx.NamedArgs{"id": uuid.New(), "eui64": eui})
	}
	pgtest.Exec(t, tx, "INSERT INTO node_status (node_no, last_contact_at) SELECT no, now() FROM node WHERE eui64 = '0000000000000001'")
	pgtest.Exec(t, tx, "DELETE FROM organization")
	var left string
	err := tx.QueryRow(t.Context(), "SELECT string_agg(concat_ws(' ', eui64, owner_id, seen_at = now()), ', ' ORDER BY eui64) FROM heard_device").Scan(&left)
	if want := "0000000000000001 1 t, 0000000000000003 1 f"; err != nil || left != want {
		t.Errorf("left: %q (%v), want %q", left, err, want)
	}
}
