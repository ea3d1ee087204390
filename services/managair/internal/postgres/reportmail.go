package postgres

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
)

// ReportMails keeps who gets reports by mail, and what is to be mailed.
type ReportMails struct{ Pool *pgxpool.Pool }

var (
	_ reportmail.Store = ReportMails{}
	_ reportmail.Queue = ReportMails{}
)

// mailableAddress joins the address that reports of an account are mailed to, or NULL.
const mailableAddress = " LEFT JOIN email_address e ON e.is_primary AND e.verified AND e.user_id = "

// selectSubscription has columns of subscription r, which may be none, to site s of organization o.
const selectSubscription = `
	SELECT coalesce(r.id, 0), s.id, o.id, s.name, o.name, s.time_zone, coalesce(r.language, @language),
	       coalesce(r.weekly_since IS NOT NULL, false), coalesce(r.monthly_since IS NOT NULL, false), coalesce(e.email, '')
	  FROM site s
	  JOIN organization o ON o.id = s.operator_id
	  JOIN membership m ON m.organization_id = s.operator_id AND m.user_id = @caller`

const ofCaller = " JOIN report_subscription r ON r.site_id = s.id AND r.user_id = @caller" + mailableAddress + "@caller"

func scanSubscription(caller int64) pgx.RowToFunc[reportmail.Subscription] {
	return func(row pgx.CollectableRow) (reportmail.Subscription, error) {
		s := reportmail.Subscription{UserID: caller}
		var zone string
		err := row.Scan(&s.ID, &s.SiteID, &s.OrganizationID, &s.Site, &s.Organization, &zone, &s.Language, &s.Weekly, &s.Monthly, &s.Address)
		s.Zone = inventory.LocationOrUTC(zone)
		return s, err
	}
}

func subscription(ctx context.Context, db querier, caller, site int64, language string) (s reportmail.Subscription, err error) {
	rows, err := db.Query(ctx, selectSubscription+" LEFT"+ofCaller+" WHERE s.id = @site", pgx.NamedArgs{"caller": caller, "site": site, "language": language})
	if err != nil {
		return s, err
	}
	if s, err = pgx.CollectExactlyOneRow(rows, scanSubscription(caller)); err == nil {
		one := []reportmail.Subscription{s}
		err = pastOf(ctx, db, one)
		s = one[0]
	}
	return s, err
}

// pastOf adds the latest mails to subscriptions.
func pastOf(ctx context.Context, db querier, all []reportmail.Subscription) error {
	ids, at := make([]int64, len(all)), make(map[int64]*reportmail.Subscription, len(all))
	for i := range all {
		ids[i], at[all[i].ID] = all[i].ID, &all[i]
	}
	rows, err := db.Query(ctx, `
		SELECT r.id, x.kind, x.first_day, x.state, x.why, x.ended_at
		  FROM unnest(@ids::bigint[]) r (id)
		 CROSS JOIN LATERAL (SELECT * FROM report_mail x WHERE x.subscription_id = r.id ORDER BY x.first_day DESC, x.kind, x.id LIMIT @most) x
		 ORDER BY x.first_day DESC, x.kind, x.id`, pgx.NamedArgs{"ids": ids, "most": reportmail.MaxPast})
	if err != nil {
		return err
	}
	var id int64
	var p reportmail.Past
	var first time.Time
	var ended *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &p.Kind, &first, &p.State, &p.Why, &ended}, func() error {
		p.Period, p.EndedAt = p.Kind.From(civil.DateOf(first)), time.Time{}
		if ended != nil {
			p.EndedAt = *ended
		}
		at[id].Past = append(at[id].Past, p)
		return nil
	})
	return err
}

// Subscription is part of reportmail.Store.
func (s ReportMails) Subscription(ctx context.Context, caller access.Caller, site int64, language string) (reportmail.Subscription, error) {
	found, err := subscription(ctx, s.Pool, caller.UserID, site, language)
	if err != nil {
		return found, fmt.Errorf("find who gets reports of site %d: %w", site, pgdb.Translate(err))
	}
	return found, nil
}

// Subscriptions is part of reportmail.Store.
func (s ReportMails) Subscriptions(ctx context.Context, caller access.Caller, organization int64) ([]reportmail.Subscription, error) {
	rows, err := s.Pool.Query(ctx, selectSubscription+ofCaller+`
		 WHERE num_nonnulls(r.weekly_since, r.monthly_since) > 0 AND (@organization::bigint = 0 OR o.id = @organization)
		 ORDER BY o.name, s.name, s.id`, pgx.NamedArgs{"caller": caller.UserID, "organization": organization, "language": ""})
	var all []reportmail.Subscription
	if err == nil {
		all, err = pgx.CollectRows(rows, scanSubscription(caller.UserID))
	}
	if err == nil {
		err = pastOf(ctx, s.Pool, all)
	}
	if err != nil {
		return nil, fmt.Errorf("list who gets reports: %w", pgdb.Translate(err))
	}
	return all, nil
}

// Change is part of reportmail.Store.
func (s ReportMails) Change(
	ctx context.Context, caller access.Caller, site int64, language string, w reportmail.Wanted, now time.Time,
) (changed reportmail.Subscription, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if changed, err = subscription(ctx, tx, caller.UserID, site, language); err != nil {
			return err
		}
		err := exec(ctx, tx, `
			INSERT INTO report_subscription AS r (user_id, site_id, language, weekly_since, monthly_since, leave_key)
			VALUES (@caller, @site, coalesce(@wanted_language, @language), CASE WHEN @weekly::boolean THEN @now::timestamptz END,
			        CASE WHEN @monthly::boolean THEN @now::timestamptz END, @key)
			    ON CONFLICT (user_id, site_id) DO UPDATE
			   SET language = coalesce(@wanted_language, r.language),
			       weekly_since = CASE WHEN coalesce(@weekly, r.weekly_since IS NOT NULL) THEN coalesce(r.weekly_since, @now) END,
			       monthly_since = CASE WHEN coalesce(@monthly, r.monthly_since IS NOT NULL) THEN coalesce(r.monthly_since, @now) END,
			       -- Mails of before, which may have gone around, do not end what is wanted anew.
			       leave_key = CASE WHEN num_nonnulls(r.weekly_since, r.monthly_since) = 0 AND (@weekly OR @monthly) THEN excluded.leave_key ELSE r.leave_key END`, pgx.NamedArgs{
			"caller": caller.UserID, "site": site, "language": language, "wanted_language": w.Language, "weekly": w.Weekly, "monthly": w.Monthly,
			"now": now, "key": rand.Text(),
		})
		if err == nil {
			changed, err = subscription(ctx, tx, caller.UserID, site, language)
		}
		return err
	})
	if err != nil {
		return changed, fmt.Errorf("change who gets reports of site %d: %w", site, pgdb.Translate(err))
	}
	return changed, nil
}

// Ask is part of reportmail.Store.
func (s ReportMails) Ask(
	ctx context.Context, caller access.Caller, site int64, language string, kind reportmail.Kind, now time.Time,
) (asked reportmail.Subscription, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if asked, err = subscription(ctx, tx, caller.UserID, site, language); err != nil {
			return err
		}
		wait, err := countAttempt(ctx, tx, "report:ask:"+strconv.FormatInt(caller.UserID, 10), reportmail.MaxAsked, reportmail.AskedWithin, now)
		if err == nil && wait > 0 {
			err = fault.NewExhausted(wait, "too often")
		}
		if err != nil {
			return err
		}
		// One that is being made goes out anyway.
		err = exec(ctx, tx, `
			WITH r AS (
			    INSERT INTO report_subscription (user_id, site_id, language, leave_key) VALUES (@caller, @site, @language, @key)
			        ON CONFLICT (user_id, site_id) DO UPDATE SET language = report_subscription.language
			    RETURNING id)
			INSERT INTO report_mail AS x (subscription_id, kind, first_day, due_at, asked)
			SELECT r.id, @kind, @first::date, @now, 1 FROM r
			    ON CONFLICT (subscription_id, kind, first_day) DO UPDATE
			   SET state = 'waiting', why = '', due_at = @now, ended_at = NULL, attempts = 0,
			       asked = CASE x.state WHEN 'waiting' THEN greatest(x.asked, 1) ELSE x.asked + 1 END
			 WHERE x.state <> 'waiting' OR coalesce(x.taken_until, '-infinity') <= @now`, pgx.NamedArgs{
			"caller": caller.UserID, "site": site, "language": language, "key": rand.Text(), "kind": string(kind),
			"first": kind.Due(now, asked.Zone).First.String(), "now": now,
		})
		if err == nil {
			asked, err = subscription(ctx, tx, caller.UserID, site, language)
		}
		return err
	})
	if err != nil {
		return asked, fmt.Errorf("ask for a report of site %d: %w", site, pgdb.Translate(err))
	}
	return asked, nil
}

// byLeaveKey returns the subscription whose mails have the key. Whether its reader is a member still is no matter.
func byLeaveKey(ctx context.Context, db querier, id int64, key string) (s reportmail.Subscription, err error) {
	var zone, own string
	err = db.QueryRow(ctx, `
		SELECT r.id, r.user_id, s.id, s.operator_id, s.name, s.time_zone, r.language, r.weekly_since IS NOT NULL, r.monthly_since IS NOT NULL, r.leave_key
		  FROM report_subscription r JOIN site s ON s.id = r.site_id
		 WHERE r.id = @id`, pgx.NamedArgs{"id": id}).
		Scan(&s.ID, &s.UserID, &s.SiteID, &s.OrganizationID, &s.Site, &zone, &s.Language, &s.Weekly, &s.Monthly, &own)
	if err == nil && subtle.ConstantTimeCompare([]byte(own), []byte(key)) != 1 {
		return reportmail.Subscription{}, pgx.ErrNoRows
	}
	s.Zone = inventory.LocationOrUTC(zone)
	return s, err
}

// Leaving is part of reportmail.Store.
func (s ReportMails) Leaving(ctx context.Context, id int64, key string) (reportmail.Subscription, error) {
	found, err := byLeaveKey(ctx, s.Pool, id, key)
	if err != nil {
		return found, fmt.Errorf("find who leaves: %w", pgdb.Translate(err))
	}
	return found, nil
}

// Leave is part of reportmail.Store.
func (s ReportMails) Leave(ctx context.Context, id int64, key string, kind reportmail.Kind) (left reportmail.Subscription, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if left, err = byLeaveKey(ctx, tx, id, key); err != nil {
			return err
		}
		return exec(ctx, tx, `
			UPDATE report_subscription
			   SET weekly_since = CASE WHEN @kind <> 'week' THEN weekly_since END, monthly_since = CASE WHEN @kind <> 'month' THEN monthly_since END
			 WHERE id = @id`, pgx.NamedArgs{"id": id, "kind": string(kind)})
	})
	if err != nil {
		return left, fmt.Errorf("leave reports: %w", pgdb.Translate(err))
	}
	return left, nil
}

// Zones is part of reportmail.Queue.
func (s ReportMails) Zones(ctx context.Context) ([]string, error) {
	rows, err := s.Pool.Query(ctx, `
		SELECT DISTINCT s.time_zone FROM report_subscription r JOIN site s ON s.id = r.site_id
		 WHERE num_nonnulls(r.weekly_since, r.monthly_since) > 0 ORDER BY 1`)
	var all []string
	if err == nil {
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("find time zones of reports: %w", pgdb.Translate(err))
	}
	return all, nil
}

// wantedSince is since when a kind of reports is wanted by subscription r.
const wantedSince = "CASE @kind WHEN 'week' THEN r.weekly_since ELSE r.monthly_since END"

// Plan is part of reportmail.Queue.
func (s ReportMails) Plan(ctx context.Context, zone string, k reportmail.Kind, first civil.Date, due time.Time) (int64, error) {
	tag, err := s.Pool.Exec(ctx, `
		INSERT INTO report_mail (subscription_id, kind, first_day, due_at)
		SELECT r.id, @kind, @first::date, @due
		  FROM report_subscription r JOIN site s ON s.id = r.site_id
		 WHERE s.time_zone = @zone AND `+wantedSince+` < @due
		   AND NOT EXISTS (SELECT FROM report_mail x WHERE x.subscription_id = r.id AND x.kind = @kind AND x.first_day = @first::date)
		 ORDER BY r.site_id, r.language, r.id
		    ON CONFLICT (subscription_id, kind, first_day) DO NOTHING`,
		pgx.NamedArgs{"zone": zone, "kind": string(k), "first": first.String(), "due": due})
	if err != nil {
		return 0, fmt.Errorf("plan reports: %w", pgdb.Translate(err))
	}
	return tag.RowsAffected(), nil
}

// Forget is part of reportmail.Queue.
func (s ReportMails) Forget(ctx context.Context, before time.Time) (int64, error) {
	tag, err := s.Pool.Exec(ctx, `
		WITH old AS (DELETE FROM report_mail WHERE ended_at < @before)
		DELETE FROM report_subscription r
		 WHERE NOT EXISTS (SELECT FROM site s JOIN membership m ON m.organization_id = s.operator_id WHERE s.id = r.site_id AND m.user_id = r.user_id)`,
		pgx.NamedArgs{"before": before})
	if err != nil {
		return 0, fmt.Errorf("forget who gets reports: %w", pgdb.Translate(err))
	}
	return tag.RowsAffected(), nil
}

// maySend is the condition that mail x is to be sent still, of subscription r.
const maySend = `(x.asked > 0 OR CASE x.kind WHEN 'week' THEN r.weekly_since ELSE r.monthly_since END IS NOT NULL)
	AND EXISTS (SELECT FROM user_account u JOIN membership m ON m.user_id = u.id JOIN site s ON s.operator_id = m.organization_id
	             WHERE u.id = r.user_id AND u.is_active AND s.id = r.site_id)`

// takeReport takes the mail that is due first. They are written in the order of sites and languages (Plan).
const takeReport = `
	WITH one AS (
	    SELECT id FROM report_mail
	     WHERE state = 'waiting' AND due_at <= @now AND coalesce(taken_until, '-infinity') <= @now
	     ORDER BY due_at, id
	     LIMIT 1
	       FOR UPDATE SKIP LOCKED),
	taken AS (
	    UPDATE report_mail x SET taken_by = @holder, taken_until = @until, attempts = x.attempts + 1 FROM one WHERE x.id = one.id
	    RETURNING x.*)
	SELECT x.id, r.id, r.user_id, r.site_id, x.kind, x.first_day, r.language, coalesce(e.email, ''), r.leave_key,
	       CASE x.kind WHEN 'week' THEN r.weekly_since ELSE r.monthly_since END IS NOT NULL, x.asked, x.attempts,
	       EXISTS (SELECT FROM report_mail p WHERE p.subscription_id = r.id AND p.kind = x.kind AND NOT p.measured
	                  AND p.first_day = CASE x.kind WHEN 'week' THEN x.first_day - 7 ELSE (x.first_day - interval '1 month')::date END),
	       ` + maySend + `
	  FROM taken x JOIN report_subscription r ON r.id = x.subscription_id` + mailableAddress + "r.user_id"

// maxUnwanted bounds how many mails that are not to be sent any more are noted in one transaction.
const maxUnwanted = 100

// Take is part of reportmail.Queue.
func (s ReportMails) Take(ctx context.Context, holder int64, now, until time.Time) (m reportmail.Mail, ok bool, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		for range maxUnwanted {
			m, ok = reportmail.Mail{Holder: holder}, false
			var first time.Time
			err := tx.QueryRow(ctx, takeReport, pgx.NamedArgs{"holder": holder, "now": now, "until": until}).
				Scan(&m.ID, &m.Subscription, &m.UserID, &m.SiteID, &m.Kind, &first, &m.Language, &m.Address, &m.LeaveKey, &m.Wanted, &m.Asked, &m.Attempts, &m.Silent, &ok)
			if isNoRow(err) {
				return nil
			}
			if err != nil || ok {
				m.Period = m.Kind.From(civil.DateOf(first))
				return err
			}
			if err := exec(ctx, tx, noteReport, noteArgs(&m, reportmail.Result{
				State: reportmail.Skipped, Why: reportmail.NotWanted, At: now, Uncounted: true,
			})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return m, false, fmt.Errorf("take a report to be mailed: %w", pgdb.Translate(err))
	}
	return m, ok, nil
}

// Held is part of reportmail.Queue.
func (s ReportMails) Held(ctx context.Context, m *reportmail.Mail, now time.Time) (reportmail.Hold, error) {
	var ours, wanted bool
	err := s.Pool.QueryRow(ctx, `
		SELECT x.taken_by = @holder AND x.taken_until > @now AND x.state = 'waiting' AND coalesce(e.email, '') = @address, `+maySend+`
		  FROM report_mail x JOIN report_subscription r ON r.id = x.subscription_id`+mailableAddress+`r.user_id
		 WHERE x.id = @id`,
		pgx.NamedArgs{"id": m.ID, "holder": m.Holder, "now": now, "address": m.Address}).Scan(&ours, &wanted)
	switch {
	case isNoRow(err) || err == nil && !wanted: // with its site or account it is gone
		return reportmail.Unwanted, nil
	case err != nil:
		return reportmail.Lost, fmt.Errorf("look whether a report is to be mailed still: %w", pgdb.Translate(err))
	case !ours:
		return reportmail.Lost, nil
	default:
		return reportmail.Ours, nil
	}
}

// noteReport keeps what became of a mail.
const noteReport = `
	UPDATE report_mail
	   SET state = @state, why = @why, measured = coalesce(@measured, measured), taken_by = 0, taken_until = NULL,
	       attempts = attempts - CASE WHEN @uncounted::boolean THEN 1 ELSE 0 END,
	       due_at = CASE WHEN @state = 'waiting' THEN @due::timestamptz ELSE due_at END,
	       ended_at = CASE WHEN @state <> 'waiting' THEN @at::timestamptz END
	 WHERE id = @id AND taken_by = @holder AND state = 'waiting'`

func noteArgs(m *reportmail.Mail, r reportmail.Result) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": m.ID, "holder": m.Holder, "state": r.State, "why": r.Why, "measured": r.Measured, "due": orNull(r.DueAt), "at": r.At, "uncounted": r.Uncounted,
	}
}

// Done is part of reportmail.Queue.
func (s ReportMails) Done(ctx context.Context, m *reportmail.Mail, r reportmail.Result) error {
	if _, err := s.Pool.Exec(ctx, noteReport, noteArgs(m, r)); err != nil {
		return fmt.Errorf("keep what became of a report: %w", pgdb.Translate(err))
	}
	return nil
}
