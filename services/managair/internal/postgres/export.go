package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
)

// Exports keeps what accounts have exported; the files are elsewhere.
type Exports struct {
	Pool *pgxpool.Pool
	// PublicURL is scheme and host of links in mails.
	PublicURL string
}

var (
	_ export.Store = Exports{}
	_ export.Queue = Exports{}
)

const selectExports = `
	SELECT e.id, e.user_id, e.name, e.wanted, e.state, e.why, e.made_at, e.begun_at, e.ended_at, e.expires_at, e.attempt, e.failures,
	       e.samples, e.samples_done, e.size, e.key_digest, e.taken_by
	  FROM data_export e`

// mayReadExport is the condition that the account of export e is in use, and sees what is in it still.
const mayReadExport = `(EXISTS (SELECT FROM user_account u WHERE u.id = e.user_id AND u.is_active)
	AND NOT EXISTS (SELECT FROM unnest(e.member_of) o (id)
	                 WHERE NOT EXISTS (SELECT FROM membership m WHERE m.user_id = e.user_id AND m.organization_id = o.id)))`

func scanExport(row pgx.CollectableRow) (export.Export, error) {
	var e export.Export
	var wanted []byte
	err := row.Scan(&e.ID, &e.UserID, &e.Name, &wanted, &e.State, &e.Why, &e.MadeAt, &e.BegunAt, &e.EndedAt, &e.ExpiresAt, &e.Attempt, &e.Failures,
		&e.Samples, &e.SamplesDone, &e.Size, &e.KeyDigest, &e.Holder)
	if err == nil {
		err = json.Unmarshal(wanted, &e.Wanted)
	}
	return e, err
}

func oneExport(ctx context.Context, db querier, where string, args pgx.NamedArgs) (export.Export, error) {
	rows, err := db.Query(ctx, selectExports+where, args)
	if err != nil {
		return export.Export{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanExport)
}

// exportRoom refuses an export that would be one too many. Those that their owner sees no more do not count.
func exportRoom(ctx context.Context, tx pgx.Tx, account int64, limit int) error {
	if limit <= 0 {
		return nil
	}
	c := crowd{
		limit: limit, of: account, lock: lockAccount, why: reason.QuotaExports,
		count: "SELECT count(*) FROM data_export e WHERE e.user_id = @of AND e.id <> @id AND " + mayReadExport,
	}
	return c.check(ctx, tx, 0)
}

// Room is part of export.Store.
func (s Exports) Room(ctx context.Context, account int64, limit int) error {
	if err := inTx(ctx, s.Pool, func(tx pgx.Tx) error { return exportRoom(ctx, tx, account, limit) }); err != nil {
		return fmt.Errorf("count exports: %w", pgdb.Translate(err))
	}
	return nil
}

// Make is part of export.Store.
func (s Exports) Make(ctx context.Context, e export.Export, limit int) (made export.Export, err error) {
	wanted, err := json.Marshal(e.Wanted)
	if err != nil {
		return made, err
	}
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := exportRoom(ctx, tx, e.UserID, limit); err != nil {
			return err
		}
		var id int64
		err := tx.QueryRow(ctx, `
			INSERT INTO data_export (user_id, name, wanted, made_at, due_at, samples)
			VALUES (@user, @name, @wanted, @now, @now, @samples) RETURNING id`, pgx.NamedArgs{
			"user": e.UserID, "name": e.Name, "wanted": wanted, "now": e.MadeAt, "samples": e.Samples,
		}).Scan(&id)
		if err == nil {
			made, err = oneExport(ctx, tx, " WHERE e.id = @id", pgx.NamedArgs{"id": id})
		}
		return err
	})
	if err != nil {
		return made, fmt.Errorf("make an export: %w", pgdb.Translate(err))
	}
	return made, nil
}

// List is part of export.Store.
func (s Exports) List(ctx context.Context, caller access.Caller) ([]export.Export, error) {
	rows, err := s.Pool.Query(ctx, selectExports+" WHERE e.user_id = @caller AND "+mayReadExport+" ORDER BY e.id DESC", pgx.NamedArgs{"caller": caller.UserID})
	if err == nil {
		var all []export.Export
		if all, err = pgx.CollectRows(rows, scanExport); err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("list exports: %w", pgdb.Translate(err))
}

// Get is part of export.Store.
func (s Exports) Get(ctx context.Context, caller access.Caller, id int64) (export.Export, error) {
	e, err := oneExport(ctx, s.Pool, " WHERE e.id = @id AND e.user_id = @caller AND "+mayReadExport, pgx.NamedArgs{"id": id, "caller": caller.UserID})
	if err != nil {
		return e, fmt.Errorf("find an export: %w", pgdb.Translate(err))
	}
	return e, nil
}

// ByKey is part of export.Store.
func (s Exports) ByKey(ctx context.Context, id int64, digest []byte, now time.Time) (export.Export, error) {
	e, err := oneExport(ctx, s.Pool, " WHERE e.id = @id AND e.key_digest = @digest AND e.expires_at > @now AND "+mayReadExport,
		pgx.NamedArgs{"id": id, "digest": digest, "now": now})
	if err != nil {
		return e, fmt.Errorf("find an export: %w", pgdb.Translate(err))
	}
	return e, nil
}

// Delete is part of export.Store.
func (s Exports) Delete(ctx context.Context, caller access.Caller, id int64) (e export.Export, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": id, "caller": caller.UserID}
		if e, err = oneExport(ctx, tx, " WHERE e.id = @id AND e.user_id = @caller FOR UPDATE OF e", args); err != nil {
			return err
		}
		return exec(ctx, tx, "DELETE FROM data_export WHERE id = @id", args)
	})
	if err != nil {
		return e, fmt.Errorf("delete an export: %w", pgdb.Translate(err))
	}
	return e, nil
}

// Take is part of export.Queue. Of one account one is made at a time, so that others have their turn.
func (s Exports) Take(ctx context.Context, holder int64, now, until time.Time) (e export.Export, ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"holder": holder, "now": now, "until": until}
		var id int64
		err := tx.QueryRow(ctx, `
			SELECT e.id FROM data_export e JOIN user_account u ON u.id = e.user_id AND u.is_active
			 WHERE e.state IN ('waiting', 'working') AND e.due_at <= @now AND coalesce(e.taken_until, '-infinity') <= @now AND `+noOtherIsMade+`
			 ORDER BY e.due_at, e.id
			 LIMIT 1
			   FOR UPDATE OF e SKIP LOCKED
			   FOR NO KEY UPDATE OF u SKIP LOCKED`, args).Scan(&id)
		if err != nil {
			return err
		}
		args["id"] = id
		// Somebody may have taken another one of the account, and let go of its row, before we had it: it is asked again.
		tag, err := tx.Exec(ctx, `
			UPDATE data_export e
			   SET state = 'working', taken_by = @holder, taken_until = @until, attempt = attempt + 1, begun_at = @now, samples_done = 0, size = 0,
			       failures = failures + CASE WHEN state = 'working' THEN 1 ELSE 0 END
			 WHERE id = @id AND `+noOtherIsMade, args)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return pgx.ErrNoRows
		}
		e, err = oneExport(ctx, tx, " WHERE e.id = @id", args)
		return err
	})
	if isNoRow(err) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("take an export: %w", pgdb.Translate(err))
	}
	return e, true, nil
}

// noOtherIsMade is the condition that no other export of the account of export e is being made.
const noOtherIsMade = `NOT EXISTS (SELECT FROM data_export o WHERE o.user_id = e.user_id AND o.id <> e.id AND o.state = 'working' AND o.taken_until > @now)`

// holds is the condition that an export is that of who took it.
const holds = " WHERE id = @id AND attempt = @attempt AND taken_by = @holder AND state = 'working'"

// change changes an export that is held still.
func (s Exports) change(ctx context.Context, e *export.Export, set string, args pgx.NamedArgs) (held bool, err error) {
	args["id"], args["attempt"], args["holder"] = e.ID, e.Attempt, e.Holder
	tag, err := s.Pool.Exec(ctx, "UPDATE data_export SET "+set+holds, args)
	if err != nil {
		return false, fmt.Errorf("note how far an export is: %w", pgdb.Translate(err))
	}
	return tag.RowsAffected() == 1, nil
}

// Begin is part of export.Queue.
func (s Exports) Begin(ctx context.Context, e *export.Export, samples int64, organizations []int64) (held, member bool, err error) {
	if organizations == nil {
		organizations = []int64{}
	}
	err = s.Pool.QueryRow(ctx, `
		WITH left_by AS (
		    SELECT o FROM unnest(@organizations::bigint[]) o
		     WHERE NOT EXISTS (SELECT FROM membership m WHERE m.user_id = @user AND m.organization_id = o)),
		held AS (SELECT id FROM data_export`+holds+` FOR UPDATE),
		noted AS (
		    UPDATE data_export e SET samples = @samples, member_of = @organizations
		      FROM held WHERE e.id = held.id AND NOT EXISTS (SELECT FROM left_by))
		SELECT EXISTS (SELECT FROM held), NOT EXISTS (SELECT FROM left_by)`, pgx.NamedArgs{
		"id": e.ID, "attempt": e.Attempt, "holder": e.Holder, "user": e.UserID, "samples": samples, "organizations": organizations,
	}).Scan(&held, &member)
	if err != nil {
		return false, false, fmt.Errorf("begin an export: %w", pgdb.Translate(err))
	}
	return held, member, nil
}

// Progress is part of export.Queue.
func (s Exports) Progress(ctx context.Context, e *export.Export, samples, size int64, until time.Time) (bool, error) {
	return s.change(ctx, e, "samples_done = @samples, size = @size, taken_until = @until", pgx.NamedArgs{"samples": samples, "size": size, "until": until})
}

// PutOff is part of export.Queue.
func (s Exports) PutOff(ctx context.Context, e *export.Export, due time.Time, failed bool) error {
	_, err := s.change(ctx, e, "state = 'waiting', taken_by = 0, taken_until = NULL, due_at = @due, samples_done = 0, size = 0, failures = failures + CASE WHEN @failed::boolean THEN 1 ELSE 0 END",
		pgx.NamedArgs{"due": due, "failed": failed})
	return err
}

// Finish is part of export.Queue. The mail is kept in the same transaction, and goes out by the task of mails.
func (s Exports) Finish(ctx context.Context, e *export.Export, end export.End) (held bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"id": e.ID, "attempt": e.Attempt, "holder": e.Holder, "state": string(end.State), "why": end.Why, "at": end.At, "expires": end.ExpiresAt,
			"samples": end.Samples, "size": end.Size, "digest": []byte(nil),
		}
		if end.Key != "" {
			args["digest"] = export.Digest(end.Key)
		}
		tag, err := tx.Exec(ctx, `
			UPDATE data_export
			   SET state = @state, why = @why, ended_at = @at, expires_at = @expires, samples_done = @samples, size = @size,
			       key_digest = @digest, taken_by = 0, taken_until = NULL`+holds, args)
		if held = err == nil && tag.RowsAffected() == 1; !held || !e.Wanted.Mail {
			return err
		}
		return s.tell(ctx, tx, e, end)
	})
	if err != nil {
		return false, fmt.Errorf("finish an export: %w", pgdb.Translate(err))
	}
	return held, nil
}

// tell writes the mail to the owner, where there is an address that is theirs.
func (s Exports) tell(ctx context.Context, tx pgx.Tx, e *export.Export, end export.End) error {
	letter := identity.Mail{Kind: identity.MailExportFailed, Language: e.Wanted.Language, File: e.File(), Until: end.ExpiresAt.Format(time.DateOnly)}
	if end.State == export.Done {
		letter.Kind = identity.MailExportDone
		letter.Key = fmt.Sprintf("%d/file?key=%s", e.ID, end.Key)
	}
	err := tx.QueryRow(ctx, `
		SELECT u.username, a.email FROM user_account u JOIN email_address a ON a.user_id = u.id
		 WHERE u.id = @user AND u.is_active AND a.is_primary AND a.verified`, pgx.NamedArgs{"user": e.UserID}).Scan(&letter.Username, &letter.To)
	if isNoRow(err) {
		return nil
	}
	if err != nil {
		return err
	}
	message, err := mail.Write(letter, s.PublicURL)
	if err != nil {
		return err
	}
	_, err = keepMail(ctx, tx, message)
	return err
}

// Used is part of export.Queue.
func (s Exports) Used(ctx context.Context, e *export.Export) (account, all int64, err error) {
	err = s.Pool.QueryRow(ctx, `
		SELECT coalesce(sum(size) FILTER (WHERE user_id = @user), 0)::bigint, coalesce(sum(size), 0)::bigint FROM data_export WHERE id <> @id`,
		pgx.NamedArgs{"user": e.UserID, "id": e.ID}).Scan(&account, &all)
	if err != nil {
		return 0, 0, fmt.Errorf("sum up exports: %w", pgdb.Translate(err))
	}
	return account, all, nil
}

// Expire is part of export.Queue.
func (s Exports) Expire(ctx context.Context, now time.Time) (int64, error) {
	tag, err := s.Pool.Exec(ctx, "DELETE FROM data_export WHERE expires_at <= @now", pgx.NamedArgs{"now": now})
	if err != nil {
		return 0, fmt.Errorf("forget old exports: %w", pgdb.Translate(err))
	}
	return tag.RowsAffected(), nil
}

// Attempts is part of export.Queue.
func (s Exports) Attempts(ctx context.Context, ids []int64) (map[int64]int, error) {
	rows, err := s.Pool.Query(ctx, "SELECT id, attempt FROM data_export WHERE id = ANY(@ids::bigint[]) AND state IN ('working', 'done')", pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("find exports: %w", pgdb.Translate(err))
	}
	all := map[int64]int{}
	var id int64
	var attempt int
	if _, err = pgx.ForEachRow(rows, []any{&id, &attempt}, func() error {
		all[id] = attempt
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find exports: %w", pgdb.Translate(err))
	}
	return all, nil
}
