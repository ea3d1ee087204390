package dataset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Selection is what a table is wanted of. What is named narrows it; where nothing is, it is all that the caller sees
// as a member.
type Selection struct {
	Organization, Site int64
	Rooms              []int64
	Nodes              []inventory.NodeID
	// From and To are included.
	From, To time.Time
}

// Finder finds what a selection has.
type Finder struct {
	Inventory inventory.Store
	Telemetry telemetry.Store
}

// TooManyError says that a selection has more installations than a table may have.
type TooManyError struct{ Count, Most int }

// Error is for logs.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("%d installations, of which a table takes %d", e.Count, e.Most)
}

// Find returns what the caller may see of a selection: by site, room by room, and in each in the order of time.
// Sensors whose names the caller may not read have one in the language.
func (f Finder) Find(ctx context.Context, caller access.Caller, s Selection, language string, most int) ([]Part, error) {
	installations, err := f.installations(ctx, caller, s, most)
	if err != nil {
		return nil, err
	}
	sources, order, err := f.sources(ctx, caller, installations, language)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(order))
	for n, i := range order {
		span := telemetry.Span{NodeNo: installations[i].NodeNo, From: s.From, To: s.To}
		if from := installations[i].From; from.After(span.From) {
			span.From = from
		}
		if to := installations[i].To; to != nil && to.Before(span.To) {
			span.To = *to
		}
		parts[n] = Part{Source: sources[i], Span: span}
	}
	return parts, f.sum(ctx, parts)
}

// summedAtOnce is how many spans are asked for at once.
const summedAtOnce = 1000

// sum notes what the parts have.
func (f Finder) sum(ctx context.Context, parts []Part) error {
	for some := range slices.Chunk(parts, summedAtOnce) {
		spans := make([]telemetry.Span, len(some))
		for i := range some {
			spans[i] = some[i].Span
		}
		sums, err := f.Telemetry.Summaries(ctx, spans, false)
		if err != nil {
			return err
		}
		for i := range some {
			some[i].Samples = sums[i].Count
			if latest := sums[i].Latest; latest != nil {
				some[i].Latest = latest.Time
			}
		}
	}
	return nil
}

// installations are those of a selection, in the order of time.
func (f Finder) installations(ctx context.Context, caller access.Caller, s Selection, most int) ([]inventory.Installation, error) {
	query := inventory.Query{
		Organization: s.Organization, Site: s.Site, Limit: most, Sort: []inventory.Order{{By: "from_timestamp_s"}},
		Own: s.Organization == 0 && s.Site == 0 && len(s.Rooms) == 0 && len(s.Nodes) == 0 && !caller.Anonymous(),
	}
	queries := []inventory.Query{query}
	switch {
	case len(s.Rooms) > 0:
		queries = queries[:0]
		for _, room := range slices.Compact(slices.Sorted(slices.Values(s.Rooms))) {
			query.Room = room
			queries = append(queries, query)
		}
	case len(s.Nodes) > 0:
		queries = queries[:0]
		for i, node := range s.Nodes {
			if !slices.Contains(s.Nodes[:i], node) {
				query.Node = node
				queries = append(queries, query)
			}
		}
	}
	var all []inventory.Installation
	total := 0
	for _, query := range queries {
		found, count, err := f.Inventory.Installations.List(ctx, caller, query)
		if err != nil {
			return nil, err
		}
		if total += count; total > most {
			return nil, &TooManyError{total, most}
		}
		for i := range found {
			if len(s.Nodes) == 0 || slices.Contains(s.Nodes, found[i].NodeID) {
				all = append(all, found[i])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b inventory.Installation) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// sources returns where installations are, and the order of their rooms.
func (f Finder) sources(ctx context.Context, caller access.Caller, installations []inventory.Installation, language string) (sources []Source, order []int, err error) {
	byName := []inventory.Order{{By: "name"}}
	inRoom := map[int64][]int{}
	ids := make([]int64, len(installations))
	for i := range installations {
		ids[i] = installations[i].RoomID
		inRoom[ids[i]] = append(inRoom[ids[i]], i)
	}
	rooms, _, err := f.Inventory.Rooms.List(ctx, caller, inventory.Query{IDs: ids, Sort: byName})
	if err != nil {
		return nil, nil, err
	}
	siteIDs := make([]int64, len(rooms))
	for i := range rooms {
		siteIDs[i] = rooms[i].SiteID
	}
	sites, _, err := f.Inventory.Sites.List(ctx, caller, inventory.Query{IDs: siteIDs, Sort: byName})
	if err != nil {
		return nil, nil, err
	}
	sources = make([]Source, len(installations))
	for _, site := range sites {
		place := inventory.LocationOrUTC(site.TimeZone)
		for _, room := range rooms {
			if room.SiteID != site.ID {
				continue
			}
			numbers := map[inventory.NodeID]int{}
			for _, i := range inRoom[room.ID] {
				installation := &installations[i]
				if numbers[installation.NodeID] == 0 {
					numbers[installation.NodeID] = len(numbers) + 1
				}
				order = append(order, i)
				sources[i] = Source{
					Site: site.Name, SiteID: site.ID, Room: room.Name, RoomID: room.ID, Sensor: sensorName(installation, numbers[installation.NodeID], language),
					InstallationID: installation.ID, NodeID: installation.NodeID.String(), Place: place, Organization: site.OperatorID,
					Member: installation.NodeAlias != nil,
				}
			}
		}
	}
	return sources, order, nil
}

// sensorName is the name of the sensor for those who may read it. Others tell it by its number
// among the sensors that were in the room, whenever.
func sensorName(i *inventory.Installation, number int, language string) string {
	if i.NodeAlias != nil {
		return *i.NodeAlias
	}
	return words.TableSensor.In(language, number)
}

// Total returns at most how many rows a table of the parts has, and how many samples it is made of.
func Total(parts []Part, r telemetry.Resolution) (rows, samples int64) {
	for i := range parts {
		n := parts[i].Samples
		samples += n
		if length := int64(time.Duration(r) / time.Second); length > 0 {
			n = min(n, (parts[i].Span.To.Unix()-parts[i].Span.From.Unix())/length+2)
		}
		rows += n
	}
	return rows, samples
}
