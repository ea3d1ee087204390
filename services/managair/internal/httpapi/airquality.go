package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

const typeAirQuality = "room-airquality"

// addAirQuality adds the routes that tell how good the air in a room was.
func (a *API) addAirQuality(service roomair.Service) {
	const pattern = Base + "/rooms/{id}/airquality"
	answer := func(w http.ResponseWriter, r *http.Request, period func(*time.Location) airquality.Period) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Extra: []string{"include_histogram", "include_days"}, Unpaged: true})
		if err != nil {
			return err
		}
		v := a.newView(r)
		defer v.free()
		v.query, v.detail = q, true
		analysis, err := inTurn(r, a.charts, func() (*airquality.Analysis, error) { return service.Room(r.Context(), v.caller, id, period) })
		if err != nil {
			return err
		}
		resource := showAirQuality(v, id, analysis, a.now())
		return a.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
	}
	a.addPeriods(pattern, answer)
}

func showAirQuality(v *view, room int64, a *airquality.Analysis, now time.Time) jsonapi.Resource {
	awarded, broken := a.Medal()
	maximum := jsonapi.Null()
	if ppm, ok := a.MaxCO2PPM(); ok {
		maximum = jsonapi.Int(ppm)
	}
	reasons := []byte{'['}
	for i, reason := range broken {
		if i > 0 {
			reasons = append(reasons, ',')
		}
		reasons = jsonapi.AppendString(reasons, string(reason))
	}
	resource := jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeAirQuality, ID: formatInt64(room)},
		Attributes: []jsonapi.Attribute{
			{Name: "clean_air_medal", Value: jsonapi.Bool(awarded)},
			{Name: "medal_obstacles", Value: jsonapi.Raw(string(append(reasons, ']')))},
			{Name: "from_timestamp_s", Value: jsonapi.Int(a.Period.From.Unix())},
			{Name: "to_timestamp_s", Value: jsonapi.Int(a.Period.To.Unix())},
			{Name: "query_timestamp_s", Value: jsonapi.Int(now.Unix())},
			{Name: "time_zone", Value: jsonapi.String(a.Period.From.Location().String())},
			{Name: "day_count", Value: jsonapi.Int(len(a.Days))},
			{Name: "valid_day_count", Value: jsonapi.Int(a.ValidDays())},
			{Name: "yellow_day_count", Value: jsonapi.Int(a.YellowDays())},
			{Name: "sample_count", Value: jsonapi.Int(a.Samples())},
			{Name: "max_co2_ppm", Value: maximum},
		},
		// As ever, it leads to the room.
		Self: v.url("rooms", formatInt64(room)),
	}
	if truth(v.query.Extra["include_histogram"]) {
		resource.Attributes = append(resource.Attributes, jsonapi.Attribute{Name: "airq_hist", Value: jsonapi.Raw(string(appendHistogram(nil, a.Histogram())))})
	}
	if truth(v.query.Extra["include_days"]) {
		resource.Attributes = append(resource.Attributes, jsonapi.Attribute{Name: "days", Value: jsonapi.Raw(string(appendDays(nil, a.Days)))})
	}
	return resource
}

var weekdays = [...]string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}

// appendHistogram appends {"Mo":[24 means or null],..}.
func appendHistogram(dst []byte, h *airquality.Histogram) []byte {
	dst = append(dst, '{')
	for i, hours := range h {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonapi.AppendString(dst, weekdays[i])
		dst = append(dst, ":["...)
		for hour, mean := range hours {
			if hour > 0 {
				dst = append(dst, ',')
			}
			if mean.Hours == 0 {
				dst = append(dst, "null"...)
			} else {
				dst = appendFloat(dst, mean.CO2PPM)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendDays(dst []byte, days []airquality.Day) []byte {
	dst = append(dst, '[')
	for i, d := range days {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"date":"`...)
		dst = d.Start.AppendFormat(dst, time.DateOnly)
		dst = append(dst, `","valid":`...)
		dst = strconv.AppendBool(dst, d.Valid())
		dst = append(dst, `,"missing_s":`...)
		dst = strconv.AppendInt(dst, int64(d.Missing)*int64(airquality.Step/time.Second), 10)
		dst = append(dst, `,"sample_count":`...)
		dst = strconv.AppendInt(dst, int64(d.Samples), 10)
		dst = append(dst, `,"max_co2_ppm":`...)
		if d.Samples == 0 {
			dst = append(dst, "null"...)
		} else {
			dst = strconv.AppendInt(dst, int64(d.MaxCO2PPM), 10)
		}
		dst = append(dst, `,"mean_co2_ppm":`...)
		dst = appendFloat(dst, d.MeanCO2PPM)
		dst = append(dst, `,"excess_s":`...)
		dst = strconv.AppendInt(dst, int64(d.ExcessPoints)*int64(airquality.Step/time.Second), 10)
		dst = append(dst, `,"excess_score":`...)
		dst = appendFloat(dst, d.ExcessScore)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendFloat appends a number, and null for what is none.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}
