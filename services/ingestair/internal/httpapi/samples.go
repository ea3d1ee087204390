package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
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
}

// jsonAnswer has one outcome for each sample.
type jsonAnswer struct {
	Error      string          `json:"error,omitempty"`
	Outcomes   []string        `json:"outcomes"`
	Rejections []jsonRejection `json:"rejections,omitempty"`
}

type jsonRejection struct {
	Sample int    `json:"sample"`
	Reason string `json:"reason"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
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
// Instead of time_s there may be "time" in RFC 3339. The answer is 200 also when
// samples were rejected: "outcomes" tells of each. Only where all are of nodes that the
// token may not write, it is 403.
func (s *Server) samples(ctx context.Context, scope ingest.Scope, body []byte) answer {
	batch, err := parseSamples(body)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	batch.Scope = scope
	result, err := s.ingester.Store(ctx, batch)
	if err != nil {
		return s.failed(ctx, err, problem)
	}
	a := jsonAnswer{Outcomes: make([]string, len(result.Outcomes))}
	for i, o := range result.Outcomes {
		a.Outcomes[i] = strings.ToUpper(o.String())
	}
	for _, r := range result.Rejections {
		a.Rejections = append(a.Rejections, jsonRejection{
			Sample: r.Sample, Reason: strings.ToUpper(r.Fault.Code()), Field: jsonName(r.Fault.Field), Detail: r.Fault.Detail,
		})
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

// jsonName is what a field of the contract is called here.
func jsonName(field string) string {
	if field == "node_id" {
		return "node"
	}
	return field
}

func parseSamples(body []byte) (*ingest.Batch, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	// A misspelt name would silently be a value that was not measured.
	d.DisallowUnknownFields()
	var in struct {
		Samples []jsonSample `json:"samples"`
	}
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("not the JSON that is expected here: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not the JSON that is expected here: there is something after it")
	}
	if in.Samples == nil {
		return nil, errors.New(`"samples" is missing`)
	}
	b := &ingest.Batch{
		Uplinks: make([]ingest.Uplink, len(in.Samples)),
		Samples: make([]measurement.Sample, len(in.Samples)),
	}
	for i := range in.Samples {
		var err error
		if b.Samples[i], err = in.Samples[i].sample(); err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		b.Uplinks[i] = ingest.Uplink{Uplink: keeping.Uplink{NodeID: *in.Samples[i].Node}, End: i + 1}
	}
	return b, nil
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
	if j.CO2PPM == nil {
		return s, errors.New(`"co2_ppm" is missing`)
	}
	s.CO2PPM = int(*j.CO2PPM)
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
