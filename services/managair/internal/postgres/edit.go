package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
)

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
		if _, ok := errors.AsType[*fault.Violation](err); ok {
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
		return &fault.Violation{Code: "last_superuser"}
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
	e := &fault.Violation{Item: change}
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
		if _, is := errors.AsType[*fault.Violation](err); is {
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
		if _, is := errors.AsType[*fault.Violation](err); is {
			return nil, err
		}
		return nil, fmt.Errorf("try to delete %s: %w", s.Name, pgdb.Translate(err))
	}
	return all, nil
}
