package dataset

import (
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// AppendHeader appends the heading of one series as CSV for programs (RFC 4180).
func AppendHeader(dst []byte, r telemetry.Resolution) []byte {
	if r == telemetry.Raw {
		return append(dst, "timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\r\n"...)
	}
	return append(dst, "timestamp_s,sample_count,co2_ppm,co2_ppm_min,co2_ppm_max,"+
		"temperature_celsius,temperature_celsius_min,temperature_celsius_max,"+
		"rel_humidity_percent,rel_humidity_percent_min,rel_humidity_percent_max\r\n"...)
}

// AppendSample appends a row of such a series. No value needs quotes; missing values are empty.
func AppendSample(dst []byte, s measurement.Sample) []byte {
	dst = strconv.AppendInt(dst, s.Time.Unix(), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(s.CO2PPM), 10)
	dst = append(dst, ',')
	if s.TemperatureDecicelsius.Known {
		dst = AppendTenths(dst, s.TemperatureDecicelsius.Value)
	}
	dst = append(dst, ',')
	if s.RelHumidityPercent.Known {
		dst = appendInt(dst, s.RelHumidityPercent.Value)
	}
	return append(dst, ',', byte(s.Status), '\r', '\n')
}

// AppendBucket appends a row of such a series of buckets.
func AppendBucket(dst []byte, b telemetry.Bucket) []byte {
	dst = strconv.AppendInt(dst, b.Start.Unix(), 10)
	dst = append(dst, ',')
	dst = appendInt(dst, b.CO2.N)
	return append(appendAggregates(dst, ',', b, AppendTenths), '\r', '\n')
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

// AppendTenths appends a number of tenths as a decimal number: -5 is -0.5.
func AppendTenths(dst []byte, tenths int) []byte {
	if tenths < 0 {
		dst = append(dst, '-')
		tenths = -tenths
	}
	dst = strconv.AppendInt(dst, int64(tenths/10), 10)
	return append(dst, '.', byte('0'+tenths%10))
}
