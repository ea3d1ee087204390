package moving

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// LoadInventory writes the checked rows in one transaction. Each row has a
// savepoint of its own, so that one that the database refuses costs only itself.
func (l *Loader) LoadInventory(ctx context.Context, v *fixture.Inventory, report *fixture.Report) error {
	v.Check(l.Repair, report)
	err := pgx.BeginFunc(ctx, l.Pool, func(tx pgx.Tx) error {
		// What comes has its own descriptions of the sensors, with other names for the same.
		var ours *postgres.Aside
		if len(v.Quantities.Rows())+len(v.Protocols.Rows())+len(v.NodeModels.Rows()) > 0 {
			var err error
			if ours, err = postgres.StepAside(ctx, tx); err != nil {
				return err
			}
			if err := ours.Meets(
				names(v.Quantities.Rows(), func(q fixture.Quantity) (int64, string) { return q.ID, q.Quantity }),
				names(v.Protocols.Rows(), func(p fixture.Protocol) (int64, string) { return p.ID, p.Identifier }),
				names(v.NodeModels.Rows(), func(m fixture.NodeModel) (int64, string) { return m.ID, m.Name }),
			); err != nil {
				return err
			}
		}
		w := &inventoryWriter{tx: tx, report: report}
		w.all(ctx, v)
		if w.err != nil {
			return w.err
		}
		if ours != nil {
			if err := ours.Return(ctx, tx); err != nil {
				return err
			}
		}
		if err := reportOwnerless(ctx, tx, v, report); err != nil {
			return err
		}
		if err := reportOddIDs(ctx, tx, v, report); err != nil {
			return err
		}
		return advanceSequences(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("write the inventory: %w", pgdb.Translate(err))
	}
	return nil
}

// names returns what rows are called, by their ids.
func names[T any](rows []T, of func(T) (int64, string)) map[int64]string {
	all := map[int64]string{}
	for _, row := range rows {
		id, name := of(row)
		all[id] = name
	}
	return all
}

// inventoryWriter writes rows until the first error that is not about one row.
type inventoryWriter struct {
	tx     pgx.Tx
	report *fixture.Report
	nobody int64 // the organization of what belongs to nobody, once made
	err    error
}

// row writes a row, of which broken says which rule it breaks, nil for none.
func (w *inventoryWriter) row(ctx context.Context, model string, pk any, broken *fault.Violation, sql string, args pgx.NamedArgs) {
	if w.err != nil {
		return
	}
	if broken != nil {
		w.refuse(model, pk, broken)
		return
	}
	err := pgx.BeginFunc(ctx, w.tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args)
		return err
	})
	if v := constraint.Violation(err); v != nil {
		w.refuse(model, pk, v)
		return
	}
	if err != nil {
		w.err = fmt.Errorf("%s %v: %w", model, pk, err)
		return
	}
	w.report.WroteOne(model)
}

func (w *inventoryWriter) refuse(model string, pk any, v *fault.Violation) {
	w.report.Problem(fixture.Problem{
		Model: model, PK: fmt.Sprint(pk), Code: v.Code(), What: fixture.Describe(v), Repair: "correct it and load again", Outcome: fixture.LeftOut,
	})
}

func (w *inventoryWriter) all(ctx context.Context, v *fixture.Inventory) {
	for _, u := range v.Users.Rows() {
		active := u.Active == nil || *u.Active
		w.row(ctx, fixture.ModelUser, u.ID, nil, upsertUserSQL, pgx.NamedArgs{
			"id": u.ID, "username": u.Username, "email": u.Email, "first_name": u.FirstName, "last_name": u.LastName,
			"password_hash": u.Password, "is_active": active, "is_staff": u.Staff, "is_superuser": u.Superuser,
			"joined_at": u.Joined, "last_login_at": u.LastLogin,
		})
	}
	for _, e := range v.EmailAddresses.Rows() {
		w.row(ctx, fixture.ModelEmailAddress, e.ID, nil, upsertEmailAddressSQL, pgx.NamedArgs{
			"id": e.ID, "user_id": e.User, "email": e.Email, "verified": e.Verified, "is_primary": e.Primary,
		})
	}
	for i, t := range v.Tokens.Rows() {
		digest := sha256.Sum256([]byte(t.Key))
		w.row(ctx, fixture.ModelToken, i+1, nil, insertTokenSQL, pgx.NamedArgs{
			"user_id": t.User, "digest": digest[:], "created_at": t.Created,
		})
	}
	for _, o := range v.Organizations.Rows() {
		broken := inventory.Organizations.Check(nil, &inventory.Organization{Name: o.Name, Description: o.Description})
		w.row(ctx, fixture.ModelOrganization, o.ID, broken, upsertOrganizationSQL, pgx.NamedArgs{
			"id": o.ID, "name": o.Name, "description": o.Description,
		})
	}
	// OWNERs first, so that one who is replaced can go.
	for _, m := range ownersFirst(v.Memberships.Rows()) {
		broken := inventory.Memberships.Check(nil, &inventory.Membership{UserID: m.User, OrganizationID: m.Organization, Role: m.Role})
		w.row(ctx, fixture.ModelMembership, m.ID, broken, upsertMembershipSQL, pgx.NamedArgs{
			"id": m.ID, "user_id": m.User, "organization_id": m.Organization, "role": m.Role,
		})
	}
	w.places(ctx, v)
	w.devices(ctx, v)
}

func (w *inventoryWriter) places(ctx context.Context, v *fixture.Inventory) {
	for _, a := range v.Addresses.Rows() {
		broken := inventory.Addresses.Check(nil, &inventory.Address{
			Street1: a.Street1, Street2: a.Street2, Zip: a.Zip, City: a.City,
			Latitude: (*string)(a.Latitude), Longitude: (*string)(a.Longitude),
		})
		w.row(ctx, fixture.ModelAddress, a.ID, broken, upsertAddressSQL, pgx.NamedArgs{
			"id": a.ID, "street1": a.Street1, "street2": a.Street2, "zip": a.Zip, "city": a.City,
			"latitude": (*string)(a.Latitude), "longitude": (*string)(a.Longitude),
		})
	}
	for _, s := range v.Sites.Rows() {
		broken := inventory.Sites.Check(nil, &inventory.Site{Name: s.Name, Description: s.Description, TimeZone: inventory.DefaultTimeZone})
		w.row(ctx, fixture.ModelSite, s.ID, broken, upsertSiteSQL, pgx.NamedArgs{
			"id": s.ID, "name": s.Name, "description": s.Description, "address_id": s.Address,
			"operator_id": w.owner(ctx, s.Operator),
		})
	}
	for _, r := range v.Rooms.Rows() {
		broken := inventory.Rooms.Check(nil, &inventory.Room{
			Name: r.Name, Description: r.Description,
			SizeSqm: (*string)(r.SizeSqm), HeightM: (*string)(r.HeightM), MaxOccupancy: r.MaxOccupancy,
		})
		w.row(ctx, fixture.ModelRoom, r.ID, broken, upsertRoomSQL, pgx.NamedArgs{
			"id": r.ID, "site_id": r.Site, "name": r.Name, "description": r.Description,
			"size_sqm": (*string)(r.SizeSqm), "height_m": (*string)(r.HeightM), "max_occupancy": r.MaxOccupancy,
		})
	}
}

func (w *inventoryWriter) devices(ctx context.Context, v *fixture.Inventory) {
	for _, q := range v.Quantities.Rows() {
		broken := inventory.Quantities.Check(nil, &inventory.Quantity{Name: q.Quantity, BaseUnit: q.BaseUnit})
		w.row(ctx, fixture.ModelQuantity, q.ID, broken, upsertQuantitySQL, pgx.NamedArgs{
			"id": q.ID, "name": q.Quantity, "base_unit": q.BaseUnit,
		})
	}
	for _, p := range v.Protocols.Rows() {
		broken := inventory.Protocols.Check(nil, &inventory.Protocol{
			Identifier: p.Identifier, NumUplinkMsgs: orOne(p.NumUplink), NumDownlinkMsgs: orOne(p.NumDownlink),
		})
		w.row(ctx, fixture.ModelProtocol, p.ID, broken, upsertProtocolSQL, pgx.NamedArgs{
			"id": p.ID, "identifier": p.Identifier, "num_uplink_msgs": p.NumUplink, "num_downlink_msgs": p.NumDownlink,
		})
	}
	for _, m := range v.NodeModels.Rows() {
		broken := inventory.Models.Check(nil, &inventory.Model{
			Name: m.Name, TradeName: m.TradeName, Manufacturer: m.Manufacturer, SensorType: m.SensorType,
		})
		w.row(ctx, fixture.ModelNodeModel, m.ID, broken, upsertNodeModelSQL, pgx.NamedArgs{
			"id": m.ID, "name": m.Name, "trade_name": m.TradeName, "manufacturer": m.Manufacturer,
			"sensor_type": m.SensorType, "quantities": m.Quantities,
		})
	}
	for _, n := range v.Nodes.Rows() {
		broken := inventory.Nodes.Check(nil, &inventory.Node{ID: n.ID, EUI64: n.EUI64, Alias: n.Alias, Description: n.Description})
		w.row(ctx, fixture.ModelNode, n.ID, broken, upsertNodeSQL, pgx.NamedArgs{
			"id": n.ID, "eui64": n.EUI64, "alias": n.Alias, "description": n.Description,
			"protocol_id": n.Protocol, "model_id": n.Model, "owner_id": w.owner(ctx, n.Owner),
		})
	}
	for _, i := range v.Installations.Rows() {
		var to *time.Time
		if i.To != nil {
			t := time.Unix(*i.To, 0)
			to = &t
		}
		broken := inventory.Installations.Check(nil, &inventory.Installation{NodeID: i.Node, From: time.Unix(i.From, 0), To: to, Description: i.Description})
		w.row(ctx, fixture.ModelInstallation, i.ID, broken, upsertInstallationSQL, pgx.NamedArgs{
			"id": i.ID, "node_id": i.Node, "room_id": i.Room, "from_time": time.Unix(i.From, 0), "to_time": to,
			"description": i.Description, "is_public": i.Public, "image": i.Image,
		})
	}
}

func ownersFirst(memberships []fixture.Membership) []fixture.Membership {
	sorted := slices.Clone(memberships)
	slices.SortStableFunc(sorted, func(a, b fixture.Membership) int {
		return -cmp.Compare(a.Role, b.Role) // "O" after "I"
	})
	return sorted
}

// orOne returns how many kinds of messages a protocol has of which it is not said.
func orOne(n *int64) int64 {
	if n == nil {
		return 1
	}
	return *n
}

// owner returns the id of the organization, and makes the one for what belongs to nobody.
func (w *inventoryWriter) owner(ctx context.Context, id *int64) int64 {
	if id == nil || *id != fixture.NoOrganization {
		return *id
	}
	if w.nobody == 0 && w.err == nil {
		// The loaded organizations have taken ids that the sequence does not know of.
		if w.err = advanceSequences(ctx, w.tx); w.err != nil {
			return 0
		}
		w.err = w.tx.QueryRow(ctx, `
			INSERT INTO organization (name, description)
			VALUES (@name, @description)
			    ON CONFLICT (name) DO UPDATE SET name = excluded.name
			RETURNING id`,
			pgx.NamedArgs{"name": fixture.NobodysName, "description": fixture.NobodysDescription}).Scan(&w.nobody)
	}
	return w.nobody
}

// A new row's join date and the like may be missing: then the column's default.
const (
	upsertUserSQL = `
		INSERT INTO user_account (id, username, email, first_name, last_name, password_hash,
		                          is_active, is_staff, is_superuser, joined_at, last_login_at)
		VALUES (@id, @username, @email, @first_name, @last_name, @password_hash,
		        @is_active, @is_staff, @is_superuser, coalesce(@joined_at, now()), @last_login_at)
		    ON CONFLICT (id) DO UPDATE
		   SET username = excluded.username, email = excluded.email, first_name = excluded.first_name,
		       last_name = excluded.last_name, password_hash = excluded.password_hash, is_active = excluded.is_active,
		       is_staff = excluded.is_staff, is_superuser = excluded.is_superuser, joined_at = excluded.joined_at,
		       last_login_at = excluded.last_login_at`
	upsertEmailAddressSQL = `
		INSERT INTO email_address (id, user_id, email, verified, is_primary)
		VALUES (@id, @user_id, @email, @verified, @is_primary)
		    ON CONFLICT (id) DO UPDATE
		   SET user_id = excluded.user_id, email = excluded.email, verified = excluded.verified, is_primary = excluded.is_primary`
	insertTokenSQL = `
		INSERT INTO api_token (user_id, name, digest, created_at)
		VALUES (@user_id, 'imported', @digest, coalesce(@created_at, now()))
		    ON CONFLICT (digest) DO NOTHING`
	upsertOrganizationSQL = `
		INSERT INTO organization (id, name, description) VALUES (@id, @name, @description)
		    ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description`
	upsertMembershipSQL = `
		INSERT INTO membership (id, user_id, organization_id, role) VALUES (@id, @user_id, @organization_id, @role)
		    ON CONFLICT (id) DO UPDATE
		   SET user_id = excluded.user_id, organization_id = excluded.organization_id, role = excluded.role`
	upsertAddressSQL = `
		INSERT INTO address (id, street1, street2, zip, city, latitude, longitude)
		VALUES (@id, @street1, @street2, @zip, @city, @latitude::text::numeric, @longitude::text::numeric)
		    ON CONFLICT (id) DO UPDATE
		   SET street1 = excluded.street1, street2 = excluded.street2, zip = excluded.zip, city = excluded.city,
		       latitude = excluded.latitude, longitude = excluded.longitude`
	upsertSiteSQL = `
		INSERT INTO site (id, name, description, address_id, operator_id)
		VALUES (@id, @name, @description, @address_id, @operator_id)
		    ON CONFLICT (id) DO UPDATE
		   SET name = excluded.name, description = excluded.description, address_id = excluded.address_id,
		       operator_id = excluded.operator_id`
	upsertRoomSQL = `
		INSERT INTO room (id, site_id, name, description, size_sqm, height_m, max_occupancy)
		VALUES (@id, @site_id, @name, @description, @size_sqm::text::numeric, @height_m::text::numeric, @max_occupancy)
		    ON CONFLICT (id) DO UPDATE
		   SET site_id = excluded.site_id, name = excluded.name, description = excluded.description,
		       size_sqm = excluded.size_sqm, height_m = excluded.height_m, max_occupancy = excluded.max_occupancy`
	upsertQuantitySQL = `
		INSERT INTO quantity (id, name, base_unit) VALUES (@id, @name, @base_unit)
		    ON CONFLICT (id) DO UPDATE SET name = excluded.name, base_unit = excluded.base_unit`
	upsertProtocolSQL = `
		INSERT INTO node_protocol (id, identifier, num_uplink_msgs, num_downlink_msgs)
		VALUES (@id, @identifier, coalesce(@num_uplink_msgs, 1), coalesce(@num_downlink_msgs, 1))
		    ON CONFLICT (id) DO UPDATE
		   SET identifier = excluded.identifier, num_uplink_msgs = excluded.num_uplink_msgs,
		       num_downlink_msgs = excluded.num_downlink_msgs`
	upsertNodeModelSQL = `
		WITH model AS (
		    INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type)
		    VALUES (@id, @name, @trade_name, @manufacturer, @sensor_type)
		        ON CONFLICT (id) DO UPDATE
		       SET name = excluded.name, trade_name = excluded.trade_name, manufacturer = excluded.manufacturer,
		           sensor_type = excluded.sensor_type
		), gone AS (
		    DELETE FROM node_model_quantity WHERE node_model_id = @id AND quantity_id <> ALL (@quantities)
		)
		INSERT INTO node_model_quantity (node_model_id, quantity_id)
		SELECT DISTINCT @id::bigint, q FROM unnest(@quantities::bigint[]) q
		    ON CONFLICT DO NOTHING`
	upsertNodeSQL = `
		INSERT INTO node (id, eui64, alias, description, protocol_id, model_id, owner_id)
		VALUES (@id, @eui64, @alias, @description, @protocol_id, @model_id, @owner_id)
		    ON CONFLICT (id) DO UPDATE
		   SET eui64 = excluded.eui64, alias = excluded.alias, description = excluded.description,
		       protocol_id = excluded.protocol_id, model_id = excluded.model_id, owner_id = excluded.owner_id`
	upsertInstallationSQL = `
		INSERT INTO installation (id, node_id, room_id, from_time, to_time, description, is_public, image)
		VALUES (@id, @node_id, @room_id, @from_time, @to_time, @description, @is_public, nullif(@image, ''))
		    ON CONFLICT (id) DO UPDATE
		   SET node_id = excluded.node_id, room_id = excluded.room_id, from_time = excluded.from_time,
		       to_time = excluded.to_time, description = excluded.description, is_public = excluded.is_public,
		       image = excluded.image`
)

// reportOwnerless lists the loaded organizations that nobody can manage.
func reportOwnerless(ctx context.Context, tx pgx.Tx, v *fixture.Inventory, report *fixture.Report) error {
	var ids []int64
	for _, o := range v.Organizations.Rows() {
		ids = append(ids, o.ID)
	}
	rows, err := tx.Query(ctx, `
		SELECT o.id, o.name FROM organization o
		 WHERE o.id = ANY (@ids)
		   AND NOT EXISTS (SELECT FROM membership m WHERE m.organization_id = o.id AND m.role = 'O')
		 ORDER BY o.id`, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return err
	}
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		report.Problem(fixture.Problem{
			Model: fixture.ModelOrganization, PK: fmt.Sprint(id), What: fmt.Sprintf("%q has no owner", name),
			Repair: "make somebody its owner in the admin pages", Outcome: fixture.Notice,
		})
		return nil
	})
	return err
}

// reportOddIDs says how many nodes keep an id that does not follow from their protocol
// and device EUI, as every new one does.
func reportOddIDs(ctx context.Context, tx pgx.Tx, v *fixture.Inventory, report *fixture.Report) error {
	var ids []inventory.NodeID
	for _, n := range v.Nodes.Rows() {
		ids = append(ids, n.ID)
	}
	rows, err := tx.Query(ctx, `
		SELECT n.id, n.eui64, p.identifier FROM node n JOIN node_protocol p ON p.id = n.protocol_id
		 WHERE n.id = ANY (@ids) ORDER BY n.no`, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return err
	}
	var id inventory.NodeID
	var eui, protocol, first string
	odd := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &eui, &protocol}, func() error {
		if is, v := inventory.NodeIDOf(protocol, eui); v == nil && is != id {
			odd++
			first = cmp.Or(first, id.String())
		}
		return nil
	})
	if err == nil && odd > 0 {
		report.Problem(fixture.Problem{
			Model: fixture.ModelNode, PK: first,
			What:   fmt.Sprintf("ids that do not follow from protocol and device EUI: %d, beginning with this one", odd),
			Repair: "kept: samples come to them from whoever sends with these ids", Outcome: fixture.Notice,
		})
	}
	return err
}

// advanceSequences lets new rows get ids beyond the loaded ones, and never back.
func advanceSequences(ctx context.Context, tx pgx.Tx) error {
	for _, table := range []string{
		"user_account", "email_address", "organization", "membership", "address", "site", "room",
		"quantity", "node_protocol", "node_model", "installation",
	} {
		_, err := tx.Exec(ctx, fmt.Sprintf(`
			SELECT setval('%[1]s_id_seq', greatest(t.max, s.last_value))
			  FROM (SELECT max(id) FROM %[1]s WHERE id < %[2]d) t, %[1]s_id_seq s
			 WHERE t.max IS NOT NULL`, table, inventory.ShippedFirstID))
		if err != nil {
			return err
		}
	}
	return nil
}
