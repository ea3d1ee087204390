package httpapi

import (
	"math"
	"net/http"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/ventilation"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

const typeVentilation = "room-ventilation"

// addVentilation adds the routes that tell how the air in a room was changed.
func (a *API) addVentilation(service roomair.Service) {
	a.addPeriods(Base+"/rooms/{id}/ventilation", func(w http.ResponseWriter, r *http.Request, period func(*time.Location) airquality.Period) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Unpaged: true})
		if err != nil {
			return err
		}
		v := a.newView(r)
		defer v.free()
		v.query, v.detail = q, true
		now := a.now()
		told, err := inTurn(r, a.charts, func() (roomair.Ventilation, error) {
			return service.Ventilation(r.Context(), v.caller, id, period, now)
		})
		if err != nil {
			return err
		}
		resource, err := showVentilation(v, id, &told, now)
		if err != nil {
			return err
		}
		return a.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
	})
}

// What documents have of ventilation.
type (
	flowInfo struct {
		PerHour            float64  `json:"per_hour"`
		Low                float64  `json:"low_per_hour"`
		High               float64  `json:"high_per_hour"`
		Count              int      `json:"rate_count"`
		M3PerHour          *float64 `json:"m3_per_hour"`
		M3PerHourPerPerson *float64 `json:"m3_per_hour_per_person"`
	}
	airingInfo struct {
		From    int64   `json:"from_timestamp_s"`
		To      int64   `json:"to_timestamp_s"`
		FromPPM float64 `json:"from_co2_ppm"`
		ToPPM   float64 `json:"to_co2_ppm"`
		PerHour float64 `json:"per_hour"`
	}
	decayInfo struct {
		Kind ventilation.Kind `json:"kind"`
		airingInfo
		Low    float64 `json:"low_per_hour"`
		High   float64 `json:"high_per_hour"`
		Points int     `json:"reading_count"`
	}
	airedDayInfo struct {
		Date      string   `json:"date"`
		MeasuredS int64    `json:"measured_s"`
		Airings   int      `json:"airing_count"`
		Latest    *int64   `json:"latest_airing_timestamp_s"`
		MaxPPM    *float64 `json:"max_co2_ppm"`
	}
	rebreathedInfo struct {
		From    int64   `json:"from_timestamp_s"`
		To      int64   `json:"to_timestamp_s"`
		MeanPPM float64 `json:"mean_co2_ppm"`
		Percent float64 `json:"rebreathed_percent"`
		// OneIn is missing where nothing is rebreathed.
		OneIn *int64 `json:"one_breath_in"`
	}
)

func showVentilation(v *view, room int64, told *roomair.Ventilation, now time.Time) (jsonapi.Resource, error) {
	var list attributes
	known := func(value float64, places int) jsonapi.Value {
		if value == 0 {
			return jsonapi.Null()
		}
		return jsonapi.Raw(string(appendFloat(nil, rounded(value, places))))
	}
	list.add("background_ppm", known(told.BackgroundPPM, 0))
	list.add("volume_m3", known(told.VolumeM3, 1))
	list.add("people", known(float64(told.People), 0))
	list.add("airing_count", jsonapi.Int(len(told.Airings)))
	list.add("airing_drop_ppm", jsonapi.Int(ventilation.DropPPM))
	list.add("halving_s", known(told.Halving.Seconds(), 0))
	list.json("closed_windows", showFlow(told.Closed))
	list.json("airing", showFlow(told.Airing))
	list.json("worst_hour", showRebreathed(told.WorstHour))
	if told.Member {
		list.json("occupied", showRebreathed(told.Occupied))
	}
	list.json("days", showAiredDays(told.Days))
	airings := make([]airingInfo, len(told.Airings))
	for i, o := range told.Airings {
		airings[i] = airingInfo{o.From.Unix(), o.To.Unix(), rounded(o.FromPPM, 0), rounded(o.ToPPM, 0), rounded(o.PerHour, 2)}
	}
	list.json("airings", airings)
	rates := make([]decayInfo, len(told.Decays))
	for i, d := range told.Decays {
		rates[i] = decayInfo{
			d.Kind,
			airingInfo{d.From.Unix(), d.To.Unix(), rounded(d.FromPPM, 0), rounded(d.ToPPM, 0), rounded(d.PerHour, 2)},
			rounded(d.Low, 2), rounded(d.High, 2), d.Points,
		}
	}
	list.json("rates", rates)
	abstained := map[ventilation.Why]int{}
	for _, one := range told.Abstained {
		abstained[one.Why]++
	}
	list.json("abstained", abstained)
	list.add("from_timestamp_s", jsonapi.Int(told.Period.From.Unix()))
	list.add("to_timestamp_s", jsonapi.Int(told.Period.To.Unix()))
	list.add("query_timestamp_s", jsonapi.Int(now.Unix()))
	list.add("time_zone", jsonapi.String(told.Period.From.Location().String()))
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeVentilation, ID: formatInt64(room)},
		Attributes: list.list,
		Self:       v.url("rooms", formatInt64(room)),
	}, list.err
}

// rounded is a value to so many decimal places.
func rounded(value float64, places int) float64 {
	unit := math.Pow10(places)
	return math.Round(value*unit) / unit
}

func showFlow(f *roomair.Flow) *flowInfo {
	if f == nil {
		return nil
	}
	info := flowInfo{PerHour: rounded(f.PerHour, 2), Low: rounded(f.Low, 2), High: rounded(f.High, 2), Count: f.Count}
	for _, one := range []struct{ from, to **float64 }{{&f.M3PerHour, &info.M3PerHour}, {&f.M3PerHourPerPerson, &info.M3PerHourPerPerson}} {
		if *one.from != nil {
			value := rounded(**one.from, 1)
			*one.to = &value
		}
	}
	return &info
}

func showRebreathed(r *roomair.Rebreathed) *rebreathedInfo {
	if r == nil {
		return nil
	}
	info := rebreathedInfo{From: r.From.Unix(), To: r.To.Unix(), MeanPPM: rounded(r.MeanPPM, 0), Percent: rounded(100*r.Fraction, 2)}
	if info.Percent > 0 {
		oneIn := int64(math.Round(1 / r.Fraction))
		info.OneIn = &oneIn
	}
	return &info
}

func showAiredDays(days []roomair.AiredDay) []airedDayInfo {
	infos := make([]airedDayInfo, len(days))
	for i, d := range days {
		infos[i] = airedDayInfo{Date: d.Start.Format(time.DateOnly), MeasuredS: wholeSeconds(d.Known), Airings: d.Airings}
		if d.Airings > 0 {
			latest := d.Latest.Unix()
			infos[i].Latest = &latest
		}
		if d.MaxPPM > 0 {
			most := rounded(d.MaxPPM, 0)
			infos[i].MaxPPM = &most
		}
	}
	return infos
}
