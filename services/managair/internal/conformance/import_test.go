package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

// tables are those of the predecessor by kind.
var tables = map[string]string{
	"organization": "core_organization", "membership": "core_membership", "address": "core_address", "site": "core_site",
	"room": "core_room", "node": "core_node", "installation": "core_roomnodeinstallation",
}

// sourceRow makes the table of a kind in the predecessor's database again, with one row.
// Its columns are wider than they were, so that they hold what is wrong.
func sourceRow(t *testing.T, old *pgx.Conn, kind string, v values, id string) {
	t.Helper()
	columns, texts := []string{"id"}, []string{literal(id, kind != "node")}
	for _, f := range kinds[kind].fields {
		text, ok := v[f.Name]
		if !ok || f.Name == "id" {
			continue
		}
		name := f.Name
		if f.Reference() {
			name += "_id"
		}
		columns, texts = append(columns, name), append(texts, literal(text, isNumber(f)))
	}
	if kind == "installation" {
		if !slices.Contains(columns, "to_timestamp_s") {
			columns, texts = append(columns, "to_timestamp_s"), append(texts, "2147483647")
		}
		columns, texts = append(columns, "is_public"), append(texts, "false")
	}
	for i, name := range columns {
		texts[i] += " AS " + name
	}
	sql := "CREATE TABLE " + tables[kind] + " AS SELECT " + strings.Join(texts, ", ")
	if _, err := old.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func literal(text string, number bool) string {
	if number {
		return text + "::numeric"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'::text"
}

// What does not fit is not moved over either, for the same reason.
func TestTheMoveRefusesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, source := djangotest.New(t, 0)
	for _, row := range broken {
		if slices.Contains(row.not, "fixture") || slices.Contains(row.not, "move") {
			continue
		}
		var drop []string
		for _, table := range tables {
			drop = append(drop, table)
		}
		if _, err := old.Exec(t.Context(), "DROP TABLE IF EXISTS "+strings.Join(drop, ", ")+`, core_nodeprotocol, core_nodemodel_quantities,
			core_nodemodel, core_quantity, auth_user, account_emailaddress, authtoken_token CASCADE`); err != nil {
			t.Fatal(err)
		}
		sourceRow(t, old, row.kind, row.existing(), kinds[row.kind].pk)
		im := moving.Importer{Loader: moving.Loader{Pool: w.as, Now: time.Now}, Source: source, Jobs: 1}
		report, err := im.Import(t.Context())
		if err != nil {
			t.Errorf("%s.%s: %v", row.kind, row.field, err)
			continue
		}
		var codes []string
		for _, p := range report.Problems {
			if p.Model == kinds[row.kind].model && p.PK == kinds[row.kind].pk && p.Outcome == fixture.LeftOut {
				codes = append(codes, p.Code)
			}
		}
		if fmt.Sprint(codes) != fmt.Sprint([]string{row.why.Code()}) {
			t.Errorf("%s.%s = %.60q: %v, want %s: %v", row.kind, row.field, row.value, codes, row.why.Code(), report.Problems)
		}
	}
}
