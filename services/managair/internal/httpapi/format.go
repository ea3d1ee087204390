package httpapi

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// seriesFormat is how the items of a series are written.
type seriesFormat interface {
	header(dst []byte, r telemetry.Resolution) []byte
	separate(dst []byte) []byte
	sample(dst []byte, s measurement.Sample) []byte
	bucket(dst []byte, b telemetry.Bucket) []byte
}

// jsonFormat writes objects. Decimal numbers are texts, as in all documents.
type jsonFormat struct{}

func (jsonFormat) header(dst []byte, _ telemetry.Resolution) []byte { return dst }

func (jsonFormat) separate(dst []byte) []byte { return append(dst, ',') }

func (jsonFormat) sample(dst []byte, s measurement.Sample) []byte {
	dst = append(dst, `{"timestamp_s":`...)
	dst = strconv.AppendInt(dst, s.Time.Unix(), 10)
	dst = append(dst, `,"co2_ppm":`...)
	dst = strconv.AppendInt(dst, int64(s.CO2PPM), 10)
	dst = append(dst, `,"temperature_celsius":`...)
	dst = appendReading(dst, s.TemperatureDecicelsius, appendQuotedTenths)
	dst = append(dst, `,"rel_humidity_percent":`...)
	dst = appendReading(dst, s.RelHumidityPercent, appendInt)
	dst = append(dst, `,"measurement_status":"`...)
	dst = append(dst, byte(s.Status))
	return append(dst, `"}`...)
}

func (jsonFormat) bucket(dst []byte, b telemetry.Bucket) []byte {
	dst = append(dst, `{"timestamp_s":`...)
	dst = strconv.AppendInt(dst, b.Start.Unix(), 10)
	dst = append(dst, `,"sample_count":`...)
	dst = strconv.AppendInt(dst, int64(b.CO2.N), 10)
	dst = appendAggregate(dst, "co2_ppm", b.CO2, appendInt)
	dst = appendAggregate(dst, "temperature_celsius", b.Temperature, appendQuotedTenths)
	dst = appendAggregate(dst, "rel_humidity_percent", b.RelHumidity, appendInt)
	return append(dst, '}')
}

func appendAggregate(dst []byte, name string, a telemetry.Aggregate, number func([]byte, int) []byte) []byte {
	part := func(suffix string, value func() int) {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, suffix...)
		dst = append(dst, `":`...)
		if a.N == 0 {
			dst = append(dst, "null"...)
			return
		}
		dst = number(dst, value())
	}
	part("", a.Mean)
	part("_min", func() int { return a.Min })
	part("_max", func() int { return a.Max })
	if a.KnownS > 0 {
		dst = append(append(append(dst, `,"`...), name...), `_known_s":`...)
		dst = appendInt(dst, a.KnownS)
	}
	return dst
}

// csvFormat writes a series as CSV for programs.
type csvFormat struct{}

func (csvFormat) header(dst []byte, r telemetry.Resolution) []byte {
	return dataset.AppendHeader(dst, r)
}
func (csvFormat) separate(dst []byte) []byte                     { return dst }
func (csvFormat) sample(dst []byte, s measurement.Sample) []byte { return dataset.AppendSample(dst, s) }

func (csvFormat) bucket(dst []byte, b telemetry.Bucket) []byte { return dataset.AppendBucket(dst, b) }

func appendInt(dst []byte, v int) []byte { return strconv.AppendInt(dst, int64(v), 10) }

func appendReading(dst []byte, r measurement.Reading, number func([]byte, int) []byte) []byte {
	if !r.Known {
		return append(dst, "null"...)
	}
	return number(dst, r.Value)
}

func appendQuotedTenths(dst []byte, tenths int) []byte {
	return append(dataset.AppendTenths(append(dst, '"'), tenths), '"')
}

// entityTag returns the tag of a series: samples are only ever added or removed,
// so their number and the outermost times tell whether it is the same. It is a
// weak tag, because the time of the query changes without the content.
func entityTag(r *jsonapi.Resource, s *series) string {
	h := fnv.New64a()
	doc := jsonapi.Document{One: r}
	_, _ = h.Write(doc.Append(nil))
	var ends []byte
	ends = strconv.AppendInt(ends, s.span.From.Unix(), 10)
	ends = append(ends, ' ')
	ends = strconv.AppendInt(ends, s.first().Unix(), 10)
	if s.summary.Latest != nil {
		ends = append(ends, ' ')
		ends = strconv.AppendInt(ends, s.summary.Latest.Time.Unix(), 10)
	}
	ends = append(ends, ' ')
	ends = strconv.AppendInt(ends, s.summary.Count, 10)
	ends = append(ends, ' ')
	ends = strconv.AppendInt(ends, int64(s.resolution), 10)
	ends = append(ends, ' ')
	ends = strconv.AppendInt(ends, int64(s.maxPoints), 10)
	_, _ = h.Write(ends)
	return `W/"` + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// matches reports whether an If-None-Match header names the tag (RFC 9110,
// weak comparison).
func matches(header, etag string) bool {
	if header == "" {
		return false
	}
	bare := strings.TrimPrefix(etag, "W/")
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == bare {
			return true
		}
	}
	return false
}
