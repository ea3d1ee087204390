package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// seriesKnown is what resources with samples know when they are asked for by id.
var seriesKnown = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"include_timeseries"}}

// seriesSpan is the span of samples that belongs to a node or installation.
type seriesSpan struct {
	nodeNo int32
	from   time.Time  // zero: all
	to     *time.Time // nil: until now
	// installation marks the span of an installation.
	installation bool
}

// decorate adds what is known of the samples: count, latest, and in details on
// request the series itself.
func (a *API) decorate(ctx context.Context, v *view, spans []seriesSpan, resources []jsonapi.Resource) error {
	now := a.now().UTC()
	from, to, err := timeRange(v.query, now)
	if err != nil {
		return err
	}
	wanted := make([]telemetry.Span, len(spans))
	for i, s := range spans {
		wanted[i] = telemetry.Span{NodeNo: s.nodeNo, From: from, To: to}
		if s.from.After(from) {
			wanted[i].From = s.from
		}
		if s.to != nil && s.to.Before(to) {
			wanted[i].To = *s.to
		}
	}
	summaries, err := a.telemetry.Summaries(ctx, wanted)
	if err != nil {
		return err
	}
	for i := range resources {
		r := &resources[i]
		add := func(name string, value jsonapi.Value) {
			r.Attributes = append(r.Attributes, jsonapi.Attribute{Name: name, Value: value})
		}
		add("sample_count", jsonapi.Int(summaries[i].Count))
		if latest := summaries[i].Latest; latest != nil {
			add("latest_sample", jsonapi.Raw(string(appendSample(nil, *latest))))
		} else if spans[i].installation {
			add("latest_sample", jsonapi.Null())
		}
		if spans[i].installation || v.detail {
			add("query_timestamp_s", jsonapi.Int(now.Unix()))
		}
		if !v.detail {
			continue
		}
		if !spans[i].installation {
			first, last := from, to
			if summaries[i].First != nil {
				first, last = *summaries[i].First, summaries[i].Latest.Time
			}
			add("from_timestamp_s", jsonapi.Int(first.Unix()))
			add("to_timestamp_s", jsonapi.Int(last.Unix()))
		}
		if truth(v.query.Extra["include_timeseries"]) {
			add("timeseries", jsonapi.Hole())
			v.series = &wanted[i]
		}
	}
	return nil
}

// timeRange returns the span that the filters ask for; both ends are included.
// It ends now when nothing else is said.
func timeRange(q jsonapi.Query, now time.Time) (from, to time.Time, err error) {
	from, to = time.Unix(0, 0).UTC(), now
	var errs jsonapi.Errors
	for _, end := range []struct {
		name string
		dst  *time.Time
	}{{"from", &from}, {"to", &to}} {
		text, given := q.Filter[end.name]
		if !given {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < -maxTime || seconds > maxTime {
			errs = append(errs, &jsonapi.Error{Status: 400, Code: "invalid", Text: "invalid_integer", Parameter: "filter[" + end.name + "]"})
			continue
		}
		*end.dst = time.Unix(max(seconds, 0), 0).UTC()
	}
	if len(errs) > 0 {
		return from, to, errs
	}
	return from, to, nil
}

// truth reads a switch: anything but nothing and the words for no.
func truth(value string) bool {
	return !slices.Contains([]string{"", "0", "false", "no", "off", "n", "f"}, strings.ToLower(value))
}

// chunk is how much of a series is gathered before it is written, in bytes. It
// bounds the memory of a request, whatever the length of its series.
const chunk = 32 << 10

// stream writes a document whose series is read while it is written.
func (a *API) stream(w http.ResponseWriter, r *http.Request, v *view, doc *jsonapi.Document) error {
	before, after := doc.Split()
	if after == nil { // the series is not among the fields that are wanted
		writeBody(w, r, http.StatusOK, before)
		return nil
	}
	header := w.Header()
	header.Set("Content-Type", Media(r.Context()))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	buffer := append(make([]byte, 0, chunk+1024), before...)
	buffer = append(buffer, '[')
	first, written := true, false
	err := a.telemetry.Samples(r.Context(), *v.series, func(s measurement.Sample) error {
		if !first {
			buffer = append(buffer, ',')
		}
		first = false
		buffer = appendSample(buffer, s)
		if len(buffer) < chunk {
			return nil
		}
		written = true
		_, err := w.Write(buffer)
		buffer = buffer[:0]
		return err
	})
	if err != nil {
		return a.broken(r, written, err)
	}
	buffer = append(buffer, ']')
	buffer = append(buffer, after...)
	if _, err := w.Write(buffer); err != nil {
		return a.broken(r, true, err)
	}
	return nil
}

// broken ends an answer that cannot be completed. When a part of it is out, the
// connection is cut: the client must not take a part for the whole.
func (a *API) broken(r *http.Request, written bool, err error) error {
	if !written {
		return err
	}
	if r.Context().Err() == nil {
		a.log.WarnContext(r.Context(), "series broken off", "err", fmt.Errorf("write series: %w", err))
	}
	panic(http.ErrAbortHandler)
}

// appendSample appends the JSON object of a sample.
func appendSample(dst []byte, s measurement.Sample) []byte {
	dst = append(dst, `{"timestamp_s":`...)
	dst = strconv.AppendInt(dst, s.Time.Unix(), 10)
	dst = append(dst, `,"co2_ppm":`...)
	dst = strconv.AppendInt(dst, int64(s.CO2PPM), 10)
	dst = append(dst, `,"temperature_celsius":`...)
	if s.TemperatureDecicelsius.Known {
		dst = append(dst, '"')
		dst = appendTenths(dst, s.TemperatureDecicelsius.Value)
		dst = append(dst, '"')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"rel_humidity_percent":`...)
	if s.RelHumidityPercent.Known {
		dst = strconv.AppendInt(dst, int64(s.RelHumidityPercent.Value), 10)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"measurement_status":"`...)
	dst = append(dst, byte(s.Status))
	return append(dst, `"}`...)
}

// appendTenths appends a number of tenths as a decimal number: -5 is -0.5.
func appendTenths(dst []byte, tenths int) []byte {
	if tenths < 0 {
		dst = append(dst, '-')
		tenths = -tenths
	}
	dst = strconv.AppendInt(dst, int64(tenths/10), 10)
	return append(dst, '.', byte('0'+tenths%10))
}
