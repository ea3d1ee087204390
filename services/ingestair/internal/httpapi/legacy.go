package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// The predecessor took only the first; scripts in the field send the second too.
var legacyMediaTypes = mediaTypes(jsonapi.MediaType, "application/json")

// legacy keeps one sample that comes as the predecessor's forwarders send it, and
// answers as they expect: 201, also when the sample was there already. What the
// predecessor answered with 500 (implausible values) is 400; a node that is not
// registered is 202, for its samples are parked.
func (s *Server) legacy(ctx context.Context, scope ingest.Scope, body []byte) answer {
	node, sample, err := parseLegacy(body)
	if err != nil {
		return jsonAPIErrors(err)
	}
	batch := &ingest.Batch{Uplinks: []ingest.Uplink{{Uplink: keeping.Uplink{NodeID: node}, End: 1}}, Samples: []measurement.Sample{sample}, Scope: scope}
	result, err := s.ingester.Store(ctx, batch)
	if err != nil {
		return s.failed(ctx, err, legacyProblem)
	}
	status := http.StatusCreated
	switch result.Outcomes[0] {
	case keeping.Parked:
		status = http.StatusAccepted
	case keeping.Conflict:
		return jsonAPIErrors(&jsonapi.Error{
			Status: http.StatusConflict, Reason: reason.Unique, Pointer: "/data",
			Detail: "there is another sample of this node and time",
		})
	case keeping.Rejected:
		f := result.Rejections[0].Fault
		if f.Reason == reason.ForeignNode {
			return jsonAPIErrors(&jsonapi.Error{
				Status: http.StatusForbidden, Reason: reason.PermissionDenied, Detail: f.Detail, Pointer: jsonapi.RelationshipPointer("node"),
			})
		}
		return jsonAPIErrors(&jsonapi.Error{
			Status: http.StatusBadRequest, Reason: reason.Invalid, Detail: f.Detail, Pointer: jsonapi.AttributePointer(legacyName(f.Field)),
		})
	}
	doc := jsonapi.Document{One: legacyResource(node, batch.Samples[0])} // as it was judged
	return answer{status: status, body: doc.Append(nil), media: jsonapi.MediaType}
}

// legacyName is the predecessor's name of a field of the contract.
func legacyName(field string) string {
	switch field {
	case "time_s":
		return "timestamp_s"
	case "temperature_decicelsius":
		return "temperature_celsius"
	default:
		return field
	}
}

func parseLegacy(body []byte) (node uuid.UUID, s measurement.Sample, err error) {
	b, err := jsonapi.ParseBody(body, "Sample", "")
	if err != nil {
		return node, s, err
	}
	f := jsonapi.NewFields(b, true)
	var seconds, co2 int64
	var temperature *string
	var humidity *int64
	f.Int("timestamp_s", &seconds, 0, math.MaxInt64, jsonapi.Required)
	// Wider than what can be measured: a faulty sensor is no silent one, and an error code
	// must not cost the CO2 beside it.
	f.Int("co2_ppm", &co2, measurement.MinCO2PPM, math.MaxUint32, jsonapi.Required)
	f.OptDecimal("temperature_celsius", &temperature, 5, 1, -9999, 9999)
	f.OptInt("rel_humidity_percent", &humidity, math.MinInt32, math.MaxInt32)
	f.ToOne("node", "Node", jsonapi.Required, func(id string) *fault.Violation {
		if node, err = uuid.Parse(id); err != nil {
			return &fault.Violation{Reason: reason.DoesNotExist, Args: []any{id}}
		}
		return nil
	})
	if err := f.Err(); err != nil {
		return node, s, err
	}
	s = measurement.Sample{Time: unix(seconds), CO2PPM: int(co2), Status: measurement.Measured}
	if temperature != nil {
		celsius, err := strconv.ParseFloat(*temperature, 64)
		if err != nil {
			return node, s, fmt.Errorf("temperature %q: %w", *temperature, err)
		}
		s.TemperatureDecicelsius = measurement.Known(int(math.Round(celsius * 10)))
	}
	if humidity != nil {
		s.RelHumidityPercent = measurement.Known(int(*humidity))
	}
	return node, s, nil
}

func legacyResource(node uuid.UUID, s measurement.Sample) *jsonapi.Resource {
	temperature, humidity := jsonapi.Null(), jsonapi.Null()
	if s.TemperatureDecicelsius.Known {
		temperature = jsonapi.String(strconv.FormatFloat(float64(s.TemperatureDecicelsius.Value)/10, 'f', 1, 64))
	}
	if s.RelHumidityPercent.Known {
		humidity = jsonapi.Int(s.RelHumidityPercent.Value)
	}
	return &jsonapi.Resource{
		// Samples have no id of their own; this is their key.
		Identifier: jsonapi.Identifier{Type: "Sample", ID: fmt.Sprintf("%s-%d", node, s.Time.Unix())},
		Attributes: []jsonapi.Attribute{
			{Name: "timestamp_s", Value: jsonapi.Int(s.Time.Unix())},
			{Name: "co2_ppm", Value: jsonapi.Int(s.CO2PPM)},
			{Name: "temperature_celsius", Value: temperature},
			{Name: "rel_humidity_percent", Value: humidity},
			{Name: "measurement_status", Value: jsonapi.String(string(rune(s.Status)))},
		},
		Relationships: []jsonapi.Relationship{{Name: "node", Linkage: jsonapi.ToOne("Node", node.String())}},
	}
}

// legacyProblem is the answer to a request that has not come as far as its sample.
func legacyProblem(status int, text string) answer {
	why, ok := map[int]reason.Reason{
		http.StatusUnauthorized:          reason.NotAuthenticated,
		http.StatusMethodNotAllowed:      reason.MethodNotAllowed,
		http.StatusUnsupportedMediaType:  reason.UnsupportedMediaType,
		http.StatusRequestEntityTooLarge: reason.TooLarge,
		http.StatusBadRequest:            reason.ParseError,
		http.StatusTooManyRequests:       reason.Throttled,
	}[status]
	if !ok {
		why = reason.Error
	}
	return jsonAPIErrors(&jsonapi.Error{Status: status, Reason: why, Detail: text})
}

// jsonAPIErrors is the answer to a request that is wrong.
func jsonAPIErrors(err error) answer {
	list, ok := errors.AsType[jsonapi.Errors](err)
	if !ok {
		one, ok := errors.AsType[*jsonapi.Error](err)
		if !ok {
			one = &jsonapi.Error{Status: http.StatusBadRequest, Reason: reason.ParseError, Detail: err.Error()}
		}
		list = jsonapi.Errors{one}
	}
	for _, e := range list {
		e.Detail = e.In("en")
	}
	return answer{status: list.Status(), body: list.Append(nil), media: jsonapi.MediaType}
}
