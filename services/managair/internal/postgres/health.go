package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// SensorHealth judges the health of all nodes, and keeps what comes out.
type SensorHealth struct{ Pool *pgxpool.Pool }

// The bounds of what is read and written at once: the first run has half a year of hours.
const (
	followedAtOnce = 50
	// Samples come late: nights of so many days are made again.
	rereadDays = 3
	// nightsKept and chargesKept are days.
	nightsKept, chargesKept = 7*sensorhealth.Weeks + 7, sensorhealth.BatteryDays
)

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
		       node_no, judged_at, silence, weeks, others, suspected, impossible_nights,
		       offset_ppm, offset_plus_minus_ppm, offset_beyond, drift_ppm, drift_plus_minus_ppm, drift_beyond,
		       step_day, step_ppm, step_plus_minus_ppm,
		       battery_silence, battery_days, battery_empty_day, battery_earliest_day, battery_latest_day)
		SELECT no, @now, @silence, @weeks, @others, @suspected, @impossible,
		       @offset, @offset_pm, @offset_beyond, @drift, @drift_pm, @drift_beyond,
		       ` + dayOne + ` + @step_day::integer, @step, @step_pm,
		       @battery_silence, @battery_days, ` + dayOne + ` + @empty::integer, ` + dayOne + ` + @earliest::integer, ` + dayOne + ` + @latest::integer
		  FROM node
		 WHERE no = @no AND owner_id = @organization -- it may have gone
		    ON CONFLICT (node_no) DO UPDATE
		   SET judged_at = excluded.judged_at, silence = excluded.silence, weeks = excluded.weeks, others = excluded.others,
		       suspected = excluded.suspected, impossible_nights = excluded.impossible_nights,
		       offset_ppm = excluded.offset_ppm, offset_plus_minus_ppm = excluded.offset_plus_minus_ppm, offset_beyond = excluded.offset_beyond,
		       drift_ppm = excluded.drift_ppm, drift_plus_minus_ppm = excluded.drift_plus_minus_ppm, drift_beyond = excluded.drift_beyond,
		       step_day = excluded.step_day, step_ppm = excluded.step_ppm, step_plus_minus_ppm = excluded.step_plus_minus_ppm,
		       battery_silence = excluded.battery_silence, battery_days = excluded.battery_days, battery_empty_day = excluded.battery_empty_day,
		       battery_earliest_day = excluded.battery_earliest_day, battery_latest_day = excluded.battery_latest_day`
)

// Judge makes nights of what was measured since the last time, and judges all nodes by what
// they told up to yesterday. Whoever does it twice comes to the same.
func (h SensorHealth) Judge(ctx context.Context, now time.Time) (sensorhealth.Summary, error) {
	var sum sensorhealth.Summary
	if err := h.follow(ctx, now); err != nil {
		return sum, fmt.Errorf("make nights: %w", pgdb.Translate(err))
	}
	rows, _ := h.Pool.Query(ctx, "SELECT id FROM organization ORDER BY id")
	organizations, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return sum, fmt.Errorf("find networks: %w", pgdb.Translate(err))
	}
	for _, id := range organizations {
		if err := h.judgeOrganization(ctx, now, id, &sum); err != nil {
			return sum, fmt.Errorf("judge sensors of organization %d: %w", id, pgdb.Translate(err))
		}
	}
	today := sensorhealth.DayOf(now, time.UTC)
	for table, days := range map[string]int{"node_night": nightsKept, "node_charge": chargesKept} {
		if _, err := h.Pool.Exec(ctx, "DELETE FROM "+table+" WHERE day < "+dayOne+" + @oldest::integer", pgx.NamedArgs{"oldest": today - days}); err != nil {
			return sum, fmt.Errorf("forget rows of %s: %w", table, pgdb.Translate(err))
		}
	}
	return sum, nil
}

// followedNode is a node whose hours are read from a time on.
type followedNode struct {
	no    int32
	since time.Time
	place *time.Location
}

// follow makes nights of hours, and notes batteries.
func (h SensorHealth) follow(ctx context.Context, now time.Time) error {
	if _, err := h.Pool.Exec(ctx, keepCharges, pgx.NamedArgs{"now": now}); err != nil {
		return err
	}
	for after := int32(-1); ; {
		rows, _ := h.Pool.Query(ctx, followed, pgx.NamedArgs{"now": now, "after": after, "batch": followedAtOnce})
		nodes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n followedNode, err error) {
			var zone string
			var newest *int
			if err = row.Scan(&n.no, &zone, &newest); err != nil {
				return n, err
			}
			days := nightsKept
			if newest != nil {
				days = min(days, sensorhealth.DayOf(now, time.UTC)-*newest+rereadDays)
			}
			n.since = now.UTC().Truncate(day).AddDate(0, 0, -days)
			n.place = inventory.LocationOrUTC(zone)
			return n, nil
		})
		if err != nil || len(nodes) == 0 {
			return err
		}
		if err := h.makeNights(ctx, now, nodes); err != nil {
			return err
		}
		after = nodes[len(nodes)-1].no
	}
}

func (h SensorHealth) makeNights(ctx context.Context, now time.Time, nodes []followedNode) error {
	nos, since := make([]int32, len(nodes)), make([]time.Time, len(nodes))
	for i, n := range nodes {
		nos[i], since[i] = n.no, n.since
	}
	rows, err := h.Pool.Query(ctx, hoursOfNights, pgx.NamedArgs{"nos": nos, "since": since, "now": now})
	if err != nil {
		return err
	}
	hours := map[int32][]sensorhealth.Hour{}
	var no int32
	var hour sensorhealth.Hour
	if _, err := pgx.ForEachRow(rows, []any{&no, &hour.Begin, &hour.CO2PPM}, func() error {
		hours[no] = append(hours[no], hour)
		return nil
	}); err != nil {
		return err
	}
	var of []int32
	var days []int
	var rests, lowests []float64
	for _, n := range nodes {
		first := sensorhealth.DayOf(n.since, n.place)
		for _, night := range sensorhealth.Nights(hours[n.no], n.place) {
			if night.Day > first { // of which only a part is here
				of, days = append(of, n.no), append(days, night.Day)
				rests, lowests = append(rests, night.RestPPM), append(lowests, night.LowestPPM)
			}
		}
	}
	_, err = h.Pool.Exec(ctx, keepNights, pgx.NamedArgs{"nos": of, "days": days, "rests": rests, "lowests": lowests})
	return err
}

// judgeOrganization judges the sensors of an organization against one another.
func (h SensorHealth) judgeOrganization(ctx context.Context, now time.Time, organization int64, sum *sensorhealth.Summary) error {
	rows, err := h.Pool.Query(ctx, network, pgx.NamedArgs{"now": now, "organization": organization})
	if err != nil {
		return err
	}
	var nos []int32
	var sensors []sensorhealth.Sensor
	var no int32
	var since *time.Time
	if _, err := pgx.ForEachRow(rows, []any{&no, &since}, func() error {
		nos = append(nos, no)
		s := sensorhealth.Sensor{Since: math.MinInt}
		if since != nil {
			s.Since = sensorhealth.DayOf(*since, time.UTC) + 1
		}
		sensors = append(sensors, s)
		return nil
	}); err != nil {
		return err
	}
	size := sensorhealth.NetworkSize(len(nos))
	for of := range slices.Chunk(nos, size) {
		if err := h.judgeNetwork(ctx, now, organization, of, sensors[:len(of)], sum); err != nil {
			return err
		}
		sensors = sensors[len(of):]
	}
	return nil
}

func (h SensorHealth) judgeNetwork(ctx context.Context, now time.Time, organization int64, nos []int32, sensors []sensorhealth.Sensor, sum *sensorhealth.Summary) error {
	place := make(map[int32]int, len(nos))
	for i, no := range nos {
		place[no] = i
	}
	yesterday := sensorhealth.DayOf(now, time.UTC) - 1
	rows, err := h.Pool.Query(ctx, nightsOf, pgx.NamedArgs{"nos": nos, "since": yesterday - 7*sensorhealth.Weeks, "until": yesterday})
	if err != nil {
		return err
	}
	var no int32
	var night sensorhealth.Night
	if _, err := pgx.ForEachRow(rows, []any{&no, &night.Day, &night.RestPPM, &night.LowestPPM}, func() error {
		s := &sensors[place[no]]
		s.Nights = append(s.Nights, night)
		return nil
	}); err != nil {
		return err
	}
	charges := make([][]sensorhealth.Charge, len(nos))
	if rows, err = h.Pool.Query(ctx, chargesOf, pgx.NamedArgs{"nos": nos, "since": yesterday - sensorhealth.BatteryDays}); err != nil {
		return err
	}
	var charge sensorhealth.Charge
	if _, err := pgx.ForEachRow(rows, []any{&no, &charge.Day, &charge.Percent}, func() error {
		charges[place[no]] = append(charges[place[no]], charge)
		return nil
	}); err != nil {
		return err
	}
	var batch pgx.Batch
	for i, f := range sensorhealth.Judge(sensors, yesterday) {
		batch.Queue(keepHealth, healthArgs(now, organization, nos[i], f, sensorhealth.ForecastBattery(charges[i])))
		sum.Nodes++
		if f.Suspected() {
			sum.Suspected++
		}
	}
	return h.Pool.SendBatch(ctx, &batch).Close()
}

func healthArgs(now time.Time, organization int64, no int32, f sensorhealth.Finding, b sensorhealth.Battery) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"organization": organization, "no": no, "now": now, "silence": string(f.Silence), "weeks": f.Weeks, "others": f.Others,
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
