// Package roomair says how the air in a room was: it reads what the room's sensors
// measured, and hands it to pkg/airquality, which judges.
package roomair

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Room is what an analysis needs to know of a room.
type Room struct {
	// TimeZone is the IANA name of the zone in which its days are cut.
	TimeZone string
	// Installations are the times in which nodes were in the room, ascending by begin;
	// those that the caller may see. An open end is the zero time.
	Installations []telemetry.Span
}

// RoomStore knows rooms.
type RoomStore interface {
	// AirRoom returns the room, and NotFound when the caller may not see it.
	AirRoom(ctx context.Context, caller access.Caller, id int64) (Room, error)
}

// Service analyzes the air in rooms.
type Service struct {
	Rooms   RoomStore
	Samples telemetry.Store
	Log     *slog.Logger
}

// Room analyzes a room over the period that is chosen by its time zone. The
// analysis of a room without sensors has days of which nothing is known.
func (s Service) Room(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period) (*airquality.Analysis, error) {
	room, err := s.Rooms.AirRoom(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	loc, err := inventory.Location(room.TimeZone)
	if err != nil {
		// It came by a way that asks no rule; managair check names the site, too.
		s.Log.WarnContext(ctx, "the site's time zone is unknown; its days are cut in UTC", "room", id, "err", err)
		loc = time.UTC
	}
	a := airquality.Begin(period(loc))
	from, to := a.Period.From.Add(-airquality.MaxGap), a.Period.To.Add(airquality.MaxGap)
	for _, span := range room.Installations {
		if span.From.Before(from) {
			span.From = from
		}
		if span.To.IsZero() || span.To.After(to) {
			span.To = to
		}
		if span.To.Before(span.From) {
			continue
		}
		if err := s.add(ctx, a.Installation(), span); err != nil {
			return nil, fmt.Errorf("air quality of room %d: %w", id, err)
		}
	}
	a.End()
	return a, nil
}

func (s Service) add(ctx context.Context, series *airquality.Series, span telemetry.Span) error {
	err := s.Samples.Samples(ctx, span, func(sample measurement.Sample) error {
		// What a sensor itself calls faulty says nothing of the air.
		if sample.Status != measurement.Faulty {
			series.Add(airquality.Sample{Time: sample.Time, CO2PPM: sample.CO2PPM})
		}
		return nil
	})
	series.End()
	return err
}
