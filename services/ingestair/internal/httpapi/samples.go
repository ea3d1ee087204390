package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// jsonSample is a sample as scripts write it.
type jsonSample struct {
	Node               *uuid.UUID   `json:"node"`
	TimeS              *json.Number `json:"time_s"`
	Time               *time.Time   `json:"time"`
	CO2PPM             *int64       `json:"co2_ppm"`
	TemperatureCelsius *json.Number `json:"temperature_celsius"`
	RelHumidityPercent *json.Number `json:"rel_humidity_percent"`
	Status             string       `json:"status"`
	// Readings are values by the names of their quantities, in their units; nil is none.
	Readings map[string]*json.Number `json:"readings"`
}

// jsonAnswer has one outcome for each sample.
type jsonAnswer struct {
	Error      string          `json:"error,omitempty"`
	Outcomes   []string        `json:"outcomes"`
	Rejections []jsonRejection `json:"rejections,omitempty"`
}

// jsonRejection is why a sample, or one of its readings, was not kept.
type jsonRejection struct {
	Sample int `json:"sample"`
	// Quantity is the one of the reading; empty where it is the sample.
	Quantity string `json:"quantity,omitempty"`
	Reason   string `json:"reason"`
	Field    string `json:"field"`
	Detail   string `json:"detail"`
}

const mediaJSON = "application/json"

func problem(status int, text string) answer {
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		panic(err) // a text is always JSON
	}
	return answer{status: status, body: append(body, '\n'), media: mediaJSON}
}

// samples keeps a batch: {"samples":[{"node":"<uuid>","time_s":1764000000,
// "co2_ppm":612,"temperature_celsius":21.5,"rel_humidity_percent":40}, ..]}.
// Instead of time_s there may be "time" in RFC 3339, and beside or instead of the CO2
// "readings" of other quantities: {"pressure_hpa":1013.2}. The answer is 200 also when
// samples were rejected: "outcomes" tells of each, and "rejections" also of each reading that
// was not kept. Only where all are of nodes that the token may not write, it is 403.
func (s *Server) samples(ctx context.Context, scope ingest.Scope, body []byte) answer {
	batch, refused, err := parseSamples(body)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	batch.Scope = scope
	result, err := s.ingester.Store(ctx, batch)
	if err != nil {
		return s.failed(ctx, err, problem)
	}
	a := jsonAnswer{Outcomes: make([]string, 0, len(batch.Uplinks))}
	for i := range batch.Uplinks {
		a.tell(batch, result, i)
		for len(refused) > 0 && refused[0].Sample == i {
			a.Rejections, refused = append(a.Rejections, refused[0]), refused[1:]
		}
	}
	status := http.StatusOK
	if result.Foreign {
		status, a.Error = http.StatusForbidden, a.Rejections[0].Field+": "+a.Rejections[0].Detail
	}
	encoded, err := json.Marshal(a)
	if err != nil {
		return s.failed(ctx, err, problem)
	}
	return answer{status: status, body: append(encoded, '\n'), media: mediaJSON}
}

// tell adds what became of a sample: of its CO2, and where it has none, of its readings what is
// the best of all. Each reading that was rejected, or has another value there, is told.
func (a *jsonAnswer) tell(b *ingest.Batch, result *ingest.Result, i int) {
	first, firstReading := 0, 0
	if i > 0 {
		first, firstReading = b.Uplinks[i-1].End, b.Uplinks[i-1].ReadingsEnd
	}
	u := b.Uplinks[i]
	outcomes := result.Outcomes[first:u.End]
	if len(outcomes) == 0 {
		outcomes = result.ReadingOutcomes[firstReading:u.ReadingsEnd]
	}
	best := keeping.Rejected
	for _, o := range []keeping.Outcome{keeping.Conflict, keeping.Duplicate, keeping.Parked, keeping.Stored} {
		if slices.Contains(outcomes, o) {
			best = o
		}
	}
	a.Outcomes = append(a.Outcomes, strings.ToUpper(best.String()))
	for _, r := range rejectionsOf(result.Rejections, first, u.End) {
		a.Rejections = append(a.Rejections, rejection(i, "", r.Fault))
	}
	rejected := rejectionsOf(result.ReadingRejections, firstReading, u.ReadingsEnd)
	for at := firstReading; at < u.ReadingsEnd; at++ {
		var why *fault.Violation
		switch result.ReadingOutcomes[at] {
		case keeping.Rejected:
			why, rejected = rejected[0].Fault, rejected[1:]
		case keeping.Conflict:
			why = keeping.ReadingConflict()
		default:
			continue
		}
		q, _ := quantity.ByID(b.Readings[at].Quantity)
		a.Rejections = append(a.Rejections, rejection(i, q.Name, why))
	}
}

// rejectionsOf are those of a stretch of samples or readings.
func rejectionsOf(all []ingest.Rejection, from, to int) []ingest.Rejection {
	by := func(r ingest.Rejection, i int) int { return cmp.Compare(r.Sample, i) }
	first, _ := slices.BinarySearchFunc(all, from, by)
	end, _ := slices.BinarySearchFunc(all, to, by)
	return all[first:max(first, end)]
}

// rejection is a fault of a sample, or of its reading of a quantity.
func rejection(sample int, of string, why *fault.Violation) jsonRejection {
	return jsonRejection{Sample: sample, Quantity: of, Reason: strings.ToUpper(why.Code()), Field: jsonName(why.Field), Detail: why.Detail}
}

// jsonName is what a field of the contract is called here.
func jsonName(field string) string {
	if field == "node_id" {
		return "node"
	}
	return field
}

// parseSamples returns the batch that a body is, and the readings that cannot be part of one.
func parseSamples(body []byte) (b *ingest.Batch, refused []jsonRejection, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	// A misspelt name would silently be a value that was not measured.
	d.DisallowUnknownFields()
	var in struct {
		Samples []jsonSample `json:"samples"`
	}
	if err := d.Decode(&in); err != nil {
		return nil, nil, fmt.Errorf("not the JSON that is expected here: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("not the JSON that is expected here: there is something after it")
	}
	if in.Samples == nil {
		return nil, nil, errors.New(`"samples" is missing`)
	}
	b = &ingest.Batch{
		Uplinks: make([]ingest.Uplink, len(in.Samples)),
		Samples: make([]measurement.Sample, 0, len(in.Samples)),
	}
	for i := range in.Samples {
		bad, err := in.Samples[i].addTo(b, i)
		if err != nil {
			return nil, nil, fmt.Errorf("sample %d: %w", i, err)
		}
		refused = append(refused, bad...)
		if n := len(b.Readings) + len(refused); n > ingest.MaxReadings { // each that is refused is told
			return nil, nil, fmt.Errorf("%d readings in a request; at most %d are allowed", n, ingest.MaxReadings)
		}
	}
	return b, refused, nil
}

// addTo adds the sample and its readings to a batch. Temperature and humidity without CO2 are
// readings. refused are those that are none: they cost nothing beside them.
func (j *jsonSample) addTo(b *ingest.Batch, i int) (refused []jsonRejection, err error) {
	s, err := j.sample()
	if err != nil {
		return nil, err
	}
	all := j.readings()
	if j.CO2PPM != nil {
		b.Samples = append(b.Samples, s)
	} else if len(all) == 0 {
		return nil, errors.New(`"co2_ppm" is missing, and there are no readings`)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v, why := j.value(name, all[name])
		if why != nil {
			refused = append(refused, rejection(i, name, why))
			continue
		}
		b.Readings = append(b.Readings, quantity.Reading{Time: s.Time, Value: v})
	}
	b.Uplinks[i] = ingest.Uplink{Uplink: keeping.Uplink{NodeID: *j.Node}, End: len(b.Samples), ReadingsEnd: len(b.Readings)}
	return refused, nil
}

// readings are those that have a value.
func (j *jsonSample) readings() map[string]json.Number {
	all := make(map[string]json.Number, len(j.Readings))
	for name, n := range j.Readings {
		if n != nil {
			all[name] = *n
		}
	}
	if j.CO2PPM == nil {
		for name, n := range map[string]*json.Number{"temperature_celsius": j.TemperatureCelsius, "rel_humidity_percent": j.RelHumidityPercent} {
			if n != nil {
				all[name] = *n
			}
		}
	}
	return all
}

// value reads a reading, and says what is wrong with one that cannot be kept, nor kept aside.
func (j *jsonSample) value(name string, n json.Number) (quantity.Value, *fault.Violation) {
	wrong := func(detail string) *fault.Violation {
		return &fault.Violation{Reason: reason.OutOfRange, Field: name, Detail: detail}
	}
	q, ok := quantity.ByName(name)
	if !ok {
		return quantity.Value{}, wrong("there is no such quantity")
	}
	if j.CO2PPM != nil && (q.ID == quantity.Temperature || q.ID == quantity.RelHumidity) {
		return quantity.Value{}, wrong("beside CO2 it belongs to the sample, not among its readings")
	}
	v, err := n.Float64()
	steps, fits := q.Round(v)
	if err != nil || !fits {
		return quantity.Value{}, wrong("this is no number that can be kept")
	}
	return quantity.Value{Quantity: q.ID, Steps: steps}, nil
}

func (j *jsonSample) sample() (measurement.Sample, error) {
	s := measurement.Sample{Status: measurement.Measured}
	if j.Node == nil {
		return s, errors.New(`"node" is missing`)
	}
	var err error
	if s.Time, err = j.time(); err != nil {
		return s, err
	}
	if j.CO2PPM != nil {
		s.CO2PPM = int(*j.CO2PPM)
	}
	if s.TemperatureDecicelsius, err = rounded("temperature_celsius", j.TemperatureCelsius, 10); err != nil {
		return s, err
	}
	if s.RelHumidityPercent, err = rounded("rel_humidity_percent", j.RelHumidityPercent, 1); err != nil {
		return s, err
	}
	if j.Status != "" {
		if len(j.Status) != 1 {
			return s, errors.New(`"status" is neither "M" nor "R" nor "E"`)
		}
		s.Status = measurement.Status(j.Status[0])
	}
	return s, nil
}

func (j *jsonSample) time() (time.Time, error) {
	switch {
	case (j.Time == nil) == (j.TimeS == nil):
		return time.Time{}, errors.New(`give either "time" or "time_s"`)
	case j.Time != nil:
		return j.Time.UTC().Truncate(time.Second), nil
	}
	seconds, err := strconv.ParseInt(j.TimeS.String(), 10, 64)
	if err != nil {
		return time.Time{}, errors.New(`"time_s" is no whole number`)
	}
	return unix(seconds), nil
}

// unix is time.Unix without its wrapping around; far times are rejected later.
func unix(seconds int64) time.Time {
	const limit = 1 << 45
	return time.Unix(min(max(seconds, -limit), limit), 0).UTC()
}

// rounded takes a number that a script may give with more digits than we keep.
func rounded(name string, n *json.Number, scale float64) (measurement.Reading, error) {
	if n == nil {
		return measurement.Reading{}, nil
	}
	v, err := n.Float64()
	// Far out of range is out of range; it only has to remain a whole number.
	const limit = 1e9
	if err != nil || math.Abs(v) > limit {
		return measurement.Reading{}, fmt.Errorf("%q is no number that can be kept", name)
	}
	return measurement.Known(int(math.Round(v * scale))), nil
}
