package httpapi

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
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
	return dst
}

// csvFormat writes RFC 4180 with a header; no value needs quotes. Missing values
// are empty.
type csvFormat struct{}

func (csvFormat) header(dst []byte, r telemetry.Resolution) []byte {
	if r == telemetry.Raw {
		return append(dst, "timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\r\n"...)
	}
	return append(dst, "timestamp_s,sample_count,co2_ppm,co2_ppm_min,co2_ppm_max,"+
		"temperature_celsius,temperature_celsius_min,temperature_celsius_max,"+
		"rel_humidity_percent,rel_humidity_percent_min,rel_humidity_percent_max\r\n"...)
}

func (csvFormat) separate(dst []byte) []byte { return dst }

func (csvFormat) sample(dst []byte, s measurement.Sample) []byte {
	dst = strconv.AppendInt(dst, s.Time.Unix(), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(s.CO2PPM), 10)
	dst = append(dst, ',')
	if s.TemperatureDecicelsius.Known {
		dst = appendTenths(dst, s.TemperatureDecicelsius.Value)
	}
	dst = append(dst, ',')
	if s.RelHumidityPercent.Known {
		dst = appendInt(dst, s.RelHumidityPercent.Value)
	}
	return append(dst, ',', byte(s.Status), '\r', '\n')
}

func (csvFormat) bucket(dst []byte, b telemetry.Bucket) []byte {
	dst = strconv.AppendInt(dst, b.Start.Unix(), 10)
	dst = append(dst, ',')
	dst = appendInt(dst, b.CO2.N)
	return append(appendAggregates(dst, ',', b, appendTenths), '\r', '\n')
}

// appendAggregates appends mean, lowest and highest of each quantity, a comma before each.
func appendAggregates(dst []byte, comma byte, b telemetry.Bucket, tenths func([]byte, int) []byte) []byte {
	for _, quantity := range []struct {
		aggregate telemetry.Aggregate
		number    func([]byte, int) []byte
	}{{b.CO2, appendInt}, {b.Temperature, tenths}, {b.RelHumidity, appendInt}} {
		if quantity.aggregate.N == 0 {
			dst = append(dst, comma, comma, comma)
			continue
		}
		for _, v := range []int{quantity.aggregate.Mean(), quantity.aggregate.Min, quantity.aggregate.Max} {
			dst = quantity.number(append(dst, comma), v)
		}
	}
	return dst
}

func appendInt(dst []byte, v int) []byte { return strconv.AppendInt(dst, int64(v), 10) }

func appendReading(dst []byte, r measurement.Reading, number func([]byte, int) []byte) []byte {
	if !r.Known {
		return append(dst, "null"...)
	}
	return number(dst, r.Value)
}

func appendQuotedTenths(dst []byte, tenths int) []byte {
	return append(appendTenths(append(dst, '"'), tenths), '"')
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
