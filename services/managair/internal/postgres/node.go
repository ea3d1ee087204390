package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

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
	return byTheBook(func(m *inventory.Model) *int64 { return &m.ID }, kind[inventory.Model, int64]{
		permissions: access.Models,
		rules:       &inventory.Models,
		audience:    forAll,
		alias:       "nm",
		extras: []extra[inventory.Model]{{
			sql: "ARRAY(SELECT quantity_id FROM node_model_quantity WHERE node_model_id = nm.id ORDER BY quantity_id)",
			at:  func(m *inventory.Model) any { return &m.Quantities },
		}},
		order: "nm.id",
		sorts: map[string]string{"id": "nm.id", "name": "nm.name", "trade_name": "nm.trade_name", "manufacturer": "nm.manufacturer"},
		references: func(m *inventory.Model) []reference {
			refs := make([]reference, len(m.Quantities))
			for i, id := range m.Quantities {
				refs[i] = quantityKind.reference("quantities", id, access.Everyone)
			}
			return refs
		},
		after: func(ctx context.Context, tx pgx.Tx, _ access.Caller, old, m *inventory.Model) error {
			if old != nil && slices.Equal(old.Quantities, m.Quantities) {
				return nil
			}
			return setQuantities(ctx, tx, m)
		},
	})
}

func setQuantities(ctx context.Context, tx pgx.Tx, m *inventory.Model) error {
	args := pgx.NamedArgs{"id": m.ID, "quantities": m.Quantities}
	if err := exec(ctx, tx, "DELETE FROM node_model_quantity WHERE node_model_id = @id", args); err != nil {
		return err
	}
	return exec(ctx, tx, "INSERT INTO node_model_quantity (node_model_id, quantity_id) SELECT @id, unnest(@quantities::bigint[])", args)
}

func nodes() kind[inventory.Node, inventory.NodeID] {
	organizationKind, protocolKind, modelKind := organizations(), protocols(), models()
	return byTheBook(func(n *inventory.Node) *inventory.NodeID { return &n.ID }, kind[inventory.Node, inventory.NodeID]{
		permissions: access.Nodes,
		rules:       &inventory.Nodes,
		audience:    byOrganization("n.owner_id", "false"),
		alias:       "n",
		extras:      []extra[inventory.Node]{{sql: "n.no", at: func(n *inventory.Node) any { return &n.No }}},
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
		crowds: []crowding[inventory.Node]{nodeCrowd, takenSilent},
		admit: func(ctx context.Context, tx pgx.Tx, terms Terms, caller access.Caller, n *inventory.Node) error {
			if err := identify(ctx, tx, n); err != nil {
				return err
			}
			return checkClaim(ctx, tx, terms, caller, n)
		},
		deleted: nodeDeleted,
		before:  keepsDevice,
	})
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

func keepsDevice(ctx context.Context, tx pgx.Tx, _ access.Caller, old, n *inventory.Node) error {
	if old == nil || n.EUI64 == old.EUI64 && n.ProtocolID == old.ProtocolID {
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
