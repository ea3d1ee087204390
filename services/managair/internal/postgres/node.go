package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// uuidBytes lets the driver write the bytes of a UUID where they belong. It would
// make a text of them for the library's type to parse, with three allocations.
func uuidBytes(id *inventory.NodeID) *[16]byte { return (*[16]byte)(id) }

func quantities() kind[inventory.Quantity, int64] {
	return byTheBook(func(q *inventory.Quantity) *int64 { return &q.ID }, kind[inventory.Quantity, int64]{
		permissions: access.Quantities,
		rules:       &inventory.Quantities,
		audience:    forAll,
		alias:       "q",
		order:       "q.id",
		sorts:       map[string]string{"id": "q.id", "quantity": "q.name"},
	})
}

func protocols() kind[inventory.Protocol, int64] {
	return byTheBook(func(p *inventory.Protocol) *int64 { return &p.ID }, kind[inventory.Protocol, int64]{
		permissions: access.Protocols,
		rules:       &inventory.Protocols,
		audience:    forAll,
		alias:       "p",
		order:       "p.id",
		sorts:       map[string]string{"id": "p.id", "identifier": "p.identifier"},
	})
}

func models() kind[inventory.Model, int64] {
	quantityKind := quantities()
	return kind[inventory.Model, int64]{
		permissions: access.Models,
		rules:       &inventory.Models,
		audience:    forAll,
		table:       "node_model", alias: "nm",
		columns: `nm.id, nm.name, nm.trade_name, nm.manufacturer, nm.sensor_type,
			ARRAY(SELECT quantity_id FROM node_model_quantity WHERE node_model_id = nm.id ORDER BY quantity_id)`,
		scan: func(row pgx.CollectableRow) (m inventory.Model, err error) {
			err = row.Scan(&m.ID, &m.Name, &m.TradeName, &m.Manufacturer, &m.SensorType, &m.Quantities)
			return m, err
		},
		idOf:  func(m *inventory.Model) int64 { return m.ID },
		order: "nm.id",
		sorts: map[string]string{"id": "nm.id", "name": "nm.name", "trade_name": "nm.trade_name", "manufacturer": "nm.manufacturer"},
		references: func(m *inventory.Model) []reference {
			refs := make([]reference, len(m.Quantities))
			for i, id := range m.Quantities {
				refs[i] = quantityKind.reference("quantities", id, access.Everyone)
			}
			return refs
		},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, m *inventory.Model) error {
			err := insertReturningID(ctx, tx, &m.ID, `
				INSERT INTO node_model (name, trade_name, manufacturer, sensor_type)
				VALUES (@name, @trade_name, @manufacturer, @sensor_type) RETURNING id`, modelArgs(m))
			if err != nil {
				return err
			}
			return setQuantities(ctx, tx, m)
		},
		update: func(ctx context.Context, tx pgx.Tx, old, m *inventory.Model) error {
			err := exec(ctx, tx, `
				UPDATE node_model SET name = @name, trade_name = @trade_name, manufacturer = @manufacturer, sensor_type = @sensor_type
				 WHERE id = @id`, modelArgs(m))
			if err != nil || slices.Equal(old.Quantities, m.Quantities) {
				return err
			}
			return setQuantities(ctx, tx, m)
		},
	}
}

func setQuantities(ctx context.Context, tx pgx.Tx, m *inventory.Model) error {
	args := pgx.NamedArgs{"id": m.ID, "quantities": m.Quantities}
	if err := exec(ctx, tx, "DELETE FROM node_model_quantity WHERE node_model_id = @id", args); err != nil {
		return err
	}
	return exec(ctx, tx, "INSERT INTO node_model_quantity (node_model_id, quantity_id) SELECT @id, unnest(@quantities::bigint[])", args)
}

func modelArgs(m *inventory.Model) pgx.NamedArgs {
	return pgx.NamedArgs{"id": m.ID, "name": m.Name, "trade_name": m.TradeName, "manufacturer": m.Manufacturer, "sensor_type": m.SensorType}
}

func nodes() kind[inventory.Node, inventory.NodeID] {
	organizationKind, protocolKind, modelKind := organizations(), protocols(), models()
	return kind[inventory.Node, inventory.NodeID]{
		permissions: access.Nodes,
		rules:       &inventory.Nodes,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node", alias: "n",
		columns: "n.id, n.eui64, n.alias, n.description, n.protocol_id, n.model_id, n.owner_id, n.expected_interval_s::bigint, n.no",
		scan: func(row pgx.CollectableRow) (n inventory.Node, err error) {
			err = row.Scan(uuidBytes(&n.ID), &n.EUI64, &n.Alias, &n.Description, &n.ProtocolID, &n.ModelID, &n.OwnerID, &n.ExpectedIntervalS, &n.No)
			return n, err
		},
		idOf: func(n *inventory.Node) inventory.NodeID { return n.ID },
		filters: filters{
			organization: "n.owner_id = @organization",
			search:       "concat_ws(' ', n.alias, n.eui64)",
		},
		order: "n.eui64, n.id",
		sorts: map[string]string{"id": "n.id", "eui64": "n.eui64", "alias": "n.alias"},
		references: func(n *inventory.Node) []reference {
			return []reference{
				protocolKind.reference("protocol", n.ProtocolID, access.Everyone),
				modelKind.reference("model", n.ModelID, access.Everyone),
				organizationKind.reference("owner", n.OwnerID, access.Owners),
			}
		},
		crowd: nodeCrowd,
		admit: func(ctx context.Context, tx pgx.Tx, terms Terms, caller access.Caller, n *inventory.Node) error {
			if err := identify(ctx, tx, n); err != nil {
				return err
			}
			return checkClaim(ctx, tx, terms.Claims, caller, n)
		},
		deleted: nodeDeleted,
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, n *inventory.Node) error {
			return exec(ctx, tx, `
				INSERT INTO node (id, eui64, alias, description, protocol_id, model_id, owner_id, expected_interval_s)
				VALUES (@id, @eui64, @alias, @description, @protocol, @model, @owner, @expected_interval)`, nodeArgs(n))
		},
		update: func(ctx context.Context, tx pgx.Tx, old, n *inventory.Node) error {
			if err := keepsDevice(ctx, tx, old, n); err != nil {
				return err
			}
			return exec(ctx, tx, `
				UPDATE node SET eui64 = @eui64, alias = @alias, description = @description,
				       protocol_id = @protocol, model_id = @model, owner_id = @owner, expected_interval_s = @expected_interval
				 WHERE id = @id`, nodeArgs(n))
		},
	}
}

// protocolNames finds the identifiers of protocols, which nobody changes meanwhile.
func protocolNames(ctx context.Context, tx pgx.Tx, ids ...int64) (map[int64]string, error) {
	rows, err := tx.Query(ctx, "SELECT id, identifier FROM node_protocol WHERE id = ANY (@ids) ORDER BY id FOR SHARE", pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[id] = name
		return nil
	})
	return names, err
}

// identify gives a new node its id.
func identify(ctx context.Context, tx pgx.Tx, n *inventory.Node) error {
	names, err := protocolNames(ctx, tx, n.ProtocolID)
	if err != nil {
		return err
	}
	if v := n.Identify(names[n.ProtocolID]); v != nil {
		return v
	}
	return nil
}

func keepsDevice(ctx context.Context, tx pgx.Tx, old, n *inventory.Node) error {
	if n.EUI64 == old.EUI64 && n.ProtocolID == old.ProtocolID {
		return nil
	}
	names, err := protocolNames(ctx, tx, old.ProtocolID, n.ProtocolID)
	if err != nil {
		return err
	}
	if v := n.SameDevice(old, names[old.ProtocolID], names[n.ProtocolID]); v != nil {
		return v
	}
	return nil
}

func nodeArgs(n *inventory.Node) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": n.ID, "eui64": n.EUI64, "alias": n.Alias, "description": n.Description,
		"protocol": n.ProtocolID, "model": n.ModelID, "owner": n.OwnerID, "expected_interval": n.ExpectedIntervalS,
	}
}
