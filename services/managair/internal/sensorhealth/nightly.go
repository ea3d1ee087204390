package sensorhealth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// The bounds of what is read and kept.
const (
	// followedAtOnce is of how many nodes hours are read at once: the first run has half a
	// year of them.
	followedAtOnce = 50
	// rereadDays is of how many days nights are made again, because samples come late.
	rereadDays = 3
	// nightsKept and chargesKept are days.
	nightsKept, chargesKept = 7*Weeks + 7, BatteryDays
)

// Followed is a node whose nights are made of its hours.
type Followed struct {
	No int32
	// Place is where it is by now, and Newest the latest of its nights, nil if it has none.
	Place  *time.Location
	Newest *int
}

// Member is a sensor of an organization.
type Member struct {
	No int32
	// Since is from when on it counts: its latest calibration, or when it came into its room
	// or to its organization; nil is always.
	Since *time.Time
}

// Judgement is what was found of a node.
type Judgement struct {
	No      int32
	Finding Finding
	Battery Battery
}

// JudgeStore is what a Judge needs. Each call is for many nodes.
type JudgeStore interface {
	// NoteCharges keeps what nodes told of their batteries that were heard in the last day.
	NoteCharges(ctx context.Context, now time.Time) error
	// Followed returns some nodes whose numbers are above one, in their order; none when there
	// are no more.
	Followed(ctx context.Context, now time.Time, after int32, most int) ([]Followed, error)
	// Hours returns the hours of each node from a time of its own until now, in any order.
	Hours(ctx context.Context, nos []int32, since []time.Time, now time.Time) (map[int32][]Hour, error)
	// KeepNights takes each in place of what was known of that night.
	KeepNights(ctx context.Context, nights map[int32][]Night) error

	Organizations(ctx context.Context) ([]int64, error)
	Members(ctx context.Context, organization int64, now time.Time) ([]Member, error)
	// Nights and Charges return those of nodes after a day, in the order of their days, nights
	// until another day.
	Nights(ctx context.Context, nos []int32, after, until int) (map[int32][]Night, error)
	Charges(ctx context.Context, nos []int32, after int) (map[int32][]Charge, error)
	// Keep keeps what was found of nodes that are still the organization's.
	Keep(ctx context.Context, organization int64, now time.Time, found []Judgement) error

	// Forget deletes nights and charges before a day each.
	Forget(ctx context.Context, nights, charges int) error
}

// Judge judges the sensors of all organizations.
type Judge struct{ Store JudgeStore }

// Run makes nights of what was measured since the last time, and judges all nodes by what
// they told up to yesterday. Whoever does it twice comes to the same. An organization that
// cannot be judged keeps no other one from it.
func (j Judge) Run(ctx context.Context, now time.Time) (sum Summary, err error) {
	if err := j.follow(ctx, now); err != nil {
		return sum, fmt.Errorf("make nights: %w", err)
	}
	organizations, err := j.Store.Organizations(ctx)
	if err != nil {
		return sum, err
	}
	var failed []error
	for _, id := range organizations {
		if err := j.organization(ctx, now, id, &sum); err != nil {
			failed = append(failed, fmt.Errorf("judge sensors of organization %d: %w", id, err))
			if ctx.Err() != nil || fault.Is(err, fault.Unavailable) {
				return sum, errors.Join(failed...)
			}
		}
	}
	today := dayOf(now, time.UTC)
	return sum, errors.Join(append(failed, j.Store.Forget(ctx, today-nightsKept, today-chargesKept))...)
}

// follow makes nights of hours, and notes batteries.
func (j Judge) follow(ctx context.Context, now time.Time) error {
	if err := j.Store.NoteCharges(ctx, now); err != nil {
		return err
	}
	for after := int32(-1); ; {
		nodes, err := j.Store.Followed(ctx, now, after, followedAtOnce)
		if err != nil || len(nodes) == 0 {
			return err
		}
		if err := j.makeNights(ctx, now, nodes); err != nil {
			return err
		}
		after = nodes[len(nodes)-1].No
	}
}

func (j Judge) makeNights(ctx context.Context, now time.Time, nodes []Followed) error {
	nos, since := make([]int32, len(nodes)), make([]time.Time, len(nodes))
	for i := range nodes {
		nos[i], since[i] = nodes[i].No, nodes[i].since(now)
	}
	hours, err := j.Store.Hours(ctx, nos, since, now)
	if err != nil {
		return err
	}
	made := make(map[int32][]Night, len(nodes))
	for i, n := range nodes {
		first := dayOf(since[i], n.Place) // of which only a part is here
		made[n.No] = slices.DeleteFunc(Nights(hours[n.No], n.Place), func(night Night) bool { return night.Day <= first })
	}
	return j.Store.KeepNights(ctx, made)
}

// since is from when on the hours of a node are read.
func (f *Followed) since(now time.Time) time.Time {
	days := nightsKept
	if f.Newest != nil {
		days = min(days, dayOf(now, time.UTC)-*f.Newest+rereadDays)
	}
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)
}

// organization judges the sensors of an organization against one another.
func (j Judge) organization(ctx context.Context, now time.Time, organization int64, sum *Summary) error {
	members, err := j.Store.Members(ctx, organization, now)
	if err != nil {
		return err
	}
	for network := range slices.Chunk(members, NetworkSize(len(members))) {
		found, err := j.network(ctx, now, network)
		if err != nil {
			return err
		}
		if err := j.Store.Keep(ctx, organization, now, found); err != nil {
			return err
		}
		for i := range found {
			sum.Nodes++
			if found[i].Finding.Suspected() {
				sum.Suspected++
			}
		}
	}
	return nil
}

func (j Judge) network(ctx context.Context, now time.Time, members []Member) ([]Judgement, error) {
	nos := make([]int32, len(members))
	for i := range members {
		nos[i] = members[i].No
	}
	yesterday := dayOf(now, time.UTC) - 1
	nights, err := j.Store.Nights(ctx, nos, yesterday-7*Weeks, yesterday)
	if err != nil {
		return nil, err
	}
	charges, err := j.Store.Charges(ctx, nos, yesterday-BatteryDays)
	if err != nil {
		return nil, err
	}
	sensors := make([]Sensor, len(members))
	for i, m := range members {
		sensors[i] = Sensor{Nights: nights[m.No], Since: math.MinInt}
		if m.Since != nil {
			sensors[i].Since = dayOf(*m.Since, time.UTC) + 1
		}
	}
	found := make([]Judgement, len(members))
	for i, f := range Findings(sensors, yesterday) {
		found[i] = Judgement{No: nos[i], Finding: f, Battery: ForecastBattery(charges[nos[i]])}
	}
	return found, nil
}
