// Package roomair says how the air in a room was: it reads what the room's sensors
// measured and when people were there, and hands it to packages airquality and verdict,
// which judge.
package roomair

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Room is what an analysis needs to know of a room.
type Room struct {
	// TimeZone is the IANA name of the zone in which its days are cut.
	TimeZone string
	// Profile is the id of the profile by which the room is judged: its own, or else that of
	// its site, or else that of its organization; "" is never.
	Profile string
	// Member: the caller is a member of the organization of the site.
	Member bool
	// Installations are the times in which nodes were in the room, ascending by begin;
	// those that the caller may see.
	Installations []Installation
}

// Installation is a node in a room. An open end is the zero time.
type Installation struct {
	telemetry.Span

	// Protocol is the identifier of the node's protocol, which tells what sensor it is.
	Protocol string
}

// RoomStore knows rooms.
type RoomStore interface {
	// AirRoom returns the room, and NotFound when the caller may not see it.
	AirRoom(ctx context.Context, caller access.Caller, id int64) (Room, error)
}

// Service analyzes and judges the air in rooms.
type Service struct {
	Rooms   RoomStore
	Samples telemetry.Store
	// Occupancy is asked by Verdict only.
	Occupancy Occupancy
	Log       *slog.Logger
}

// Room analyzes a room over the period that is chosen by its time zone. The
// analysis of a room without sensors has days of which nothing is known.
func (s Service) Room(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period) (*airquality.Analysis, error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	a := airquality.Begin(period(loc))
	if _, err = s.read(ctx, id, room, a); err != nil {
		return nil, err
	}
	return a, nil
}

// room returns a room and its time zone.
func (s Service) room(ctx context.Context, caller access.Caller, id int64) (Room, *time.Location, error) {
	room, err := s.Rooms.AirRoom(ctx, caller, id)
	if err != nil {
		return Room{}, nil, err
	}
	loc, err := inventory.Location(room.TimeZone)
	if err != nil {
		// It came by a way that asks no rule; managair check names the site, too.
		s.Log.WarnContext(ctx, "the site's time zone is unknown; its days are cut in UTC", "room", id, "err", err)
		loc = time.UTC
	}
	return room, loc, nil
}

// read hands what was measured in a room to an analysis, and ends it. It returns the worst
// of the sensors.
func (s Service) read(ctx context.Context, id int64, room Room, a *airquality.Analysis) (verdict.Sensor, error) {
	from, to := a.Period.From.Add(-airquality.MaxGap), a.Period.To.Add(airquality.MaxGap)
	var sensors []verdict.Sensor
	for _, one := range room.Installations {
		span := one.Span
		if span.From.Before(from) {
			span.From = from
		}
		if span.To.IsZero() || span.To.After(to) {
			span.To = to
		}
		if span.To.Before(span.From) {
			continue
		}
		interval, err := s.add(ctx, span, a)
		if err != nil {
			return verdict.Sensor{}, fmt.Errorf("air quality of room %d: %w", id, err)
		}
		if interval > 0 {
			sensor := inventory.SensorOf(one.Protocol)
			sensor.Interval = interval
			sensors = append(sensors, sensor)
		}
	}
	a.End()
	return worst(sensors), nil
}

// worst of no sensors is one of which nothing is known.
func worst(sensors []verdict.Sensor) (all verdict.Sensor) {
	for i, one := range sensors {
		if i == 0 {
			all = one
		}
		all = verdict.Worst(all, one)
	}
	return all
}

// add hands the samples of an installation to an analysis, and returns the usual time
// between them.
func (s Service) add(ctx context.Context, span telemetry.Span, a *airquality.Analysis) (interval time.Duration, err error) {
	series := a.Installation()
	var distance gaps
	err = s.Samples.Samples(ctx, span, func(sample measurement.Sample) error {
		// What a sensor itself calls faulty says nothing of the air.
		if sample.Status == measurement.Faulty {
			return nil
		}
		distance.add(sample.Time)
		series.Add(airquality.Sample{Time: sample.Time, CO2PPM: sample.CO2PPM})
		return nil
	})
	series.End()
	return distance.median(), err
}
