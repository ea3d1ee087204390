package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
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
		return argument + "::text::bigint"
	default:
		return argument + "::text"
	}
}

// Apply is part of backoffice.Store.
func (b Backoffice) Apply(ctx context.Context, caller access.Caller, changes []backoffice.Change) (string, error) {
	caller.Administers = true
	first, err := b.apply(ctx, caller, changes, false)
	if len(changes) > 1 && constraint.Violation(err) != nil {
		// A sensor goes to others, and its installations go: one breaks a rule without the
		// other. Whether all of it does is asked at the end, which names no item.
		if id, err := b.apply(ctx, caller, changes, true); err == nil {
			return id, nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("apply changes: %w", pgdb.Translate(err))
	}
	return first, nil
}

// apply makes changes in one transaction. Rules over several rows are asked after each, or
// after all of them.
func (b Backoffice) apply(ctx context.Context, caller access.Caller, changes []backoffice.Change, afterAll bool) (string, error) {
	var first string
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if afterAll {
			if _, err := tx.Exec(ctx, "SET CONSTRAINTS ALL DEFERRED"); err != nil {
				return err
			}
		}
		for i, c := range changes {
			if err := allowed(ctx, tx, caller, c.Subject); err != nil {
				return err
			}
			id, err := applyOne(ctx, tx, caller, c)
			if err != nil {
				return refused(i, c.Subject, err)
			}
			if i == 0 {
				first = id
			}
		}
		return keepAdministrable(ctx, tx)
	})
	return first, err
}

// refused says which item breaks a rule, and calls its field as the subject does.
func refused(item int, s *backoffice.Subject, err error) error {
	v := constraint.Violation(err)
	if v == nil {
		return err
	}
	v.Item = item
	if w, ok := subjectWriters[s.Name]; ok {
		v.Field = w.column(v.Field)
	}
	return v
}

// keepAdministrable refuses what would leave nobody to administer.
func keepAdministrable(ctx context.Context, tx pgx.Tx) error {
	var n int
	err := tx.QueryRow(ctx, "SELECT count(*) FROM user_account WHERE is_superuser AND is_staff AND is_active").Scan(&n)
	if err != nil {
		return err
	}
	if n == 0 {
		return &fault.Violation{Reason: reason.LastSuperuser}
	}
	return nil
}

// applyOne makes a change. The inventory has its rules; the other subjects have no
// more than the schema's.
func applyOne(ctx context.Context, tx pgx.Tx, caller access.Caller, c backoffice.Change) (string, error) {
	if w, ok := subjectWriters[c.Subject.Name]; ok {
		return w.apply(ctx, inventoryOn(tx, Terms{}), caller, c)
	}
	name := pgx.Identifier{c.Subject.Name}.Sanitize()
	args := pgx.NamedArgs{"id": c.ID}
	if c.Delete {
		tag, err := tx.Exec(ctx, "DELETE FROM "+name+" WHERE id::text = @id", args)
		if err == nil && tag.RowsAffected() == 0 {
			return "", pgx.ErrNoRows
		}
		return c.ID, deletion(err)
	}
	var columns, values, sets []string
	for _, f := range c.Subject.Fields {
		v, given := c.Values[f.Name]
		if !given || f.ReadOnly {
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
	if c.Subject.Name == "email_address" {
		return id, followPrimary(ctx, tx, id)
	}
	return id, nil
}

// followPrimary keeps the address of the account the primary one.
func followPrimary(ctx context.Context, tx pgx.Tx, emailID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE user_account u SET email = e.email
		  FROM email_address e
		 WHERE e.id::text = @id AND e.is_primary AND u.id = e.user_id AND u.email <> e.email`, pgx.NamedArgs{"id": emailID})
	return err
}

// deletion says that something is in use, where a deletion fails for that.
func deletion(err error) error {
	if code, _, ok := pgdb.Violation(err); ok && code == pgdb.ForeignKeyViolation {
		return constraint.InUse()
	}
	return err
}

// actions are the subjects' actions on the rows @ids.
var actions = map[string]string{
	"user_account/activate":   "UPDATE user_account SET is_active = true WHERE id::text = ANY (@ids) AND NOT is_active",
	"user_account/deactivate": "UPDATE user_account SET is_active = false WHERE id::text = ANY (@ids) AND is_active",
	"ingestion_token/revoke":  "UPDATE ingestion_token SET revoked_at = now() WHERE id::text = ANY (@ids) AND revoked_at IS NULL",
	"email_address/verify":    "UPDATE email_address SET verified = true WHERE id::text = ANY (@ids) AND NOT verified",
}

// deeds are the subjects' actions that are more than a statement.
var deeds = map[string]func(ctx context.Context, tx pgx.Tx, ids []string) (int64, error){
	"stuck_sensor/take_back": takeBack,
}

// Act is part of backoffice.Store.
func (b Backoffice) Act(ctx context.Context, caller access.Caller, s *backoffice.Subject, action string, ids []string) (int64, error) {
	var n int64
	caller.Administers = true
	err := inTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if err := allowed(ctx, tx, caller, s); err != nil {
			return err
		}
		var err error
		if w, ok := subjectWriters[s.Name]; ok {
			n, err = w.act(ctx, inventoryOn(tx, Terms{}), caller, action, ids)
		} else {
			n, err = act(ctx, tx, s, action, ids)
		}
		if err != nil {
			return refused(0, s, err)
		}
		return keepAdministrable(ctx, tx)
	})
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", action, s.Name, pgdb.Translate(err))
	}
	return n, nil
}

func act(ctx context.Context, tx pgx.Tx, s *backoffice.Subject, action string, ids []string) (int64, error) {
	if do, ok := deeds[s.Name+"/"+action]; ok {
		return do(ctx, tx, ids)
	}
	sql, ok := actions[s.Name+"/"+action]
	if action == "delete" && (!s.Fixed || s.Deletable) {
		sql, ok = "DELETE FROM "+pgx.Identifier{s.Name}.Sanitize()+" WHERE id::text = ANY (@ids)", true
	}
	if !ok {
		return 0, errNoAction()
	}
	tag, err := tx.Exec(ctx, sql, pgx.NamedArgs{"ids": ids})
	return tag.RowsAffected(), deletion(err)
}

func errNoAction() error { return fault.New(fault.NotFound, "no such action") }

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
			return refused(0, s, deletion(err))
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
		return nil, fmt.Errorf("try to delete %s: %w", s.Name, pgdb.Translate(err))
	}
	return all, nil
}
