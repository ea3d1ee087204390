package moving

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Dump writes the rows of the models as the predecessor writes them, all as
// of one moment, and row by row, so that memory does not grow with the samples.
func Dump(ctx context.Context, pool *pgxpool.Pool, w *fixture.Writer, models []string) error {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error {
		for _, model := range models {
			if err := dumpModel(ctx, tx, w, model); err != nil {
				return fmt.Errorf("%s: %w", model, err)
			}
		}
		return nil
	})
	if err != nil {
		return pgdb.Translate(err)
	}
	return w.Close()
}

func dumpModel(ctx context.Context, tx pgx.Tx, w *fixture.Writer, model string) error {
	rows, err := tx.Query(ctx, dumpSQL[model])
	if err != nil {
		return err
	}
	var pk, fields json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&pk, &fields}, func() error { return w.Write(model, pk, fields) })
	return err
}

// Each query returns the key and the fields as the predecessor names them. json,
// not jsonb, keeps their order.
var dumpSQL = map[string]string{
	// What stands before an argon2 hash is the name of the predecessor's hasher.
	fixture.ModelUser: `
		SELECT to_json(id), json_build_object(
		       'password', CASE WHEN password_hash LIKE '$argon2id$%' THEN 'argon2' || password_hash ELSE password_hash END,
		       'last_login', last_login_at, 'is_superuser', is_superuser, 'username', username, 'first_name', first_name,
		       'last_name', last_name, 'email', email, 'is_staff', is_staff, 'is_active', is_active, 'date_joined', joined_at,
		       'groups', json_build_array(), 'user_permissions', json_build_array())
		  FROM user_account ORDER BY id`,
	fixture.ModelEmailAddress: `
		SELECT to_json(id), json_build_object('user', user_id, 'email', email, 'verified', verified, 'primary', is_primary)
		  FROM email_address ORDER BY id`,
	fixture.ModelOrganization: `
		SELECT to_json(id), json_build_object('name', name, 'description', description) FROM organization ORDER BY id`,
	fixture.ModelMembership: `
		SELECT to_json(id), json_build_object('role', role, 'user', user_id, 'organization', organization_id)
		  FROM membership ORDER BY id`,
	fixture.ModelAddress: `
		SELECT to_json(id), json_build_object('street1', street1, 'street2', street2, 'zip', zip, 'city', city,
		       'latitude', latitude::text, 'longitude', longitude::text)
		  FROM address ORDER BY id`,
	fixture.ModelSite: `
		SELECT to_json(id), json_build_object('name', name, 'description', description, 'address', address_id,
		       'operator', operator_id)
		  FROM site ORDER BY id`,
	fixture.ModelRoom: `
		SELECT to_json(id), json_build_object('name', name, 'description', description, 'size_sqm', size_sqm::text,
		       'height_m', height_m::text, 'max_occupancy', max_occupancy, 'site', site_id)
		  FROM room ORDER BY id`,
	fixture.ModelQuantity: `
		SELECT to_json(id), json_build_object('quantity', name, 'base_unit', base_unit) FROM quantity ORDER BY id`,
	fixture.ModelProtocol: `
		SELECT to_json(id), json_build_object('identifier', identifier, 'num_uplink_msgs', num_uplink_msgs,
		       'num_downlink_msgs', num_downlink_msgs)
		  FROM node_protocol ORDER BY id`,
	fixture.ModelNodeModel: `
		SELECT to_json(m.id), json_build_object('name', m.name, 'trade_name', m.trade_name, 'manufacturer', m.manufacturer,
		       'sensor_type', m.sensor_type, 'quantities', coalesce(
		           (SELECT json_agg(q.quantity_id ORDER BY q.quantity_id)
		              FROM node_model_quantity q WHERE q.node_model_id = m.id), json_build_array()))
		  FROM node_model m ORDER BY m.id`,
	fixture.ModelNode: `
		SELECT to_json(id), json_build_object('eui64', eui64, 'alias', alias, 'description', description,
		       'protocol', protocol_id, 'model', model_id, 'owner', owner_id)
		  FROM node ORDER BY no`,
	fixture.ModelInstallation: `
		SELECT to_json(id), json_build_object('node', node_id, 'room', room_id,
		       'from_timestamp_s', extract(epoch FROM from_time)::bigint,
		       'to_timestamp_s', coalesce(extract(epoch FROM to_time)::bigint, ` + strconv.Itoa(inventory.OpenEnd) + `),
		       'description', description, 'is_public', is_public, 'image', coalesce(image, ''))
		  FROM installation ORDER BY id`,
	fixture.ModelSample: `
		SELECT 'null'::json, json_build_object('node', n.id, 'timestamp_s', extract(epoch FROM s.time)::bigint,
		       'co2_ppm', s.co2_ppm, 'temperature_celsius', (s.temperature_decicelsius / 10.0)::numeric(4, 1)::text,
		       'rel_humidity_percent', s.rel_humidity_percent, 'measurement_status', s.status)
		  FROM sample s JOIN node n ON n.no = s.node_no
		 ORDER BY s.node_no, s.time`,
}
