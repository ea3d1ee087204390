package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func described(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT name || ' ' || base_unit FROM quantity UNION ALL
		SELECT identifier FROM node_protocol UNION ALL
		SELECT m.name || ': ' || (SELECT count(*) FROM node_model_quantity q WHERE q.node_model_id = m.id) FROM node_model m`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// A fresh installation has what the shipped codecs need, once however often it is asked
// for, and one that came from the predecessor keeps its own.
func TestSeed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, before string
		want         []string
		models       []string // that are told of as added
	}{
		{"fresh", "", []string{
			"CLAIRCHEN", "CO2 ppm", "Clairchen: 3", "ELSYS ERS CO2: 3", "ELSYSERS", "LORAWAN", "LoRaWAN sensor: 3", "Relative humidity %", "TALKPOOLOY1012", "Talkpool OY1210: 3", "Temperature °C",
		}, []string{"model Clairchen", "model ELSYS ERS CO2", "model Talkpool OY1210", "model LoRaWAN sensor"}},
		{
			"a model of that name is there", `
			INSERT INTO quantity (name, base_unit) VALUES ('CO2', 'ppm');
			INSERT INTO node_model (name, trade_name, manufacturer, sensor_type) VALUES ('Clairchen', 'x', 'y', 'z'), ('Talkpool OY1210', 'x', 'y', 'z');
			INSERT INTO node_model_quantity (node_model_id, quantity_id) SELECT m.id, q.id FROM node_model m, quantity q WHERE m.name = 'Clairchen'`,
			[]string{
				"CLAIRCHEN", "CO2 ppm", "Clairchen: 3", "ELSYS ERS CO2: 3", "ELSYSERS", "LORAWAN", "LoRaWAN sensor: 3", "Relative humidity %", "TALKPOOLOY1012", "Talkpool OY1210: 3", "Temperature °C",
			},
			[]string{"model ELSYS ERS CO2", "model LoRaWAN sensor"},
		},
		{
			"from the predecessor", `
			INSERT INTO quantity (id, name, base_unit) VALUES (1, 'CO2', 'PPM'), (2, 'Temperature', '°C'), (3, 'Relative Humidity', '%');
			INSERT INTO node_protocol (id, identifier) VALUES (1, 'CLAIRCHENPROT_V01'), (2, 'ELSYSERSPROT_V01');
			INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'CLAIRCHEN_PROTOTYPE_01', 'Clairchen Mark 1', 'x', 'y');
			SELECT reset_identity.* FROM (SELECT setval(pg_get_serial_sequence('quantity', 'id'), 3), setval(pg_get_serial_sequence('node_protocol', 'id'), 2),
			       setval(pg_get_serial_sequence('node_model', 'id'), 1)) reset_identity`,
			[]string{
				"CLAIRCHENPROT_V01", "CLAIRCHEN_PROTOTYPE_01: 0", "CO2 PPM", "ELSYSERSPROT_V01", "LORAWAN", "LoRaWAN sensor: 3", "Relative Humidity %", "TALKPOOLOY1012",
				"Talkpool OY1210: 3", "Temperature °C",
			},
			[]string{"model Talkpool OY1210", "model LoRaWAN sensor"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			if _, err := pool.Exec(t.Context(), tt.before); err != nil {
				t.Fatal(err)
			}
			as := pgtest.As(t, schema.Managair, pool)
			added, err := postgres.Seed(t.Context(), as, true)
			if err != nil {
				t.Fatal(err)
			}
			models := slices.DeleteFunc(slices.Clone(added), func(one string) bool { return !strings.HasPrefix(one, "model ") })
			if diff := cmp.Diff(tt.models, models); diff != "" {
				t.Errorf("models that were added (-want +got):\n%s", diff)
			}
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, described(t, pool)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if added, err := postgres.Seed(t.Context(), as, true); err != nil || len(added) > 0 {
				t.Errorf("again: added %v, %v", added, err)
			}
		})
	}
}

// What somebody deleted does not come back with the next update, only when it is asked for.
func TestSeedLeavesWhatWasDeleted(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	as := pgtest.As(t, schema.Managair, pool)
	seed := func(again bool, want int) {
		t.Helper()
		if added, err := postgres.Seed(t.Context(), as, again); err != nil || len(added) != want {
			t.Errorf("added %q, %v, want %d", added, err, want)
		}
	}
	seed(false, 11)
	pgtest.Exec(t, pool, "DELETE FROM node_protocol WHERE identifier = 'CLAIRCHEN'")
	pgtest.Exec(t, pool, "DELETE FROM node_model WHERE name IN ('Clairchen', 'Talkpool OY1210')")
	seed(false, 0)
	// A kind that this version has and the one before had not.
	pgtest.Exec(t, pool, "DELETE FROM node_protocol WHERE identifier = 'TALKPOOLOY1012'")
	pgtest.Exec(t, pool, "DELETE FROM described_sensor WHERE protocol = 'TALKPOOLOY1012'")
	seed(false, 2)
	seed(true, 2)
	seed(true, 0)
}

// Each codec has a sensor that it is for.
func TestEachCodecIsDescribed(t *testing.T) {
	t.Parallel()
	var all, described []string
	for _, name := range catalog.Names() {
		d, err := catalog.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.Protocol())
	}
	for _, s := range inventory.ShippedSensors {
		described = append(described, s.Protocol)
	}
	slices.Sort(all)
	slices.Sort(described)
	if diff := cmp.Diff(all, described); diff != "" {
		t.Errorf("(-codecs +described):\n%s", diff)
	}
}
