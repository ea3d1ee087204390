package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// querier is what pools and transactions have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// NewInventory returns the repositories on pool, without quotas and claims.
func NewInventory(pool *pgxpool.Pool) inventory.Store { return inventoryOn(pool, Terms{}) }

// NewInventoryWithin returns the repositories on pool, which keep to the terms.
func NewInventoryWithin(pool *pgxpool.Pool, terms Terms) inventory.Store {
	return inventoryOn(pool, terms)
}

func inventoryOn(db database, terms Terms) inventory.Store {
	return inventory.Store{
		Organizations: &repository[inventory.Organization, int64]{db, terms, organizations()},
		Memberships:   &repository[inventory.Membership, int64]{db, terms, memberships()},
		Users:         &repository[inventory.User, int64]{db, terms, users()},
		Addresses:     &repository[inventory.Address, int64]{db, terms, addresses()},
		Sites:         &repository[inventory.Site, int64]{db, terms, sites()},
		PublicSites:   &repository[inventory.PublicSite, int64]{db, terms, publicSites()},
		Rooms:         &repository[inventory.Room, int64]{db, terms, rooms()},
		Quantities:    &repository[inventory.Quantity, int64]{db, terms, quantities()},
		Protocols:     &repository[inventory.Protocol, int64]{db, terms, protocols()},
		Models:        &repository[inventory.Model, int64]{db, terms, models()},
		Nodes:         &repository[inventory.Node, inventory.NodeID]{db, terms, nodes()},
		Installations: &repository[inventory.Installation, int64]{db, terms, installations()},
		Calibrations:  &repository[inventory.Calibration, int64]{db, terms, calibrations()},
		AlertRules:    &repository[inventory.AlertRule, int64]{db, terms, alertRules()},
		Affiliations:  &affiliations{db},
		Atomically: func(ctx context.Context, do func(inventory.Store) error) error {
			return inTx(ctx, db, func(tx pgx.Tx) error { return do(inventoryOn(tx, terms)) })
		},
	}
}

// kind is what a repository must know of the things it keeps. All SQL in it may
// use @caller, the id of the calling user, 0 for an anonymous one.
type kind[T any, ID comparable] struct {
	permissions access.Permissions
	// rules are those of the fields; nil: the things are not written here.
	rules *inventory.Kind[T]
	// audience returns the condition under which the caller is among an audience.
	audience func(access.Audience) string

	// table is the table with its alias, from the rest of the FROM clause.
	table, alias, from string
	columns            string
	scan               func(row pgx.CollectableRow) (T, error)
	idOf               func(*T) ID
	// creator is the column that says who made a thing, if there is one.
	creator string

	// filters has the condition for each field of a query that the kind knows.
	filters filters
	// order is the default order; sorts has the columns that clients may sort by.
	order string
	sorts map[string]string

	// lockFirst locks what is to be locked before the thing @id, when it is not "".
	lockFirst string
	// references lists what the thing refers to.
	references func(*T) []reference
	// admit looks whether a new thing may be theirs, when it is not nil.
	admit func(ctx context.Context, tx pgx.Tx, terms Terms, caller access.Caller, thing *T) error
	// crowds are what new things are counted among.
	crowds []crowding[T]
	// extras are read with the fields of the book; before and after go with each writing,
	// and deleted comes after a deletion, when they are not nil.
	extras         []extra[T]
	before, after  writing[T]
	insert, update writing[T]
	deleted        func(ctx context.Context, tx pgx.Tx, caller access.Caller, thing *T) error
	// ownerField is where a change is refused that leaves an organization without an
	// OWNER, when it is not the whole.
	ownerField inventory.Field
}

type filters struct {
	organization, site, room, user, node, rule, open, username, email, box, search string
}

// reference is a thing that another one refers to.
type reference struct {
	relationship string
	id           any
	// query tells of the thing @id: may the caller see it, and may they do this with it?
	// No row: it does not exist. In the admin pages everything of the table may be used.
	query string
	table string
	// person says that it is somebody, who only comes by accepting an invitation: except
	// for oneself, and in the admin pages. of is what else makes it another reference.
	person bool
	of     int64
}

type repository[T any, ID comparable] struct {
	db    database
	terms Terms
	kind  kind[T, ID]
}

// condition is that under which the caller is among the audience. In the admin pages
// that is whoever has the right to the kind, whatever the audience.
func (k *kind[T, ID]) condition(caller access.Caller, a access.Audience) string {
	if caller.Administers {
		return administers(k.table)
	}
	return k.audience(a)
}

func (k *kind[T, ID]) selectFrom() string {
	return "SELECT " + k.columns + " FROM " + k.table + " " + k.alias + " " + k.from
}

// reference returns what is needed to refer to a thing of this kind with the
// permission need.
func (k *kind[T, ID]) reference(relationship string, id ID, need access.Audience) reference {
	return reference{relationship: relationship, id: id, query: fmt.Sprintf("SELECT %s, %s FROM %s %s %s WHERE %s.id = @id",
		k.audience(k.permissions.Read), k.audience(need), k.table, k.alias, k.from, k.alias), table: k.table}
}

// List is part of inventory.Repository.
func (r *repository[T, ID]) List(ctx context.Context, caller access.Caller, q inventory.Query) ([]T, int, error) {
	where, args := r.kind.where(caller, q)
	if !q.Last && q.Limit == 0 && q.Offset == 0 {
		things, err := r.collect(ctx, where+r.kind.orderBy(q.Sort), args)
		return things, len(things), err
	}
	var count int
	err := r.db.QueryRow(ctx, "SELECT count(*) FROM "+r.kind.table+" "+r.kind.alias+" "+r.kind.from+where, args).Scan(&count)
	if err != nil {
		return nil, 0, fmt.Errorf("count %s: %w", r.kind.table, pgdb.Translate(err))
	}
	offset := q.Offset
	if q.Last && count > 0 {
		offset = (count - 1) / q.Limit * q.Limit
	}
	args["limit"], args["offset"] = q.Limit, offset
	things, err := r.collect(ctx, where+r.kind.orderBy(q.Sort)+" LIMIT @limit OFFSET @offset", args)
	return things, count, err
}

// listRoom is for how many things a list has room from the beginning; it is that of
// most of them.
const listRoom = 32

func (r *repository[T, ID]) collect(ctx context.Context, tail string, args pgx.NamedArgs) ([]T, error) {
	rows, err := r.db.Query(ctx, r.kind.selectFrom()+tail, args)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.kind.table, pgdb.Translate(err))
	}
	things, err := pgx.AppendRows(make([]T, 0, listRoom), rows, r.kind.scan)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.kind.table, pgdb.Translate(err))
	}
	return things, nil
}

func (k *kind[T, ID]) where(caller access.Caller, q inventory.Query) (string, pgx.NamedArgs) {
	args := pgx.NamedArgs{"caller": caller.UserID}
	conditions := []string{k.condition(caller, k.permissions.Read)}
	restrict := func(condition, name string, value any) {
		conditions = append(conditions, condition)
		args[name] = value
	}
	if q.Own {
		conditions = append(conditions, k.condition(caller, access.Members))
	}
	if q.IDs != nil {
		restrict(k.alias+".id = ANY(@ids)", "ids", q.IDs)
	}
	if q.NodeIDs != nil {
		restrict(k.alias+".id = ANY(@ids)", "ids", q.NodeIDs)
	}
	if q.Organization != 0 {
		restrict(k.filters.organization, "organization", q.Organization)
	}
	if q.Site != 0 {
		restrict(k.filters.site, "site", q.Site)
	}
	if q.Room != 0 {
		restrict(k.filters.room, "room", q.Room)
	}
	if q.User != 0 {
		restrict(k.filters.user, "user", q.User)
	}
	if q.Node != (inventory.NodeID{}) {
		restrict(k.filters.node, "node", q.Node)
	}
	if q.Rule != 0 {
		restrict(k.filters.rule, "rule", q.Rule)
	}
	if q.Open != nil {
		restrict(k.filters.open, "open", *q.Open)
	}
	if q.Username != "" {
		restrict(k.filters.username, "username", q.Username)
	}
	if q.Email != "" {
		restrict(k.filters.email, "email", q.Email)
	}
	if b := q.Box; b != nil {
		conditions = append(conditions, k.filters.box)
		args["west"], args["south"], args["east"], args["north"] = b.West, b.South, b.East, b.North
	}
	if len(q.Search) > 0 {
		restrict("NOT EXISTS (SELECT FROM unnest(@search::text[]) word WHERE position(lower(word) IN lower("+
			k.filters.search+")) = 0)", "search", q.Search)
	}
	return " WHERE (" + strings.Join(conditions, ") AND (") + ")", args
}

// orderBy puts the caller's keys before the default order, which is total.
func (k *kind[T, ID]) orderBy(sort []inventory.Order) string {
	var b strings.Builder
	b.WriteString(" ORDER BY ")
	for _, key := range sort {
		column, ok := k.sorts[key.By]
		if !ok {
			continue
		}
		b.WriteString(column)
		if key.Descending {
			b.WriteString(" DESC NULLS LAST")
		}
		b.WriteString(", ")
	}
	b.WriteString(k.order)
	return b.String()
}

// Get is part of inventory.Repository.
func (r *repository[T, ID]) Get(ctx context.Context, caller access.Caller, id ID) (T, error) {
	return r.get(ctx, r.db, caller, id)
}

func (r *repository[T, ID]) get(ctx context.Context, db querier, caller access.Caller, id ID) (T, error) {
	rows, err := db.Query(ctx, r.kind.selectFrom()+" WHERE "+r.kind.alias+".id = @id AND ("+
		r.kind.condition(caller, r.kind.permissions.Read)+")", pgx.NamedArgs{"caller": caller.UserID, "id": id})
	var thing T
	if err == nil {
		thing, err = pgx.CollectExactlyOneRow(rows, r.kind.scan)
	}
	if err != nil {
		return thing, fmt.Errorf("get %s %v: %w", r.kind.table, id, pgdb.Translate(err))
	}
	return thing, nil
}

// Create is part of inventory.Repository.
func (r *repository[T, ID]) Create(ctx context.Context, caller access.Caller, thing T) (T, error) {
	var created T
	if v := r.kind.rules.Check(nil, &thing); v != nil {
		return created, fmt.Errorf("create %s: %w", r.kind.table, v)
	}
	err := r.transact(ctx, func(tx pgx.Tx) error {
		thing := thing // it is given an id, and perhaps again
		if err := r.checkReferences(ctx, tx, caller, nil, &thing); err != nil {
			return err
		}
		if err := r.checkGeneral(ctx, tx, caller, r.kind.permissions.Create); err != nil {
			return err
		}
		if err := r.checkQuota(ctx, tx, caller, nil, &thing); err != nil {
			return err
		}
		if r.kind.admit != nil {
			if err := r.kind.admit(ctx, tx, r.terms, caller, &thing); err != nil {
				return err
			}
		}
		if err := r.kind.insert(ctx, tx, caller, nil, &thing); err != nil {
			return err
		}
		var err error
		created, err = r.get(ctx, tx, caller, r.kind.idOf(&thing))
		return err
	})
	if err != nil {
		return created, fmt.Errorf("create %s: %w", r.kind.table, err)
	}
	return created, nil
}

// checkGeneral checks the audiences that do not depend on what the thing refers
// to; the others are checked with the references.
func (r *repository[T, ID]) checkGeneral(ctx context.Context, tx pgx.Tx, caller access.Caller, a access.Audience) error {
	if a != access.Superusers && !caller.Administers {
		return nil
	}
	var allowed bool
	if err := tx.QueryRow(ctx, "SELECT "+r.kind.condition(caller, a), pgx.NamedArgs{"caller": caller.UserID}).Scan(&allowed); err != nil {
		return err
	}
	if !allowed {
		return inventory.Forbidden()
	}
	return nil
}

// Change is part of inventory.Repository.
func (r *repository[T, ID]) Change(ctx context.Context, caller access.Caller, id ID, change func(*T) error) (T, error) {
	var changed T
	err := r.transact(ctx, func(tx pgx.Tx) error {
		old, err := r.lock(ctx, tx, caller, id, r.kind.permissions.Change)
		if err != nil {
			return err
		}
		thing := old
		if err := change(&thing); err != nil {
			return err
		}
		if v := r.kind.rules.Check(&old, &thing); v != nil {
			return v
		}
		if err := r.checkReferences(ctx, tx, caller, &old, &thing); err != nil {
			return err
		}
		if err := r.checkQuota(ctx, tx, caller, &old, &thing); err != nil {
			return err
		}
		if err := r.kind.update(ctx, tx, caller, &old, &thing); err != nil {
			return err
		}
		changed, err = r.get(ctx, tx, caller, id)
		return err
	})
	if v := constraint.Violation(err); v != nil && v.Reason == reason.LastOwner {
		v.Field, v.Reference = r.kind.ownerField.Name, r.kind.ownerField.Reference()
	}
	if err != nil {
		return changed, fmt.Errorf("change %s %v: %w", r.kind.table, id, err)
	}
	return changed, nil
}

// Delete is part of inventory.Repository.
func (r *repository[T, ID]) Delete(ctx context.Context, caller access.Caller, id ID) error {
	err := r.transact(ctx, func(tx pgx.Tx) error {
		thing, err := r.lock(ctx, tx, caller, id, r.kind.permissions.Delete)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM "+r.kind.table+" WHERE id = @id", pgx.NamedArgs{"id": id})
		if err != nil || r.kind.deleted == nil {
			return deletion(err)
		}
		return r.kind.deleted(ctx, tx, caller, &thing)
	})
	if err != nil {
		return fmt.Errorf("delete %s %v: %w", r.kind.table, id, err)
	}
	return nil
}

// lock returns the thing and keeps others from changing it until the end of the
// transaction. NotFound: the caller may not see it; Forbidden: they see it, but
// is not among the audience.
func (r *repository[T, ID]) lock(ctx context.Context, tx pgx.Tx, caller access.Caller, id ID, need access.Audience) (T, error) {
	var thing T
	if need == access.Nobody {
		return thing, inventory.Forbidden()
	}
	// Those who may not change it are told so before anything is locked: they keep nobody waiting.
	if thing, err := r.may(ctx, tx, caller, id, need); err != nil {
		return thing, err
	}
	args := pgx.NamedArgs{"id": id}
	if r.kind.lockFirst != "" {
		if _, err := tx.Exec(ctx, r.kind.lockFirst, args); err != nil {
			return thing, err
		}
	}
	// Locked before it is read: a row that somebody changes meanwhile is then read as changed.
	if _, err := tx.Exec(ctx, "SELECT FROM "+r.kind.table+" WHERE id = @id FOR UPDATE", args); err != nil {
		return thing, err
	}
	return r.may(ctx, tx, caller, id, need)
}

// may returns the thing if the caller is among the audience.
func (r *repository[T, ID]) may(ctx context.Context, tx pgx.Tx, caller access.Caller, id ID, need access.Audience) (T, error) {
	thing, err := r.get(ctx, tx, caller, id)
	if err != nil {
		return thing, err
	}
	var allowed bool
	args := pgx.NamedArgs{"caller": caller.UserID, "id": id}
	err = tx.QueryRow(ctx, "SELECT "+r.kind.condition(caller, need)+" FROM "+r.kind.table+" "+r.kind.alias+" "+r.kind.from+
		" WHERE "+r.kind.alias+".id = @id", args).Scan(&allowed)
	if err != nil {
		return thing, err
	}
	if !allowed {
		return thing, inventory.Forbidden()
	}
	return thing, nil
}

// checkReferences checks those that are new: what the caller may not see does
// not exist, and what they see they must be allowed to use.
func (r *repository[T, ID]) checkReferences(ctx context.Context, tx pgx.Tx, caller access.Caller, old, thing *T) error {
	if r.kind.references == nil {
		return nil
	}
	type target struct {
		relationship string
		id           any
		of           int64
	}
	known := map[target]bool{}
	if old != nil {
		for _, ref := range r.kind.references(old) {
			known[target{ref.relationship, ref.id, ref.of}] = true
		}
	}
	permitted := true
	for _, ref := range r.kind.references(thing) {
		if known[target{ref.relationship, ref.id, ref.of}] {
			continue
		}
		if ref.person && !caller.Administers {
			if ref.id != caller.UserID {
				return &fault.Violation{Reference: true, Field: ref.relationship, Reason: reason.MustBeInvited}
			}
			continue
		}
		var visible, allowed bool
		query := ref.query
		if caller.Administers {
			query = "SELECT true, true FROM " + ref.table + " WHERE id = @id"
		}
		err := tx.QueryRow(ctx, query, pgx.NamedArgs{"caller": caller.UserID, "id": ref.id}).Scan(&visible, &allowed)
		if err != nil && !isNoRow(err) {
			return err
		}
		if !visible {
			return &fault.Violation{Reference: true, Field: ref.relationship, Reason: reason.DoesNotExist, Args: []any{ref.id}}
		}
		permitted = permitted && allowed
	}
	if !permitted {
		return inventory.Forbidden()
	}
	return nil
}

// transact runs do in a transaction and says what its errors mean.
func (r *repository[T, ID]) transact(ctx context.Context, do func(pgx.Tx) error) error {
	err := inTx(ctx, r.db, do)
	if v := constraint.Violation(err); v != nil {
		return v
	}
	return pgdb.Translate(err)
}

// The conditions that stand for audiences.
const (
	isSuperuser = "EXISTS (SELECT FROM user_account WHERE id = @caller AND is_superuser AND is_active)"
	isAccount   = "@caller::bigint <> 0"
)

// administers is the condition that the caller may administer the things of a table.
// A right that is taken away counts from the next request on, not from the next log-in.
func administers(table string) string {
	return "EXISTS (SELECT FROM user_account WHERE id = @caller AND is_active AND is_staff AND (is_superuser OR EXISTS (" +
		"SELECT FROM staff_right r WHERE r.user_id = user_account.id AND r.subject = '" + table + "')))"
}

// general returns the condition for the audiences that are the same for every
// kind; ok is false for the others.
func general(a access.Audience) (condition string, ok bool) {
	switch a {
	case access.Nobody:
		return "false", true
	case access.Everyone:
		return "true", true
	case access.Accounts:
		return isAccount, true
	case access.Superusers:
		return isSuperuser, true
	default:
		return "", false
	}
}

// byOrganization returns the conditions for things that belong to the
// organization that the SQL expression names, and are public under a condition.
func byOrganization(organization, public string) func(access.Audience) string {
	member := "EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = " + organization
	return func(a access.Audience) string {
		if condition, ok := general(a); ok {
			return condition
		}
		switch a {
		case access.Public:
			return member + ") OR " + public
		case access.Members:
			return member + ")"
		case access.Owners:
			return member + " AND cm.role = 'O')"
		default:
			panic(fmt.Sprintf("postgres: no condition for audience %d", a))
		}
	}
}

// forAll is for things that belong to no organization.
func forAll(a access.Audience) string {
	condition, ok := general(a)
	if !ok {
		panic(fmt.Sprintf("postgres: no condition for audience %d", a))
	}
	return condition
}
