package httpapi

import (
	"net/http"
	"time"

	"github.com/clairberlin/clair-stack/pkg/climate"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

const (
	typeClimate     = "room-climate"
	typeClimateBand = "ClimateBand"
)

// addClimate adds the routes that judge the climate of rooms in which things are kept, and
// the one that lists the bands.
func (a *API) addClimate(service roomair.Service) {
	addJudged(a, "climate", judged[roomair.Climate]{parameter: "band", choices: bandIDs, judge: service.Climate, show: showClimate})
	a.add(Route{Method: http.MethodGet, Pattern: Base + "/climate-bands", Audience: access.Everyone, Handler: a.listClimateBands})
}

func bandIDs() []string {
	var ids []string
	for _, b := range climate.Bands() {
		ids = append(ids, b.ID)
	}
	return ids
}

func (a *API) listClimateBands(w http.ResponseWriter, r *http.Request) error {
	q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{})
	if err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	v.query = q
	var resources []jsonapi.Resource
	for _, b := range climate.Bands() {
		var list attributes
		list.addBand(&b)
		if list.err != nil {
			return list.err
		}
		resources = append(resources, jsonapi.Resource{Identifier: jsonapi.Identifier{Type: typeClimateBand, ID: b.ID}, Attributes: list.list})
	}
	return a.respondFew(w, r, v, resources)
}

func (a *attributes) addBand(b *climate.Band) {
	a.json("name", b.Name)
	a.add("source", jsonapi.String(b.Source))
	a.json("low_percent", b.LowPercent)
	a.json("high_percent", b.HighPercent)
	a.json("low_celsius", b.LowCelsius)
	a.json("high_celsius", b.HighCelsius)
	a.json("swing_percent", b.SwingPercent)
}

// What documents have of the climate.
type (
	seenInfo struct {
		Low   float64 `json:"low"`
		Mean  float64 `json:"mean"`
		High  float64 `json:"high"`
		Hours int     `json:"hour_count"`
	}
	climateExceedanceInfo struct {
		Kind    climate.Kind `json:"kind"`
		From    int64        `json:"from_timestamp_s"`
		To      int64        `json:"to_timestamp_s"`
		Extreme float64      `json:"extreme"`
	}
	historyInfo struct {
		First   *int64  `json:"from_timestamp_s"`
		Months  int     `json:"month_count"`
		Needed  int     `json:"needed_month_count"`
		Percent float64 `json:"known_percent"`
		Enough  bool    `json:"enough"`
	}
)

func showClimate(v *view, room int64, told *roomair.Climate, now time.Time) (jsonapi.Resource, error) {
	var list attributes
	if told.Band == nil {
		list.add("band", jsonapi.Null())
	} else {
		list.add("band", jsonapi.String(told.Band.ID))
		list.addBand(told.Band)
		list.add("outcome", jsonapi.String(string(told.Outcome)))
		list.add("hour_count", jsonapi.Int(told.Hours))
		list.add("known_hour_count", jsonapi.Int(told.Known))
		list.add("inside_hour_count", jsonapi.Int(told.Inside))
		list.json("outside_hour_counts", told.Outside)
		list.json("temperature_celsius", showSeen(told.Temperature))
		list.json("rel_humidity_percent", showSeen(told.RelHumidity))
		exceedances := make([]climateExceedanceInfo, len(told.Exceedances))
		for i, e := range told.Exceedances {
			exceedances[i] = climateExceedanceInfo{e.Kind, e.From.Unix(), e.To.Unix(), rounded(e.Extreme, 1)}
		}
		list.json("exceedances", exceedances)
		list.json("history", showHistory(told.History))
	}
	list.add("from_timestamp_s", jsonapi.Int(told.Period.From.Unix()))
	list.add("to_timestamp_s", jsonapi.Int(told.Period.To.Unix()))
	list.add("query_timestamp_s", jsonapi.Int(now.Unix()))
	list.add("time_zone", jsonapi.String(told.Period.From.Location().String()))
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeClimate, ID: formatInt64(room)},
		Attributes: list.list,
		Self:       v.url("rooms", formatInt64(room)),
	}, list.err
}

func showSeen(s roomair.Seen) *seenInfo {
	if s.Hours == 0 {
		return nil
	}
	return &seenInfo{rounded(s.Low, 1), rounded(s.Mean, 1), rounded(s.High, 1), s.Hours}
}

func showHistory(h climate.History) historyInfo {
	info := historyInfo{Months: h.Months, Needed: climate.HistoryNeeded, Percent: rounded(h.Percent, 1), Enough: h.Enough}
	if !h.First.IsZero() {
		first := h.First.Unix()
		info.First = &first
	}
	return info
}
