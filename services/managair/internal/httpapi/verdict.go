package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

const (
	typeVerdict        = "room-verdict"
	typeVerdictProfile = "VerdictProfile"
)

// addVerdicts adds the routes that judge the air in a room, and the one that lists the
// norms.
func (a *API) addVerdicts(service roomair.Service) {
	addJudged(a, "verdicts", judged[roomair.Judgement]{
		parameter: "profile", choices: inventory.ProfileID{}.IDs, judge: service.Verdict, show: showVerdict,
	})
	a.add(
		Route{Method: http.MethodGet, Pattern: Base + "/verdict-profiles", Audience: access.Everyone, Handler: a.listVerdictProfiles},
	)
}

// judged is what a room is held against something for, over a period: against what a parameter
// names, or else against what was chosen for the room.
type judged[T any] struct {
	parameter string
	choices   func() []string
	judge     func(ctx context.Context, caller access.Caller, room int64, period func(*time.Location) airquality.Period, by string, now time.Time) (T, error)
	show      func(v *view, room int64, told *T, now time.Time) (jsonapi.Resource, error)
}

// addJudged adds the routes of what is judged of a room.
func addJudged[T any](a *API, name string, j judged[T]) {
	a.addPeriods(Base+"/rooms/{id}/"+name, func(w http.ResponseWriter, r *http.Request, period func(*time.Location) airquality.Period) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Extra: []string{j.parameter}, Unpaged: true})
		if err != nil {
			return err
		}
		by := q.Extra[j.parameter]
		if by != "" && !slices.Contains(j.choices(), by) {
			return jsonapi.Errors{{
				Status: http.StatusBadRequest, Reason: reason.InvalidChoice, Parameter: j.parameter, Args: []any{by, strings.Join(j.choices(), ", ")},
			}}
		}
		v := a.newView(r)
		defer v.free()
		v.query, v.detail = q, true
		now := a.now()
		told, err := inTurn(r, a.charts, func() (T, error) { return j.judge(r.Context(), v.caller, id, period, by, now) })
		if err != nil {
			return err
		}
		resource, err := j.show(v, id, &told, now)
		if err != nil {
			return err
		}
		return a.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
	})
}

// addPeriods adds what is asked about the last thirty days, or about a month.
func (a *API) addPeriods(pattern string, answer func(http.ResponseWriter, *http.Request, func(*time.Location) airquality.Period) error) {
	a.add(
		Route{Method: http.MethodGet, Pattern: pattern, Audience: access.Public, Handler: func(w http.ResponseWriter, r *http.Request) error {
			return answer(w, r, func(loc *time.Location) airquality.Period { return airquality.Recent(a.now(), loc) })
		}},
		Route{Method: http.MethodGet, Pattern: pattern + "/{month}", Audience: access.Public, Handler: func(w http.ResponseWriter, r *http.Request) error {
			period, err := monthOf(r)
			if err != nil {
				return err
			}
			return answer(w, r, period)
		}},
	)
}

// monthOf reads the month in a path.
func monthOf(r *http.Request) (func(*time.Location) airquality.Period, error) {
	year, month, err := airquality.ParseMonth(r.PathValue("month"))
	if err != nil {
		return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.InvalidMonth, Args: []any{r.PathValue("month")}}}
	}
	return func(loc *time.Location) airquality.Period { return airquality.Month(year, month, loc) }, nil
}

func (a *API) listVerdictProfiles(w http.ResponseWriter, r *http.Request) error {
	q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{})
	if err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	v.query = q
	all := profile.All()
	resources := make([]jsonapi.Resource, len(all))
	for i := range all {
		p := &all[i]
		list := attributes{}
		list.json("name", p.Name)
		list.add("version", jsonapi.Int(p.Version))
		list.add("country", optText(p.Country))
		list.add("paragraph", jsonapi.String(p.Paragraph))
		list.add("paragraph_language", jsonapi.String(p.Lang))
		list.json("sources", p.Sources)
		list.json("note", p.Note)
		list.add("averaging", jsonapi.String(string(p.Averaging)))
		list.add("base", jsonapi.String(string(p.Base)))
		list.json("levels", p.Levels)
		if p.Moment != nil {
			list.json("moment", p.Moment)
		}
		list.add("scale", jsonapi.Raw(scales[p.ID]))
		if list.err != nil {
			return list.err
		}
		resources[i] = jsonapi.Resource{Identifier: jsonapi.Identifier{Type: typeVerdictProfile, ID: p.ID}, Attributes: list.list}
	}
	return a.respondFew(w, r, v, resources)
}

// attributes gathers attributes, and the first error of one that is a structure.
type attributes struct {
	list []jsonapi.Attribute
	err  error
}

func (a *attributes) add(name string, value jsonapi.Value) {
	a.list = append(a.list, jsonapi.Attribute{Name: name, Value: value})
}

func (a *attributes) json(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("attribute %s: %w", name, err)
	}
	a.add(name, jsonapi.Raw(string(text)))
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// What a verdict has in documents.
type (
	boundInfo struct {
		Level            string  `json:"level"`
		PPM              int     `json:"ppm"`
		Units            *int    `json:"unit_count,omitempty"`
		Beyond           *int    `json:"beyond_count,omitempty"`
		BeyondPercent    float64 `json:"beyond_percent"`
		TolerancePercent float64 `json:"tolerance_percent"`
		Kept             bool    `json:"kept"`
	}
	fitnessInfo struct {
		Verdict verdict.FitnessVerdict `json:"verdict"`
		Short   []verdict.Shortcoming  `json:"short"`
		Missing []verdict.Shortcoming  `json:"missing"`
	}
	hoursInfo struct {
		Weekday int    `json:"weekday"`
		From    int    `json:"from_hour"`
		To      int    `json:"to_hour"`
		StaleS  *int64 `json:"stale_s,omitempty"`
	}
	dayInfo struct {
		Date      string   `json:"date"`
		OccupiedS int64    `json:"occupied_s"`
		MeasuredS int64    `json:"measured_s"`
		MeanPPM   *float64 `json:"mean_co2_ppm"`
		MaxPPM    *float64 `json:"max_co2_ppm"`
		Stale     bool     `json:"stale"`
	}
	exceedanceInfo struct {
		From    int64   `json:"from_timestamp_s"`
		To      int64   `json:"to_timestamp_s"`
		MeanPPM float64 `json:"mean_co2_ppm"`
		MaxPPM  float64 `json:"max_co2_ppm"`
	}
)

func showVerdict(v *view, room int64, j *roomair.Judgement, now time.Time) (jsonapi.Resource, error) {
	var list attributes
	list.add("profile", jsonapi.String(j.ProfileID))
	list.add("profile_version", jsonapi.Int(j.ProfileVersion))
	list.add("level", optText(j.Level))
	list.add("not_judged", optText(string(j.NotJudged)))
	list.add("good", jsonapi.Bool(j.Good))
	list.add("clean_air_medal", jsonapi.Bool(j.Medal))
	list.add("best_level", optText(j.Best))
	list.add("worst_level", optText(j.Worst))
	limit := jsonapi.Null()
	if j.LimitPPM > 0 {
		limit = jsonapi.Int(j.LimitPPM)
	}
	list.add("limit_ppm", limit)
	bounds := []boundInfo{}
	if tellsMore(j) {
		for i := range j.Bounds {
			bounds = append(bounds, showBound(&j.Bounds[i], j.Member))
		}
	}
	list.json("bounds", bounds)
	if j.Profile.Averaging == profile.Calendar {
		list.json("medal_obstacles", append([]airquality.Reason{}, j.Obstacles...))
	}
	list.json("sensor", fitnessInfo{
		j.Fitness.Verdict, append([]verdict.Shortcoming{}, j.Fitness.Short...), append([]verdict.Shortcoming{}, j.Fitness.Missing...),
	})
	if tellsMore(j) {
		showOccupied(&list, j)
	}
	if j.Member {
		showDays(&list, j)
	}
	list.add("from_timestamp_s", jsonapi.Int(j.Period.From.Unix()))
	list.add("to_timestamp_s", jsonapi.Int(j.Period.To.Unix()))
	list.add("query_timestamp_s", jsonapi.Int(now.Unix()))
	list.add("time_zone", jsonapi.String(j.Period.From.Location().String()))
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeVerdict, ID: formatInt64(room)},
		Attributes: list.list,
		Self:       v.url("rooms", formatInt64(room)),
	}, list.err
}

// tellsMore reports whether the caller may know what a verdict rests on. Where there is none,
// the public learns why, and not when people were there.
func tellsMore(j *roomair.Judgement) bool { return j.Member || j.Judged() }

func showBound(b *verdict.Bound, member bool) boundInfo {
	info := boundInfo{
		Level: b.LevelID, PPM: b.PPM, BeyondPercent: b.BeyondPercent, TolerancePercent: b.TolerancePercent, Kept: b.Kept,
	}
	switch {
	case member:
		info.Units, info.Beyond = &b.Units, &b.Beyond
	case b.Kept: // in whole percent, on the side of the tolerance on which it is
		info.BeyondPercent = math.Floor(b.BeyondPercent)
	default:
		info.BeyondPercent = math.Ceil(b.BeyondPercent)
	}
	return info
}

// publicStep is to what the public is told hours: what one day adds to thirty is not seen.
const publicStep = 10 * time.Hour

// showOccupied tells the public no more than what the verdict rests on, roughly.
func showOccupied(list *attributes, j *roomair.Judgement) {
	occupied, measured := j.Occupied.Time, j.Occupied.Known
	if !j.Member {
		occupied = occupied.Round(publicStep)
		measured = occupied / 100 * time.Duration(math.Round(j.Occupied.KnownPercent()))
	}
	list.add("occupied_s", jsonapi.Int(wholeSeconds(occupied)))
	list.add("measured_s", jsonapi.Int(wholeSeconds(measured)))
	hows := make([]string, len(j.Occupied.Hows))
	for i, how := range j.Occupied.Hows {
		hows[i] = string(how)
	}
	list.json("occupied_known_by", hows)
	list.add("day_count", jsonapi.Int(len(j.Days)))
	list.add("stale_day_count", jsonapi.Int(j.StaleDays()))
	if j.Member {
		list.add("days_without_use", jsonapi.Int(j.Occupied.DaysWithoutUse))
	}
	var hours *hoursInfo
	if worst, ok := j.Hours.Worst(); ok {
		hours = &hoursInfo{Weekday: worst.Weekday, From: worst.From, To: worst.To}
		if j.Member {
			stale := wholeSeconds(worst.Time)
			hours.StaleS = &stale
		}
	}
	list.json("worst_hours", hours)
}

// showDays tells when people were there, which is no matter of the public.
func showDays(list *attributes, j *roomair.Judgement) {
	days := make([]dayInfo, len(j.Days))
	for i, d := range j.Days {
		days[i] = dayInfo{
			Date: d.Start.Format(time.DateOnly), OccupiedS: wholeSeconds(d.Occupied), MeasuredS: wholeSeconds(d.Known), Stale: d.Stale,
		}
		if d.Known > 0 {
			days[i].MeanPPM, days[i].MaxPPM = &d.MeanPPM, &d.MaxPPM
		}
	}
	list.json("days", days)
	exceedances := make([]exceedanceInfo, len(j.Exceedances))
	for i, e := range j.Exceedances {
		exceedances[i] = exceedanceInfo{e.From.Unix(), e.To.Unix(), e.MeanPPM, e.MaxPPM}
	}
	list.json("exceedances", exceedances)
}
