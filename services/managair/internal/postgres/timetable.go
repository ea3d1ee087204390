package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Timetables keeps when people are in rooms.
type Timetables struct{ Pool *pgxpool.Pool }

var (
	_ timetable.Store         = Timetables{}
	_ timetable.DecisionStore = Timetables{}
	_ timetable.PastStore     = Timetables{}
	_ timetable.CalendarStore = Timetables{}
)

// timetableColumns are those of a timetable, which may be none, under an alias.
func timetableColumns(alias string) string {
	return fmt.Sprintf(`%[1]s.weekly, coalesce(%[1]s.exceptions, '[]'), coalesce(%[1]s.region, ''), coalesce(%[1]s.calendar_url, ''),
		coalesce(%[1]s.calendar_days, '[]'), coalesce(%[1]s.calendar_left_out, 0), %[1]s.calendar_read_at, %[1]s.calendar_tried_at,
		coalesce(%[1]s.calendar_failure, '')`, alias)
}

// timetableRow is what stands in timetableColumns.
type timetableRow struct {
	timetable.Timetable

	weekly, exceptions, days []byte
}

func (r *timetableRow) places() []any {
	return []any{
		&r.weekly, &r.exceptions, &r.Region, &r.CalendarURL, &r.days, &r.Calendar.LeftOut, &r.Calendar.ReadAt, &r.Calendar.TriedAt,
		&r.Calendar.Failure,
	}
}

func (r *timetableRow) read() (timetable.Timetable, error) {
	t := r.Timetable
	if r.weekly != nil {
		t.Weekly = &occupancy.Weekly{}
		if err := json.Unmarshal(r.weekly, t.Weekly); err != nil {
			return t, fmt.Errorf("read a week: %w", err)
		}
	}
	if err := json.Unmarshal(r.exceptions, &t.Exceptions); err != nil {
		return t, fmt.Errorf("read exceptions: %w", err)
	}
	if err := json.Unmarshal(r.days, &t.Calendar.Days); err != nil {
		return t, fmt.Errorf("read the days of a calendar: %w", err)
	}
	return t, nil
}

// holderFrom returns the table of what has timetables, as it is selected from, the column
// by which timetables know it, and the condition under which the caller is of an audience.
func holderFrom(h timetable.Holder) (from, id, column string, audience func(access.Audience) string) {
	if h.Room {
		k := rooms()
		return k.table + " " + k.alias + " " + k.from, k.alias + ".id", "room_id", k.audience
	}
	k := sites()
	return k.table + " " + k.alias + " " + k.from, k.alias + ".id", "site_id", k.audience
}

// Timetable is part of timetable.Store.
func (s Timetables) Timetable(ctx context.Context, caller access.Caller, h timetable.Holder) (timetable.Timetable, error) {
	t, may, err := oneTimetable(ctx, s.Pool, caller, h)
	if err != nil {
		return t, fmt.Errorf("find a timetable: %w", pgdb.Translate(err))
	}
	if !may {
		t.HideAddress()
	}
	return t, nil
}

// MayChange is part of timetable.Store.
func (s Timetables) MayChange(ctx context.Context, caller access.Caller, h timetable.Holder) error {
	if _, err := changeable(ctx, s.Pool, caller, h); err != nil {
		return fmt.Errorf("ask for the right to change a timetable: %w", pgdb.Translate(err))
	}
	return nil
}

// changeable returns the timetable of what the caller may change.
func changeable(ctx context.Context, db querier, caller access.Caller, h timetable.Holder) (timetable.Timetable, error) {
	t, may, err := oneTimetable(ctx, db, caller, h)
	if err == nil && !may {
		err = inventory.Forbidden()
	}
	return t, err
}

// oneTimetable returns the timetable of what the caller may see, and whether they may
// change it.
func oneTimetable(ctx context.Context, db querier, caller access.Caller, h timetable.Holder) (timetable.Timetable, bool, error) {
	from, id, column, audience := holderFrom(h)
	waiting := "site_id"
	if h.Room {
		waiting = "id"
	}
	var may bool
	var row timetableRow
	var recomputing *string
	err := db.QueryRow(ctx, "SELECT ("+audience(access.Timetables.Change)+"), (SELECT min(op.recompute_from)::text"+
		" FROM occupancy_progress op JOIN room opr ON opr.id = op.room_id WHERE opr."+waiting+" = "+id+"), "+timetableColumns("tt")+" FROM "+from+
		" LEFT JOIN timetable tt ON tt."+column+" = "+id+" WHERE "+id+" = @id AND ("+audience(access.Timetables.Read)+")",
		pgx.NamedArgs{"caller": caller.UserID, "id": h.ID}).Scan(append([]any{&may, &recomputing}, row.places()...)...)
	if err != nil {
		return timetable.Timetable{}, false, err
	}
	t, err := row.read()
	if err == nil && recomputing != nil {
		t.Recomputing = new(civil.Date)
		*t.Recomputing, err = civil.ParseDate(*recomputing)
	}
	return t, may, err
}

// Change is part of timetable.Store.
func (s Timetables) Change(
	ctx context.Context, caller access.Caller, h timetable.Holder, recompute *civil.Date, change func(*timetable.Timetable) error,
) (timetable.Timetable, error) {
	var changed timetable.Timetable
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		// Asked first: others neither keep anybody waiting nor learn by waiting that somebody
		// is at it. And asked again behind the lock, of what holds by then.
		if _, err := changeable(ctx, tx, caller, h); err != nil {
			return err
		}
		if err := lockHolder(ctx, tx, h); err != nil {
			return err
		}
		t, err := changeable(ctx, tx, caller, h)
		if err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		if err := writeTimetable(ctx, tx, h, &t); err != nil {
			return err
		}
		if recompute != nil {
			if err := wantRecompute(ctx, tx, h, *recompute); err != nil {
				return err
			}
		}
		changed, _, err = oneTimetable(ctx, tx, caller, h)
		return err
	})
	if v := constraint.Violation(err); v != nil {
		return changed, v
	}
	if err != nil {
		return changed, fmt.Errorf("change a timetable: %w", pgdb.Translate(err))
	}
	return changed, nil
}

// lockHolder keeps others from changing the same timetable, which may not be there yet, and
// calendars that are read from being kept in it meanwhile: it is written as a whole.
func lockHolder(ctx context.Context, tx pgx.Tx, h timetable.Holder) error {
	table := "site"
	if h.Room {
		table = "room"
	}
	args := pgx.NamedArgs{"id": h.ID}
	if err := exec(ctx, tx, "SELECT FROM "+table+" WHERE id = @id FOR NO KEY UPDATE", args); err != nil {
		return err
	}
	_, _, column, _ := holderFrom(h)
	return exec(ctx, tx, "SELECT FROM timetable WHERE "+column+" = @id FOR UPDATE", args)
}

func writeTimetable(ctx context.Context, tx pgx.Tx, h timetable.Holder, t *timetable.Timetable) error {
	_, _, column, _ := holderFrom(h)
	args, err := timetableArgs(t)
	if err != nil {
		return err
	}
	args["id"] = h.ID
	return exec(ctx, tx, `
		INSERT INTO timetable (`+column+`, weekly, exceptions, region, calendar_url, calendar_days, calendar_left_out, calendar_read_at,
		       calendar_tried_at, calendar_failure)
		VALUES (@id, @weekly, @exceptions, nullif(@region, ''), nullif(@url, ''), @days, @left_out, @read_at, @tried_at, @failure)
		ON CONFLICT (`+column+`) DO UPDATE SET weekly = @weekly, exceptions = @exceptions, region = nullif(@region, ''),
		       calendar_url = nullif(@url, ''), calendar_days = @days, calendar_left_out = @left_out, calendar_read_at = @read_at,
		       calendar_tried_at = @tried_at, calendar_failure = @failure`, args)
}

func timetableArgs(t *timetable.Timetable) (pgx.NamedArgs, error) {
	var weekly any
	if t.Weekly != nil {
		text, err := json.Marshal(t.Weekly)
		if err != nil {
			return nil, err
		}
		weekly = string(text)
	}
	exceptions, err := json.Marshal(append([]timetable.Exception{}, t.Exceptions...))
	if err != nil {
		return nil, err
	}
	args, err := calendarArgs(&t.Calendar)
	if err != nil {
		return nil, err
	}
	args["weekly"], args["exceptions"], args["region"], args["url"] = weekly, string(exceptions), t.Region, t.CalendarURL
	return args, nil
}

func calendarArgs(c *timetable.Calendar) (pgx.NamedArgs, error) {
	days, err := json.Marshal(append([]timetable.Range{}, c.Days...))
	if err != nil {
		return nil, err
	}
	return pgx.NamedArgs{
		"days": string(days), "left_out": c.LeftOut, "read_at": c.ReadAt, "tried_at": c.TriedAt, "failure": string(c.Failure),
	}, nil
}

// wantRecompute has the days of a room, or of all rooms of a site, decided anew.
func wantRecompute(ctx context.Context, tx pgx.Tx, h timetable.Holder, from civil.Date) error {
	condition := "site_id = @id"
	if h.Room {
		condition = "id = @id"
	}
	return exec(ctx, tx, `
		INSERT INTO occupancy_progress (room_id, recompute_from, wanted_at)
		SELECT id, @from::date, clock_timestamp() FROM room WHERE `+condition+` ORDER BY id
		ON CONFLICT (room_id) DO UPDATE
		   SET recompute_from = least(occupancy_progress.recompute_from, excluded.recompute_from), wanted_at = excluded.wanted_at`,
		pgx.NamedArgs{"id": h.ID, "from": from.String()})
}

// Plan is part of timetable.Store.
func (s Timetables) Plan(ctx context.Context, caller access.Caller, room int64) (timetable.Plan, error) {
	k := rooms()
	var site, own timetableRow
	var zone string
	err := s.Pool.QueryRow(ctx, "SELECT rs.time_zone, "+timetableColumns("st")+", "+timetableColumns("rt")+
		" FROM "+k.table+" "+k.alias+" "+k.from+
		" LEFT JOIN timetable st ON st.site_id = r.site_id LEFT JOIN timetable rt ON rt.room_id = r.id"+
		" WHERE r.id = @id AND ("+k.audience(access.Timetables.Read)+")",
		pgx.NamedArgs{"caller": caller.UserID, "id": room}).Scan(append(append([]any{&zone}, site.places()...), own.places()...)...)
	if err != nil {
		return timetable.Plan{}, fmt.Errorf("find the plan of room %d: %w", room, pgdb.Translate(err))
	}
	plan := timetable.Plan{Zone: inventory.LocationOrUTC(zone)}
	if plan.Site, err = site.read(); err != nil {
		return plan, err
	}
	plan.Room, err = own.read()
	return plan, err
}

// Decided is part of timetable.Store.
func (s Timetables) Decided(ctx context.Context, room int64, from, to civil.Date) ([]timetable.Kept, error) {
	rows, err := s.Pool.Query(ctx, `
		SELECT day, how, name, begins, ends, decided_at
		  FROM occupied_day
		 WHERE room_id = @room AND day BETWEEN @from AND @to
		 ORDER BY day`, pgx.NamedArgs{"room": room, "from": from.String(), "to": to.String()})
	if err == nil {
		var days []timetable.Kept
		if days, err = pgx.CollectRows(rows, scanDay); err == nil {
			return days, nil
		}
	}
	return nil, fmt.Errorf("read the days of room %d: %w", room, pgdb.Translate(err))
}

func scanDay(row pgx.CollectableRow) (timetable.Kept, error) {
	var day timetable.Kept
	var date time.Time
	var begins, ends []time.Time
	if err := row.Scan(&date, &day.How, &day.Name, &begins, &ends, &day.DecidedAt); err != nil {
		return day, err
	}
	day.Date = civil.DateOf(date)
	for i := range begins {
		day.Spans = append(day.Spans, occupancy.Span{From: begins[i].UTC(), To: ends[i].UTC(), How: day.How})
	}
	return day, nil
}

const (
	tryLockDecide = "SELECT pg_try_advisory_lock(hashtext('occupancy_decide'))"
	unlockDecide  = "SELECT pg_advisory_unlock(hashtext('occupancy_decide'))"
)

// Alone is part of timetable.DecisionStore.
func (s Timetables) Alone(ctx context.Context, decide func() error) error {
	var failed error // by no fault of the lock
	err := s.Pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var locked bool
		if err := conn.QueryRow(ctx, tryLockDecide).Scan(&locked); err != nil || !locked {
			return err
		}
		// A session lock outlives a cancelled context, but not the connection.
		defer func() {
			if _, err := conn.Exec(context.WithoutCancel(ctx), unlockDecide); err != nil {
				_ = conn.Conn().Close(context.WithoutCancel(ctx))
			}
		}()
		failed = decide()
		return nil
	})
	if err != nil {
		return fmt.Errorf("decide days alone: %w", pgdb.Translate(err))
	}
	return failed
}

// TimeZones is part of timetable.DecisionStore.
func (s Timetables) TimeZones(ctx context.Context) ([]string, error) {
	rows, err := s.Pool.Query(ctx, "SELECT DISTINCT time_zone FROM site")
	if err == nil {
		var zones []string
		if zones, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
			return zones, nil
		}
	}
	return nil, fmt.Errorf("find the time zones of sites: %w", pgdb.Translate(err))
}

// selectProgress is what scanUndecided reads, of all rooms.
const selectProgress = `
		SELECT r.id, r.site_id, rs.time_zone, decided.first, p.decided_until, older.day, p.recompute_from, p.wanted_at
		  FROM room r
		  JOIN site rs ON rs.id = r.site_id
		  LEFT JOIN occupancy_progress p ON p.room_id = r.id
		 CROSS JOIN LATERAL (SELECT ` + decidedFrom + ` AS first) decided`

// decidedFrom is the first day that is decided.
const decidedFrom = `coalesce(p.decided_from, (SELECT min(od.day) FROM occupied_day od WHERE od.room_id = p.room_id))`

// olderDay is the first day with samples before those that are decided: by the roll-ups,
// which know it at once, and so by UTC.
const olderDay = `
		  LEFT JOIN LATERAL (
		       SELECT (min(oldest.day) AT TIME ZONE 'UTC')::date AS day
		         FROM installation i
		         JOIN node n ON n.id = i.node_id
		        CROSS JOIN LATERAL (
		              SELECT d.day
		                FROM sample_day d
		               WHERE d.node_no = n.no AND d.day >= date_trunc('day', i.from_time, 'UTC') AND d.day < coalesce(i.to_time, 'infinity')
		                 AND d.day >= (z.last::date - @most::integer)::timestamp AT TIME ZONE 'UTC'
		                 AND d.day < coalesce(decided.first, z.last::date)::timestamp AT TIME ZONE 'UTC'
		               ORDER BY d.day
		               LIMIT 1) oldest
		        WHERE i.room_id = r.id) older ON true`

// Progress is part of timetable.Store.
func (s Timetables) Progress(ctx context.Context, room int64) (timetable.Undecided, error) {
	rows, err := s.Pool.Query(ctx, selectProgress+" CROSS JOIN (VALUES (NULL::date)) AS older (day) WHERE r.id = @id", pgx.NamedArgs{"id": room})
	if err == nil {
		var found timetable.Undecided
		if found, err = pgx.CollectExactlyOneRow(rows, scanUndecided); err == nil {
			return found, nil
		}
	}
	return timetable.Undecided{}, fmt.Errorf("find how far room %d is decided: %w", room, pgdb.Translate(err))
}

// Undecided is part of timetable.DecisionStore.
func (s Timetables) Undecided(ctx context.Context, last map[string]civil.Date) ([]timetable.Undecided, error) {
	zones, days := make([]string, 0, len(last)), make([]string, 0, len(last))
	for zone, day := range last {
		zones, days = append(zones, zone), append(days, day.String())
	}
	rows, err := s.Pool.Query(ctx, selectProgress+`
		  JOIN unnest(@zones::text[], @days::text[]) AS z (name, last) ON z.name = rs.time_zone`+olderDay+`
		 WHERE p.decided_until IS NULL OR p.decided_until < z.last::date OR p.recompute_from <= z.last::date OR older.day IS NOT NULL
		 ORDER BY r.id`, pgx.NamedArgs{"zones": zones, "days": days, "most": timetable.MaxRecompute})
	if err == nil {
		var found []timetable.Undecided
		if found, err = pgx.CollectRows(rows, scanUndecided); err == nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("find rooms with days to be decided: %w", pgdb.Translate(err))
}

func scanUndecided(row pgx.CollectableRow) (timetable.Undecided, error) {
	var r timetable.Undecided
	var from, until, oldest, again, wanted *time.Time
	err := row.Scan(&r.Room, &r.Site, &r.TimeZone, &from, &until, &oldest, &again, &wanted)
	r.DecidedFrom, r.DecidedUntil, r.Oldest = dateOrNil(from), dateOrNil(until), dateOrNil(oldest)
	if again != nil && wanted != nil {
		r.Again = &timetable.Again{From: civil.DateOf(*again), WantedAt: *wanted}
	}
	return r, err
}

func dateOrNil(t *time.Time) *civil.Date {
	if t == nil {
		return nil
	}
	date := civil.DateOf(*t)
	return &date
}

// SiteTimetable is part of timetable.DecisionStore.
func (s Timetables) SiteTimetable(ctx context.Context, site int64) (timetable.Timetable, error) {
	var row timetableRow
	err := s.Pool.QueryRow(ctx, "SELECT "+timetableColumns("tt")+" FROM site st LEFT JOIN timetable tt ON tt.site_id = st.id WHERE st.id = @id",
		pgx.NamedArgs{"id": site}).Scan(row.places()...)
	if err != nil {
		return timetable.Timetable{}, fmt.Errorf("read the timetable of site %d: %w", site, pgdb.Translate(err))
	}
	return row.read()
}

// Room is part of timetable.DecisionStore.
func (s Timetables) Room(ctx context.Context, room int64) (timetable.Room, error) {
	var r timetable.Room
	var row timetableRow
	var nos []int32
	var froms []time.Time
	var tos []pgtype.Timestamptz
	err := s.Pool.QueryRow(ctx, "SELECT placed.nos, placed.froms, placed.tos, "+timetableColumns("rt")+`
		  FROM room r
		  LEFT JOIN timetable rt ON rt.room_id = r.id
		 CROSS JOIN LATERAL (
		       SELECT array_agg(n.no ORDER BY i.id) AS nos, array_agg(i.from_time ORDER BY i.id) AS froms, array_agg(i.to_time ORDER BY i.id) AS tos
		         FROM installation i JOIN node n ON n.id = i.node_id WHERE i.room_id = r.id) placed
		 WHERE r.id = @id`, pgx.NamedArgs{"id": room}).Scan(append([]any{&nos, &froms, &tos}, row.places()...)...)
	if err != nil {
		return r, fmt.Errorf("read the timetable of room %d: %w", room, pgdb.Translate(err))
	}
	for i, no := range nos {
		r.Installations = append(r.Installations, telemetry.Span{NodeNo: no, From: froms[i], To: tos[i].Time})
	}
	r.Timetable, err = row.read()
	return r, err
}

// Keep is part of timetable.DecisionStore.
func (s Timetables) Keep(ctx context.Context, d timetable.Decisions) error {
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error { return keepDecisions(ctx, tx, d) })
	if code, _, ok := pgdb.Violation(err); ok && code == pgdb.ForeignKeyViolation {
		return nil // the room is gone
	}
	if err != nil {
		return fmt.Errorf("keep the days of room %d: %w", d.Room, pgdb.Translate(err))
	}
	return nil
}

func keepDecisions(ctx context.Context, tx pgx.Tx, d timetable.Decisions) error {
	args := pgx.NamedArgs{"room": d.Room, "from": d.From.String(), "until": d.Until.String(), "wanted": nil, "next": nil}
	if d.Again != nil {
		args["wanted"] = d.Again.WantedAt
		if d.More {
			args["next"] = d.Until.AddDays(1).String()
		}
	}
	// Whoever wanted the past decided anew in the meantime finds it wanted still.
	if err := exec(ctx, tx, `
		INSERT INTO occupancy_progress AS p (room_id, decided_from, decided_until) VALUES (@room, @from, @until)
		ON CONFLICT (room_id) DO UPDATE
		   SET decided_from = least(`+decidedFrom+`, excluded.decided_from),
		       decided_until = greatest(p.decided_until, excluded.decided_until),
		       recompute_from = CASE WHEN p.wanted_at = @wanted::timestamptz THEN @next::date ELSE p.recompute_from END`, args); err != nil {
		return err
	}
	if err := exec(ctx, tx, "DELETE FROM occupied_day WHERE room_id = @room AND day BETWEEN @from AND @until", args); err != nil {
		return err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"occupied_day"}, []string{"room_id", "day", "how", "name", "begins", "ends", "decided_at"},
		pgx.CopyFromSlice(len(d.Days), func(i int) ([]any, error) {
			day := &d.Days[i]
			begins, ends := make([]time.Time, len(day.Spans)), make([]time.Time, len(day.Spans))
			for j, span := range day.Spans {
				begins[j], ends[j] = span.From, span.To
			}
			date := time.Date(day.Date.Year, day.Date.Month, day.Date.Day, 0, 0, 0, 0, time.UTC)
			return []any{d.Room, date, string(day.How), day.Name, begins, ends, d.At}, nil
		}))
	return err
}

// DueCalendar is part of timetable.CalendarStore.
func (s Timetables) DueCalendar(ctx context.Context, now time.Time) (timetable.DueCalendar, bool, error) {
	var due timetable.DueCalendar
	err := s.Pool.QueryRow(ctx, `
		UPDATE timetable tt SET calendar_tried_at = @now
		  FROM site st
		 WHERE st.id = tt.site_id AND tt.id = (
		       SELECT d.id
		         FROM timetable d JOIN site ds ON ds.id = d.site_id
		        WHERE d.calendar_url IS NOT NULL AND (d.calendar_tried_at IS NULL OR d.calendar_tried_at <= @before
		              OR d.calendar_read_at IS NULL AND d.calendar_failure = '' AND d.calendar_tried_at <= @new_before)
		        ORDER BY (SELECT max(o.calendar_tried_at) FROM timetable o JOIN site os ON os.id = o.site_id WHERE os.operator_id = ds.operator_id) NULLS FIRST,
		              d.calendar_tried_at NULLS FIRST, d.id
		        LIMIT 1
		          FOR UPDATE OF d SKIP LOCKED)
		RETURNING tt.id, tt.calendar_url, st.time_zone`,
		pgx.NamedArgs{"now": now, "before": now.Add(-timetable.ReadEvery), "new_before": now.Add(-timetable.ReadNewAfter)}).
		Scan(&due.ID, &due.URL, &due.TimeZone)
	if isNoRow(err) {
		return due, false, nil
	}
	if err != nil {
		return due, false, fmt.Errorf("find a calendar to be read: %w", pgdb.Translate(err))
	}
	return due, true, nil
}

// KeepCalendar is part of timetable.CalendarStore.
func (s Timetables) KeepCalendar(ctx context.Context, due timetable.DueCalendar, c timetable.Calendar) error {
	args, err := calendarArgs(&c)
	if err != nil {
		return err
	}
	args["id"], args["url"] = due.ID, due.URL
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if c.Failure != "" {
			return exec(ctx, tx, "UPDATE timetable SET calendar_failure = @failure WHERE id = @id AND calendar_url = @url", args)
		}
		// That it was read again is no change that anybody made: the log has that of days.
		if err := exec(ctx, tx, `
			UPDATE timetable SET calendar_days = @days
			 WHERE id = @id AND calendar_url = @url AND calendar_days <> @days::jsonb`, args); err != nil {
			return err
		}
		return exec(ctx, tx, `
			UPDATE timetable SET calendar_left_out = @left_out, calendar_read_at = @read_at, calendar_failure = ''
			 WHERE id = @id AND calendar_url = @url`, args)
	})
	if err != nil {
		return fmt.Errorf("keep a calendar: %w", pgdb.Translate(err))
	}
	return nil
}
