package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
)

// Backoffice is the store of the admin pages. Names of tables and columns come
// from the descriptions in package backoffice, which are constants of ours; what
// people enter only ever comes as an argument.
type Backoffice struct{ Pool *pgxpool.Pool }

var _ backoffice.Store = Backoffice{}

// labels says in SQL what a row of a subject (alias x) is called.
var labels = map[string]string{
	"organization":  "x.name",
	"user_account":  "x.username",
	"address":       "x.street1 || ', ' || x.zip || ' ' || x.city",
	"site":          "x.name",
	"room":          "x.name || ' (' || (SELECT s.name FROM site s WHERE s.id = x.site_id) || ')'",
	"node":          "x.alias || ' (' || x.eui64 || ')'",
	"node_model":    "x.name",
	"node_protocol": "x.identifier",
	"quantity":      "x.name || ' [' || x.base_unit || ']'",
	"email_address": "x.email",
	"membership": "(SELECT u.username FROM user_account u WHERE u.id = x.user_id) || ' – ' || " +
		"(SELECT o.name FROM organization o WHERE o.id = x.organization_id)",
	"installation": "(SELECT n.alias FROM node n WHERE n.id = x.node_id) || ' – ' || (SELECT r.name FROM room r WHERE r.id = x.room_id)",
	"api_token":    "coalesce(nullif(x.name, ''), 'log-in')",
	"kept_mail":    "x.subject",
}

func labelOf(subject string) string {
	if l, ok := labels[subject]; ok {
		return l
	}
	return "x.id::text"
}

// textOf is the SQL that shows a column as text.
func textOf(f backoffice.Field) string {
	column := "x." + pgx.Identifier{f.Name}.Sanitize()
	switch f.Kind {
	case backoffice.Time:
		return "coalesce(to_char(" + column + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'), '')`
	case backoffice.Bytes:
		return "encode(" + column + ", 'hex')"
	case backoffice.Many:
		return "coalesce((SELECT string_agg(q.quantity_id::text, ',' ORDER BY q.quantity_id) FROM node_model_quantity q WHERE q.node_model_id = x.id), '')"
	default:
		return "coalesce(" + column + "::text, '')"
	}
}

// valueOf is the SQL that reads a column from the text argument.
func valueOf(f backoffice.Field, argument string) string {
	switch f.Kind {
	case backoffice.Time:
		return argument + "::text::timestamp AT TIME ZONE 'UTC'"
	case backoffice.Int:
		return argument + "::text::integer"
	case backoffice.Decimal:
		return argument + "::text::numeric"
	case backoffice.Bool:
		return argument + "::text::boolean"
	case backoffice.UUID:
		return argument + "::text::uuid"
	case backoffice.Ref:
		if f.Of == "node" {
			return argument + "::text::uuid"
		}
		return argument + "::text::bigint"
	default:
		return argument + "::text"
	}
}

func table(s *backoffice.Subject) string { return pgx.Identifier{s.Name}.Sanitize() + " x" }

// allowed returns NotFound unless the caller has a right to the subject. A right
// taken away counts from the next request on, not from the next log-in.
func allowed(ctx context.Context, q querier, caller access.Caller, s *backoffice.Subject) error {
	var ok bool
	err := q.QueryRow(ctx, `
		SELECT u.is_superuser OR (NOT @superuser_only AND EXISTS (
		           SELECT FROM staff_right r WHERE r.user_id = u.id AND r.subject = @subject))
		  FROM user_account u
		 WHERE u.id = @caller AND u.is_active AND u.is_staff`,
		pgx.NamedArgs{"caller": caller.UserID, "subject": s.Name, "superuser_only": s.SuperuserOnly}).Scan(&ok)
	if err != nil {
		return pgdb.Translate(err)
	}
	if !ok {
		return fault.New(fault.NotFound, "not found")
	}
	return nil
}

// Allowed is part of backoffice.Store.
func (b Backoffice) Allowed(ctx context.Context, caller access.Caller) ([]string, error) {
	var all []string
	for _, s := range backoffice.Subjects {
		err := allowed(ctx, b.Pool, caller, s)
		if err == nil {
			all = append(all, s.Name)
		} else if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	return all, nil
}

// List is part of backoffice.Store.
func (b Backoffice) List(ctx context.Context, caller access.Caller, s *backoffice.Subject, q backoffice.Query) ([]backoffice.ListRow, int, error) {
	if err := allowed(ctx, b.Pool, caller, s); err != nil {
		return nil, 0, err
	}
	where, args := listWhere(s, q)
	var count int
	if err := b.Pool.QueryRow(ctx, "SELECT count(*) FROM "+table(s)+where, args).Scan(&count); err != nil {
		return nil, 0, fmt.Errorf("count %s: %w", s.Name, pgdb.Translate(err))
	}
	columns := []string{"x.id::text", labelOf(s.Name)}
	var fields []backoffice.Field
	for _, name := range s.Columns {
		f, _ := s.Field(name)
		fields = append(fields, f)
		columns = append(columns, textOf(f))
		if f.Kind == backoffice.Ref {
			columns = append(columns, fmt.Sprintf("coalesce((SELECT %s FROM %s x WHERE x.id = %s), '')",
				labelOf(f.Of), pgx.Identifier{f.Of}.Sanitize(), "y."+pgx.Identifier{name}.Sanitize()))
		}
	}
	args["limit"], args["offset"] = q.Size, (q.Page-1)*q.Size
	// The labels of references call their own row x, so the row itself is y for them.
	rows, err := b.Pool.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table(s)+", LATERAL (SELECT x.*) y"+
		where+listOrder(s, q)+" LIMIT @limit OFFSET @offset", args)
	if err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", s.Name, pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (backoffice.ListRow, error) {
		texts, err := textsOf(row, len(columns))
		if err != nil {
			return backoffice.ListRow{}, err
		}
		r := backoffice.ListRow{ID: texts[0], Label: texts[1]}
		texts = texts[2:]
		for _, f := range fields {
			c := backoffice.Cell{Field: f.Name, Kind: f.Kind, Text: texts[0]}
			texts = texts[1:]
			if f.Kind == backoffice.Ref {
				c.Of, c.Ref, c.Text = f.Of, c.Text, texts[0]
				texts = texts[1:]
			}
			r.Cells = append(r.Cells, c)
		}
		return r, nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", s.Name, pgdb.Translate(err))
	}
	return all, count, nil
}

func textsOf(row pgx.CollectableRow, n int) ([]string, error) {
	texts := make([]*string, n)
	pointers := make([]any, n)
	for i := range texts {
		pointers[i] = &texts[i]
	}
	if err := row.Scan(pointers...); err != nil {
		return nil, err
	}
	values := make([]string, n)
	for i, t := range texts {
		if t != nil {
			values[i] = *t
		}
	}
	return values, nil
}

func listWhere(s *backoffice.Subject, q backoffice.Query) (string, pgx.NamedArgs) {
	var conditions []string
	args := pgx.NamedArgs{}
	for i, word := range strings.Fields(q.Search) {
		var matches []string
		for _, name := range s.Search {
			matches = append(matches, fmt.Sprintf("x.%s::text ILIKE @word%d", pgx.Identifier{name}.Sanitize(), i))
		}
		if len(matches) > 0 {
			conditions = append(conditions, "("+strings.Join(matches, " OR ")+")")
			args[fmt.Sprintf("word%d", i)] = "%" + likeEscaper.Replace(word) + "%"
		}
	}
	for _, name := range s.Filters {
		if value := q.Filters[name]; value != "" {
			conditions = append(conditions, fmt.Sprintf("x.%s::text = @f_%s", pgx.Identifier{name}.Sanitize(), name))
			args["f_"+name] = value
		}
	}
	if len(conditions) == 0 {
		return "", args
	}
	return " WHERE " + strings.Join(conditions, " AND "), args
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func listOrder(s *backoffice.Subject, q backoffice.Query) string {
	key := q.Sort
	name := strings.TrimPrefix(key, "-")
	if f, ok := s.Field(name); !ok || f.Kind == backoffice.Many || !slices.Contains(s.Columns, name) {
		key = s.Order
		name = strings.TrimPrefix(key, "-")
	}
	direction := ""
	if strings.HasPrefix(key, "-") {
		direction = " DESC NULLS LAST"
	}
	column := "x." + pgx.Identifier{name}.Sanitize()
	if f, ok := s.Field(name); ok && f.Kind == backoffice.Text {
		column = "lower(" + column + ")"
	}
	return " ORDER BY " + column + direction + ", x.id"
}

// Get is part of backoffice.Store.
func (b Backoffice) Get(ctx context.Context, caller access.Caller, s *backoffice.Subject, id string) (backoffice.Row, string, error) {
	if err := allowed(ctx, b.Pool, caller, s); err != nil {
		return nil, "", err
	}
	columns := []string{"x.id::text", labelOf(s.Name)}
	for _, f := range s.Fields {
		columns = append(columns, textOf(f))
	}
	rows, err := b.Pool.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table(s)+" WHERE x.id::text = @id", pgx.NamedArgs{"id": id})
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", s.Name, pgdb.Translate(err))
	}
	texts, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) ([]string, error) { return textsOf(row, len(columns)) })
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", s.Name, pgdb.Translate(err))
	}
	r := backoffice.Row{"id": texts[0]}
	for i, f := range s.Fields {
		r[f.Name] = texts[i+2]
	}
	return r, texts[1], nil
}

// maxInline is how many rows of an inline a page has.
const maxInline = 100

// Related is part of backoffice.Store.
func (b Backoffice) Related(ctx context.Context, caller access.Caller, in backoffice.Inline, id string) ([]backoffice.Row, error) {
	s, _ := backoffice.Find(in.Subject)
	if err := allowed(ctx, b.Pool, caller, s); err != nil {
		return nil, err
	}
	columns := []string{"x.id::text"}
	for _, name := range in.Fields {
		f, _ := s.Field(name)
		columns = append(columns, textOf(f))
	}
	rows, err := b.Pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE x.%s::text = @id%s LIMIT @limit",
		strings.Join(columns, ", "), table(s), pgx.Identifier{in.Field}.Sanitize(), listOrder(s, backoffice.Query{})),
		pgx.NamedArgs{"id": id, "limit": maxInline})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Name, pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (backoffice.Row, error) {
		texts, err := textsOf(row, len(columns))
		if err != nil {
			return nil, err
		}
		r := backoffice.Row{"id": texts[0]}
		for i, name := range in.Fields {
			r[name] = texts[i+1]
		}
		return r, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Name, pgdb.Translate(err))
	}
	return all, nil
}

// Options is part of backoffice.Store.
func (b Backoffice) Options(ctx context.Context, caller access.Caller, subject string, q backoffice.OptionQuery) ([]backoffice.Option, bool, error) {
	if !caller.Staff {
		return nil, false, fault.New(fault.NotFound, "not found")
	}
	rows, err := b.Pool.Query(ctx, fmt.Sprintf(`
		SELECT id, label
		  FROM (SELECT x.id::text AS id, coalesce(%s, '') AS label FROM %s x) x
		 WHERE CASE WHEN @id <> '' THEN id = @id ELSE @search = '' OR label ILIKE @pattern OR id = @search END
		 ORDER BY label, id
		 LIMIT @limit`, labelOf(subject), pgx.Identifier{subject}.Sanitize()),
		pgx.NamedArgs{"id": q.ID, "search": q.Search, "pattern": "%" + likeEscaper.Replace(q.Search) + "%", "limit": q.Limit + 1})
	if err != nil {
		return nil, false, fmt.Errorf("list %s: %w", subject, pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[backoffice.Option])
	if err != nil {
		return nil, false, fmt.Errorf("list %s: %w", subject, pgdb.Translate(err))
	}
	if len(all) > q.Limit {
		return all[:q.Limit], true, nil
	}
	return all, false, nil
}

// Apply is part of backoffice.Store.
func (b Backoffice) Apply(ctx context.Context, caller access.Caller, changes []backoffice.Change) (string, error) {
	var first string
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		for i, c := range changes {
			if err := allowed(ctx, tx, caller, c.Subject); err != nil {
				return err
			}
			id, err := applyOne(ctx, tx, c)
			if err != nil {
				return changeError(i, err)
			}
			if i == 0 {
				first = id
			}
		}
		return keepAdministrable(ctx, tx)
	})
	if err != nil {
		if _, ok := errors.AsType[*backoffice.FieldError](err); ok {
			return "", err
		}
		return "", fmt.Errorf("apply changes: %w", pgdb.Translate(err))
	}
	return first, nil
}

// keepAdministrable refuses what would leave nobody to administer.
func keepAdministrable(ctx context.Context, tx pgx.Tx) error {
	var n int
	err := tx.QueryRow(ctx, "SELECT count(*) FROM user_account WHERE is_superuser AND is_staff AND is_active").Scan(&n)
	if err != nil {
		return err
	}
	if n == 0 {
		return &backoffice.FieldError{Code: "last_superuser"}
	}
	return nil
}

func applyOne(ctx context.Context, tx pgx.Tx, c backoffice.Change) (string, error) {
	name := pgx.Identifier{c.Subject.Name}.Sanitize()
	args := pgx.NamedArgs{"id": c.ID}
	if c.Delete {
		tag, err := tx.Exec(ctx, "DELETE FROM "+name+" WHERE id::text = @id", args)
		if err == nil && tag.RowsAffected() == 0 {
			return "", pgx.ErrNoRows
		}
		return c.ID, err
	}
	var columns, values, sets []string
	var quantities *string
	for _, f := range c.Subject.Fields {
		v, given := c.Values[f.Name]
		if !given || f.ReadOnly {
			continue
		}
		if f.Kind == backoffice.Many {
			quantities = v
			continue
		}
		column, argument := pgx.Identifier{f.Name}.Sanitize(), "@v_"+f.Name
		args["v_"+f.Name] = v
		columns, values = append(columns, column), append(values, valueOf(f, argument))
		sets = append(sets, column+" = "+valueOf(f, argument))
	}
	sql := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) RETURNING id::text", name, strings.Join(columns, ", "), strings.Join(values, ", "))
	if c.ID != "" {
		sql = fmt.Sprintf("UPDATE %s SET %s WHERE id::text = @id RETURNING id::text", name, strings.Join(sets, ", "))
	}
	var id string
	if err := tx.QueryRow(ctx, sql, args).Scan(&id); err != nil {
		return "", err
	}
	if _, given := c.Values["quantities"]; given && c.Subject.Name == "node_model" {
		return id, replaceQuantities(ctx, tx, id, quantities)
	}
	if c.Subject.Name == "email_address" {
		return id, followPrimary(ctx, tx, id)
	}
	return id, nil
}

func replaceQuantities(ctx context.Context, tx pgx.Tx, model string, quantities *string) error {
	args := pgx.NamedArgs{"model": model, "quantities": quantities}
	_, err := tx.Exec(ctx, `
		DELETE FROM node_model_quantity
		 WHERE node_model_id = @model::text::bigint
		   AND quantity_id <> ALL (coalesce(string_to_array(@quantities::text, ',')::bigint[], '{}'))`, args)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO node_model_quantity (node_model_id, quantity_id)
		SELECT DISTINCT @model::text::bigint, q FROM unnest(string_to_array(@quantities::text, ',')::bigint[]) q
		    ON CONFLICT DO NOTHING`, args)
	return err
}

// followPrimary keeps the address of the account the primary one.
func followPrimary(ctx context.Context, tx pgx.Tx, emailID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE user_account u SET email = e.email
		  FROM email_address e
		 WHERE e.id::text = @id AND e.is_primary AND u.id = e.user_id AND u.email <> e.email`, pgx.NamedArgs{"id": emailID})
	return err
}

// fieldsOf says which field a constraint is about, where its name does not.
var fieldsOf = map[string]string{
	"user_account_username_unique":  "username",
	"email_address_verified_unique": "email",
	"email_address_user_unique":     "email",
	"email_address_one_primary":     "is_primary",
	"email_address_form":            "email",
	"membership_unique":             "user_id",
	"staff_right_unique":            "subject",
	"node_pkey":                     "id",
	"installation_ends_after_start": "to_time",
	"installation_no_overlap":       "from_time",
}

// changeError says which field is wrong, by the name of the constraint.
func changeError(change int, err error) error {
	e := &backoffice.FieldError{Change: change}
	code, constraint, ok := pgdb.Violation(err)
	if !ok {
		if pgErr, is := errors.AsType[*pgconn.PgError](err); is && (strings.HasPrefix(pgErr.Code, "22") || pgErr.Code == "P0001") {
			e.Code, e.Detail = "invalid", pgErr.Message
			return e
		}
		return err
	}
	e.Field = fieldsOf[constraint]
	switch code {
	case pgdb.UniqueViolation:
		e.Code = "unique"
	case pgdb.ForeignKeyViolation:
		e.Code = "in_use"
	case pgdb.ExclusionViolation:
		e.Code = "overlap"
	case pgdb.NotNullViolation:
		e.Code = "required"
	default:
		e.Code = "invalid"
	}
	if e.Field == "" {
		e.Detail = constraint
		if pgErr, is := errors.AsType[*pgconn.PgError](err); is {
			e.Field = fieldIn(pgErr.TableName, constraint)
		}
	}
	return e
}

// fieldIn finds the field in names like site_name_unique.
func fieldIn(tableName, constraint string) string {
	s, ok := backoffice.Find(tableName)
	if !ok {
		return ""
	}
	rest := strings.TrimPrefix(constraint, tableName+"_")
	best := ""
	for _, f := range s.Fields {
		if strings.HasPrefix(rest, f.Name) && len(f.Name) > len(best) {
			best = f.Name
		}
	}
	return best
}

// actions are the subjects' actions on the rows @ids.
var actions = map[string]string{
	"installation/publish":    "UPDATE installation SET is_public = true WHERE id::text = ANY (@ids) AND NOT is_public",
	"installation/hide":       "UPDATE installation SET is_public = false WHERE id::text = ANY (@ids) AND is_public",
	"installation/end_now":    "UPDATE installation SET to_time = date_trunc('second', now()) WHERE id::text = ANY (@ids) AND from_time < date_trunc('second', now()) AND (to_time IS NULL OR to_time > now())",
	"user_account/activate":   "UPDATE user_account SET is_active = true WHERE id::text = ANY (@ids) AND NOT is_active",
	"user_account/deactivate": "UPDATE user_account SET is_active = false WHERE id::text = ANY (@ids) AND is_active",
	"email_address/verify":    "UPDATE email_address SET verified = true WHERE id::text = ANY (@ids) AND NOT verified",
}

// Act is part of backoffice.Store.
func (b Backoffice) Act(ctx context.Context, caller access.Caller, s *backoffice.Subject, action string, ids []string) (int64, error) {
	sql, ok := actions[s.Name+"/"+action]
	if action == "delete" && (!s.Fixed || s.Deletable) {
		sql, ok = "DELETE FROM "+pgx.Identifier{s.Name}.Sanitize()+" WHERE id::text = ANY (@ids)", true
	}
	if !ok {
		return 0, fault.New(fault.NotFound, "no such action")
	}
	var n int64
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if err := allowed(ctx, tx, caller, s); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, pgx.NamedArgs{"ids": ids})
		if err != nil {
			return changeError(0, err)
		}
		n = tag.RowsAffected()
		return keepAdministrable(ctx, tx)
	})
	if err != nil {
		if _, is := errors.AsType[*backoffice.FieldError](err); is {
			return 0, err
		}
		return 0, fmt.Errorf("%s %s: %w", action, s.Name, pgdb.Translate(err))
	}
	return n, nil
}

// errRollback ends a transaction that was only a trial.
var errRollback = errors.New("only a trial")

// Impact is part of backoffice.Store. It deletes the rows, reads in the log of
// changes what went along, and takes all of it back.
func (b Backoffice) Impact(ctx context.Context, caller access.Caller, s *backoffice.Subject, ids []string) ([]backoffice.Impact, error) {
	var all []backoffice.Impact
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if err := allowed(ctx, tx, caller, s); err != nil {
			return err
		}
		var before int64
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(id), 0) FROM audit_log").Scan(&before); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM "+pgx.Identifier{s.Name}.Sanitize()+" WHERE id::text = ANY (@ids)", pgx.NamedArgs{"ids": ids}); err != nil {
			return changeError(0, err)
		}
		// Other transactions write to the log too; theirs is not visible before they
		// commit, and then has another xmin.
		rows, err := tx.Query(ctx, `
			SELECT subject, count(*), false
			  FROM audit_log
			 WHERE id > @before AND action = 'delete' AND xmin = pg_current_xact_id()::xid
			 GROUP BY subject ORDER BY subject`, pgx.NamedArgs{"before": before})
		if err != nil {
			return err
		}
		if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[backoffice.Impact]); err != nil {
			return err
		}
		return errRollback
	})
	if err != nil && !errors.Is(err, errRollback) {
		if _, is := errors.AsType[*backoffice.FieldError](err); is {
			return nil, err
		}
		return nil, fmt.Errorf("try to delete %s: %w", s.Name, pgdb.Translate(err))
	}
	return all, nil
}

// Parked is part of backoffice.Store.
func (b Backoffice) Parked(ctx context.Context, caller access.Caller) ([]backoffice.ParkedNode, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "parked_sample"}); err != nil {
		return nil, err
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT node_id, coalesce(max(dev_eui), ''), coalesce(max(device_id), ''), coalesce(max(protocol), ''),
		       count(*), min(time), max(time)
		  FROM parked_sample GROUP BY node_id ORDER BY max(time) DESC, node_id LIMIT 500`)
	if err != nil {
		return nil, fmt.Errorf("list parked samples: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[backoffice.ParkedNode])
	if err != nil {
		return nil, fmt.Errorf("list parked samples: %w", pgdb.Translate(err))
	}
	return all, nil
}

// Health is part of backoffice.Store.
func (b Backoffice) Health(ctx context.Context, caller access.Caller) ([]backoffice.NodeHealth, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "node"}); err != nil {
		return nil, err
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT n.id::text, n.alias, n.eui64, o.name, coalesce(f.fidelity::text, 'U'), f.since, s.last_contact_at,
		       s.battery_percent::integer, s.rssi_dbm::integer
		  FROM node n
		  JOIN organization o ON o.id = n.owner_id
		  LEFT JOIN node_fidelity f ON f.node_no = n.no
		  LEFT JOIN node_status s ON s.node_no = n.no
		 ORDER BY array_position('{D,M,U,E}', coalesce(f.fidelity::text, 'U')), n.alias, n.id
		 LIMIT 2000`)
	if err != nil {
		return nil, fmt.Errorf("list node health: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[backoffice.NodeHealth])
	if err != nil {
		return nil, fmt.Errorf("list node health: %w", pgdb.Translate(err))
	}
	return all, nil
}

// Overview is part of backoffice.Store.
func (b Backoffice) Overview(ctx context.Context, caller access.Caller) (backoffice.Overview, error) {
	o := backoffice.Overview{Counts: map[string]int64{}, Health: map[string]int64{}}
	names, err := b.Allowed(ctx, caller)
	if err != nil {
		return o, err
	}
	for _, name := range names {
		var n int64
		// Only as far as a number tells something at a glance.
		err := b.Pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+pgx.Identifier{name}.Sanitize()+" LIMIT 100000) few").Scan(&n)
		if err != nil {
			return o, fmt.Errorf("count %s: %w", name, pgdb.Translate(err))
		}
		o.Counts[name] = n
	}
	err = b.Pool.QueryRow(ctx, "SELECT count(DISTINCT node_id) FROM parked_sample").Scan(&o.Parked)
	if err != nil {
		return o, fmt.Errorf("count parked nodes: %w", pgdb.Translate(err))
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT coalesce(f.fidelity::text, 'U'), count(*) FROM node n LEFT JOIN node_fidelity f ON f.node_no = n.no GROUP BY 1`)
	if err != nil {
		return o, fmt.Errorf("count node health: %w", pgdb.Translate(err))
	}
	var letter string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&letter, &n}, func() error {
		o.Health[letter] = n
		return nil
	})
	return o, pgdb.Translate(err)
}

// Facts is part of backoffice.Store.
func (b Backoffice) Facts(ctx context.Context) ([][2]string, error) {
	var version, size, samples string
	var migration int64
	var started time.Time
	err := b.Pool.QueryRow(ctx, `
		SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),
		       (SELECT max(version_id) FROM goose_db_version WHERE is_applied), pg_postmaster_start_time(),
		       (SELECT pg_size_pretty(coalesce(sum(pg_total_relation_size(inhrelid)), 0)) FROM pg_inherits WHERE inhparent = 'sample'::regclass)`).
		Scan(&version, &size, &migration, &started, &samples)
	if err != nil {
		return nil, fmt.Errorf("ask the database: %w", pgdb.Translate(err))
	}
	return [][2]string{
		{"postgresql", version},
		{"since", started.UTC().Format("2006-01-02 15:04 UTC")},
		{"database", size},
		{"samples", samples},
		{"schema", fmt.Sprintf("%05d", migration)},
	}, nil
}
