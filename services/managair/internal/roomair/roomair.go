// Package roomair says how the air in a room was, and how it was changed: it reads what
// the room's sensors measured and when people were there, and hands it to packages
// airquality, verdict, ventilation and climate, which judge.
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
	// Judged has the time zone in which its days are cut, and says by which profile it is
	// judged.
	inventory.Judged

	// Band is the id of the band by which its climate is judged; "" and climate.None: by none.
	Band string
	// Member: the caller is a member of the organization of the site.
	Member bool
	// VolumeM3 is that of the room, and People how many it is meant for; 0 is not known.
	VolumeM3 float64
	People   int
	// Installations are the times in which nodes were in the room, ascending by begin;
	// those that the caller may see.
	Installations []Installation
}

// Installation is a node in a room. An open end is the zero time.
type Installation struct {
	telemetry.Span

	ID int64
	// NodeID is the id of the node, as it is written.
	NodeID string
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
	a, _, err := s.read(ctx, id, room, period(loc))
	return a, err
}

// room returns a room and its time zone.
func (s Service) room(ctx context.Context, caller access.Caller, id int64) (Room, *time.Location, error) {
	room, err := s.Rooms.AirRoom(ctx, caller, id)
	if err != nil {
		return Room{}, nil, err
	}
	return room, inventory.LocationOrUTC(room.Zone), nil
}

// read returns the course of the air in a room, and the worst of its sensors.
func (s Service) read(ctx context.Context, id int64, room Room, p airquality.Period) (*airquality.Analysis, verdict.Sensor, error) {
	readings := verdict.Read(p)
	for _, one := range room.Installations {
		span, some := one.Within(p.Reach())
		if !some {
			continue
		}
		reading := readings.Sensor(inventory.SensorOf(one.Protocol))
		err := telemetry.Sound(ctx, s.Samples, span, func(sample measurement.Sample) error {
			reading.Add(airquality.Sample{Time: sample.Time, CO2PPM: sample.CO2PPM})
			return nil
		})
		if err != nil {
			return nil, verdict.Sensor{}, fmt.Errorf("air quality of room %d: %w", id, err)
		}
		reading.End()
	}
	air, worst := readings.End()
	return air, worst, nil
}
