package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
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

// labels says in SQL what a row of a subject (alias x) is called: each has a name that tells it
// apart, which the number of a row does not.
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
	"installation":         nodeAlias + " || ' – ' || (SELECT r.name FROM room r WHERE r.id = x.room_id)",
	"api_token":            "coalesce(nullif(x.name, ''), 'log-in')",
	"kept_mail":            "x.subject",
	"ingestion_token":      "x.name",
	"network_application":  "x.application",
	"claim_code":           "coalesce(x.eui64, x.node_id::text)",
	"stuck_sensor":         nodeAlias + " || ' – ' || x.co2_ppm || ' ppm'",
	"calibration":          nodeAlias + " || ' – ' || " + dayOf("performed_at"),
	"timetable":            "coalesce((SELECT s.name FROM site s WHERE s.id = x.site_id), (SELECT r.name FROM room r WHERE r.id = x.room_id))",
	"air_file":             "(SELECT r.name FROM room r WHERE r.id = x.room_id) || ' – ' || x.from_date || '/' || x.to_date || ' – ' || x.version",
	"site_form":            "(SELECT s.name FROM site s WHERE s.id = x.site_id) || ' – ' || x.form || ' – ' || x.from_date || '/' || x.to_date",
	"alert_rule":           "x.name",
	"notification_channel": "x.name || ' (' || x.kind || ')'",
	"invitation":           "x.email",
	"staff_right":          "(SELECT u.username FROM user_account u WHERE u.id = x.user_id) || ' – ' || x.subject",
	"account_session":      "(SELECT u.username FROM user_account u WHERE u.id = x.user_id) || ' – ' || " + dayOf("created_at"),
	"audit_log":            "x.subject || ' ' || x.subject_id || ' – ' || " + dayOf("at"),
	"rejected_sample":      "coalesce(x.dev_eui, x.node_id::text, x.reason) || ' – ' || " + dayOf("rejected_at"),
	"undecoded_uplink":     "coalesce(nullif(x.dev_eui, ''), x.device_id) || ' – ' || " + dayOf("kept_at"),
}

const nodeAlias = "(SELECT n.alias FROM node n WHERE n.id = x.node_id)"

// dayOf is the SQL of the day of a time of a row, in UTC.
func dayOf(column string) string { return "to_char(x." + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD')" }

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

// sources are what subjects are read from that refer to nodes by their number.
var sources = map[string]string{
	"stuck_sensor": "(SELECT t.*, n.id AS node_id FROM stuck_sensor t JOIN node n ON n.no = t.node_no)",
}

func table(s *backoffice.Subject) string {
	if source, ok := sources[s.Name]; ok {
		return source + " x"
	}
	return pgx.Identifier{s.Name}.Sanitize() + " x"
}

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
	where, args := listWhere(s, q, caller)
	var count int
	if err := b.Pool.QueryRow(ctx, "SELECT count(*) FROM "+table(s)+where, args).Scan(&count); err != nil {
		return nil, 0, fmt.Errorf("count %s: %w", s.Name, pgdb.Translate(err))
	}
	columns := []string{"x.id::text", labels[s.Name]}
	var fields []backoffice.Field
	for _, name := range s.Columns {
		f, _ := s.Field(name)
		fields = append(fields, f)
		columns = append(columns, textOf(f))
		if f.Kind == backoffice.Ref {
			columns = append(columns, fmt.Sprintf("coalesce((SELECT %s FROM %s x WHERE x.id = %s), '')",
				labels[f.Of], pgx.Identifier{f.Of}.Sanitize(), "y."+pgx.Identifier{name}.Sanitize()))
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

func listWhere(s *backoffice.Subject, q backoffice.Query, caller access.Caller) (string, pgx.NamedArgs) {
	args := pgx.NamedArgs{}
	conditions := withheld(s, caller, args)
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

// withheld are the conditions that keep rows about what is for superusers from others.
func withheld(s *backoffice.Subject, caller access.Caller, args pgx.NamedArgs) []string {
	if s.About == "" || caller.Superuser {
		return nil
	}
	var theirs []string
	for _, other := range backoffice.Subjects {
		if other.SuperuserOnly {
			theirs = append(theirs, other.Name)
		}
	}
	args["withheld"] = theirs
	return []string{"x." + pgx.Identifier{s.About}.Sanitize() + " <> ALL (@withheld::text[])"}
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
	columns := []string{"x.id::text", labels[s.Name]}
	for _, f := range s.Fields {
		columns = append(columns, textOf(f))
	}
	args := pgx.NamedArgs{"id": id}
	where := strings.Join(append(withheld(s, caller, args), "x.id::text = @id"), " AND ")
	rows, err := b.Pool.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table(s)+" WHERE "+where, args)
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
		 LIMIT @limit`, labels[subject], pgx.Identifier{subject}.Sanitize()),
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
