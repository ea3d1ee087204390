package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// SensorHealth is the sensorhealth.JudgeStore on PostgreSQL, and has what was found.
type SensorHealth struct{ Pool *pgxpool.Pool }

// Days go to and fro as their number since this one.
const dayOne = "'1970-01-01'::date"

const (
	// followed are nodes, where they are by now, and the newest of their nights.
	followed = `
		SELECT n.no, coalesce(place.time_zone, 'UTC'), (SELECT max(w.day) FROM node_night w WHERE w.node_no = n.no) - ` + dayOne + `
		  FROM node n
		  LEFT JOIN LATERAL (
		       SELECT s.time_zone
		         FROM installation i JOIN room r ON r.id = i.room_id JOIN site s ON s.id = r.site_id
		        WHERE i.node_id = n.id AND i.from_time <= @now
		        ORDER BY i.from_time DESC
		        LIMIT 1) place ON true
		 WHERE n.no > @after
		 ORDER BY n.no
		 LIMIT @batch`

	// What comes later than a few days, or is marked as that of a stuck sensor then, is not seen.
	hoursOfNights = `
		SELECT h.node_no, h.hour, h.co2_sum::float8 / h.n
		  FROM unnest(@nos::integer[], @since::timestamptz[]) AS b (no, since)
		  JOIN sample_hour h ON h.node_no = b.no AND h.hour >= b.since AND h.hour < @now
		 WHERE h.n > 0
		 ORDER BY h.node_no`

	keepNights = `
		INSERT INTO node_night AS w (node_no, day, rest_ppm, lowest_ppm)
		SELECT x.no, ` + dayOne + ` + x.day, x.rest, x.lowest
		  FROM unnest(@nos::integer[], @days::integer[], @rests::real[], @lowests::real[]) AS x (no, day, rest, lowest)
		  JOIN node n ON n.no = x.no -- it may have gone
		 ORDER BY x.no, x.day
		    ON CONFLICT (node_no, day) DO UPDATE SET rest_ppm = excluded.rest_ppm, lowest_ppm = excluded.lowest_ppm
		 WHERE w.rest_ppm <> excluded.rest_ppm OR w.lowest_ppm <> excluded.lowest_ppm`

	keepCharges = `
		INSERT INTO node_charge (node_no, day, percent)
		SELECT node_no, (@now::timestamptz AT TIME ZONE 'UTC')::date, battery_percent
		  FROM node_status
		 WHERE battery_percent IS NOT NULL AND last_contact_at > @now::timestamptz - interval '1 day'
		 ORDER BY node_no
		    ON CONFLICT (node_no, day) DO UPDATE SET percent = excluded.percent`

	// Nodes of one organization. What was before the latest calibration, in another room, or
	// with another organization, does not count.
	network = `
		SELECT n.no, greatest(
		           (SELECT max(c.performed_at) FROM calibration c WHERE c.node_id = n.id AND c.performed_at <= @now),
		           (SELECT max(i.from_time) FROM installation i WHERE i.node_id = n.id AND i.from_time <= @now),
		           n.owned_since)
		  FROM node n
		 WHERE n.owner_id = @organization
		 ORDER BY n.no`

	nightsOf = `
		SELECT node_no, day - ` + dayOne + `, rest_ppm::float8, lowest_ppm::float8
		  FROM node_night
		 WHERE node_no = ANY (@nos) AND day > ` + dayOne + ` + @since::integer AND day <= ` + dayOne + ` + @until::integer
		 ORDER BY node_no, day`

	chargesOf = `
		SELECT node_no, day - ` + dayOne + `, percent::integer
		  FROM node_charge
		 WHERE node_no = ANY (@nos) AND day > ` + dayOne + ` + @since::integer
		 ORDER BY node_no, day`

	keepHealth = `
		INSERT INTO node_health (
		       node_no, judged_at, silence, weeks, others, suspected, suspected_since, impossible_nights,
		       offset_ppm, offset_plus_minus_ppm, offset_beyond, drift_ppm, drift_plus_minus_ppm, drift_beyond,
		       step_day, step_ppm, step_plus_minus_ppm,
		       battery_silence, battery_days, battery_empty_day, battery_earliest_day, battery_latest_day)
		SELECT no, @now, @silence, @weeks, @others, @suspected, CASE WHEN @suspected THEN @now::timestamptz END, @impossible,
		       @offset, @offset_pm, @offset_beyond, @drift, @drift_pm, @drift_beyond,
		       ` + dayOne + ` + @step_day::integer, @step, @step_pm,
		       @battery_silence, @battery_days, ` + dayOne + ` + @empty::integer, ` + dayOne + ` + @earliest::integer, ` + dayOne + ` + @latest::integer
		  FROM node
		 WHERE no = @no AND owner_id = @organization -- it may have gone
		    ON CONFLICT (node_no) DO UPDATE
		   SET judged_at = excluded.judged_at, silence = excluded.silence, weeks = excluded.weeks, others = excluded.others,
		       suspected = excluded.suspected, impossible_nights = excluded.impossible_nights,
		       suspected_since = CASE WHEN excluded.suspected AND node_health.suspected
		           THEN coalesce(node_health.suspected_since, node_health.judged_at) ELSE excluded.suspected_since END,
		       offset_ppm = excluded.offset_ppm, offset_plus_minus_ppm = excluded.offset_plus_minus_ppm, offset_beyond = excluded.offset_beyond,
		       drift_ppm = excluded.drift_ppm, drift_plus_minus_ppm = excluded.drift_plus_minus_ppm, drift_beyond = excluded.drift_beyond,
		       step_day = excluded.step_day, step_ppm = excluded.step_ppm, step_plus_minus_ppm = excluded.step_plus_minus_ppm,
		       battery_silence = excluded.battery_silence, battery_days = excluded.battery_days, battery_empty_day = excluded.battery_empty_day,
		       battery_earliest_day = excluded.battery_earliest_day, battery_latest_day = excluded.battery_latest_day`
)

// NoteCharges is part of sensorhealth.JudgeStore, as all that follows.
func (h SensorHealth) NoteCharges(ctx context.Context, now time.Time) error {
	return h.exec(ctx, "note batteries", keepCharges, pgx.NamedArgs{"now": now})
}

// Followed is part of sensorhealth.JudgeStore.
func (h SensorHealth) Followed(ctx context.Context, now time.Time, after int32, most int) ([]sensorhealth.Followed, error) {
	rows, _ := h.Pool.Query(ctx, followed, pgx.NamedArgs{"now": now, "after": after, "batch": most})
	nodes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n sensorhealth.Followed, err error) {
		var zone string
		err = row.Scan(&n.No, &zone, &n.Newest)
		n.Place = inventory.LocationOrUTC(zone)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("find nodes that are followed: %w", pgdb.Translate(err))
	}
	return nodes, nil
}

// Hours is part of sensorhealth.JudgeStore.
func (h SensorHealth) Hours(ctx context.Context, nos []int32, since []time.Time, now time.Time) (map[int32][]sensorhealth.Hour, error) {
	var hour sensorhealth.Hour
	return byNode(ctx, h, "read hours of nights", hoursOfNights, pgx.NamedArgs{"nos": nos, "since": since, "now": now}, &hour, &hour.Begin, &hour.CO2PPM)
}

// KeepNights is part of sensorhealth.JudgeStore.
func (h SensorHealth) KeepNights(ctx context.Context, nights map[int32][]sensorhealth.Night) error {
	var of []int32
	var days []int
	var rests, lowests []float64
	for no, all := range nights {
		for _, night := range all {
			of, days = append(of, no), append(days, night.Day)
			rests, lowests = append(rests, night.RestPPM), append(lowests, night.LowestPPM)
		}
	}
	return h.exec(ctx, "keep nights", keepNights, pgx.NamedArgs{"nos": of, "days": days, "rests": rests, "lowests": lowests})
}

// Organizations is part of sensorhealth.JudgeStore.
func (h SensorHealth) Organizations(ctx context.Context) ([]int64, error) {
	rows, _ := h.Pool.Query(ctx, "SELECT id FROM organization ORDER BY id")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find networks: %w", pgdb.Translate(err))
	}
	return ids, nil
}

// Members is part of sensorhealth.JudgeStore.
func (h SensorHealth) Members(ctx context.Context, organization int64, now time.Time) ([]sensorhealth.Member, error) {
	rows, _ := h.Pool.Query(ctx, network, pgx.NamedArgs{"now": now, "organization": organization})
	members, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sensorhealth.Member])
	if err != nil {
		return nil, fmt.Errorf("find the sensors of a network: %w", pgdb.Translate(err))
	}
	return members, nil
}

// Nights is part of sensorhealth.JudgeStore.
func (h SensorHealth) Nights(ctx context.Context, nos []int32, after, until int) (map[int32][]sensorhealth.Night, error) {
	var night sensorhealth.Night
	return byNode(ctx, h, "read nights", nightsOf, pgx.NamedArgs{"nos": nos, "since": after, "until": until}, &night, &night.Day, &night.RestPPM, &night.LowestPPM)
}

// Charges is part of sensorhealth.JudgeStore.
func (h SensorHealth) Charges(ctx context.Context, nos []int32, after int) (map[int32][]sensorhealth.Charge, error) {
	var charge sensorhealth.Charge
	return byNode(ctx, h, "read charges", chargesOf, pgx.NamedArgs{"nos": nos, "since": after}, &charge, &charge.Day, &charge.Percent)
}

// byNode reads rows of many nodes: the number of the node, and then the places of one.
func byNode[T any](ctx context.Context, h SensorHealth, what, query string, args pgx.NamedArgs, one *T, places ...any) (map[int32][]T, error) {
	rows, _ := h.Pool.Query(ctx, query, args)
	all := map[int32][]T{}
	var no int32
	if _, err := pgx.ForEachRow(rows, append([]any{&no}, places...), func() error {
		all[no] = append(all[no], *one)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", what, pgdb.Translate(err))
	}
	return all, nil
}

// Keep is part of sensorhealth.JudgeStore.
func (h SensorHealth) Keep(ctx context.Context, organization int64, now time.Time, found []sensorhealth.Judgement) error {
	var batch pgx.Batch
	for i := range found {
		batch.Queue(keepHealth, healthArgs(now, organization, &found[i]))
	}
	if err := h.Pool.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("keep what was found: %w", pgdb.Translate(err))
	}
	return nil
}

// Forget is part of sensorhealth.JudgeStore.
func (h SensorHealth) Forget(ctx context.Context, nights, charges int) error {
	for table, oldest := range map[string]int{"node_night": nights, "node_charge": charges} {
		if err := h.exec(ctx, "forget rows of "+table, "DELETE FROM "+table+" WHERE day < "+dayOne+" + @oldest::integer", pgx.NamedArgs{"oldest": oldest}); err != nil {
			return err
		}
	}
	return nil
}

func (h SensorHealth) exec(ctx context.Context, what, statement string, args pgx.NamedArgs) error {
	if _, err := h.Pool.Exec(ctx, statement, args); err != nil {
		return fmt.Errorf("%s: %w", what, pgdb.Translate(err))
	}
	return nil
}

func healthArgs(now time.Time, organization int64, found *sensorhealth.Judgement) pgx.NamedArgs {
	f, b := &found.Finding, &found.Battery
	args := pgx.NamedArgs{
		"organization": organization, "no": found.No, "now": now, "silence": string(f.Silence), "weeks": f.Weeks, "others": f.Others,
		"suspected": f.Suspected(), "impossible": f.ImpossibleNights,
		"step_day": nil, "step": nil, "step_pm": nil,
		"battery_silence": string(b.Silence), "battery_days": b.Days,
		"empty": dayOrNil(b.EmptyDay), "earliest": dayOrNil(b.EarliestDay), "latest": dayOrNil(b.LatestDay),
	}
	for name, e := range map[string]*sensorhealth.Estimate{"offset": f.Offset, "drift": f.Drift} {
		args[name], args[name+"_pm"], args[name+"_beyond"] = nil, nil, nil
		if e != nil {
			args[name], args[name+"_pm"], args[name+"_beyond"] = e.Value, e.PlusMinus, e.Beyond
		}
	}
	if s := f.Step; s != nil {
		args["step_day"], args["step"], args["step_pm"] = s.Day, s.PPM.Value, s.PPM.PlusMinus
	}
	return args
}

func dayOrNil(day int) any {
	if day == 0 {
		return nil
	}
	return day
}

// Nodes returns what the job found of each node.
func (h SensorHealth) Nodes() inventory.Repository[sensorhealth.Node, inventory.NodeID] {
	return &repository[sensorhealth.Node, inventory.NodeID]{db: h.Pool, kind: nodeHealth()}
}
