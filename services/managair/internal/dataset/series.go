package dataset

import (
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// AppendHeader appends the heading of one series as CSV for programs (RFC 4180).
func AppendHeader(dst []byte, r telemetry.Resolution) []byte {
	return appendHeader(dst, r, 0)
}

func appendHeader(dst []byte, r telemetry.Resolution, q Quantities) []byte {
	dst = append(dst, "timestamp_s"...)
	if r != telemetry.Raw {
		dst = append(dst, ",sample_count"...)
	}
	for _, name := range q.Names() {
		dst = append(append(dst, ','), name...)
		if r != telemetry.Raw {
			for _, of := range []string{"_min", "_max"} {
				dst = append(append(append(dst, ','), name...), of...)
			}
		}
	}
	if r == telemetry.Raw {
		dst = append(dst, ",measurement_status"...)
	}
	return append(dst, '\r', '\n')
}

// AppendSample appends a row of such a series. No value needs quotes; missing values are empty.
func AppendSample(dst []byte, s measurement.Sample) []byte { return appendSample(dst, s, 0) }

func appendSample(dst []byte, s measurement.Sample, q Quantities) []byte {
	dst = strconv.AppendInt(dst, s.Time.Unix(), 10)
	dst = appendValues(dst, ',', s, q, AppendTenths)
	return append(dst, ',', byte(s.Status), '\r', '\n')
}

// appendValues appends the values of a sample, a comma before each. What is not known is empty.
func appendValues(dst []byte, comma byte, s measurement.Sample, q Quantities, tenths func([]byte, int) []byte) []byte {
	if q.Has(CO2) {
		dst = appendInt(append(dst, comma), s.CO2PPM)
	}
	if q.Has(Temperature) {
		if dst = append(dst, comma); s.TemperatureDecicelsius.Known {
			dst = tenths(dst, s.TemperatureDecicelsius.Value)
		}
	}
	if q.Has(RelHumidity) {
		if dst = append(dst, comma); s.RelHumidityPercent.Known {
			dst = appendInt(dst, s.RelHumidityPercent.Value)
		}
	}
	return dst
}

// AppendBucket appends a row of such a series of buckets.
func AppendBucket(dst []byte, b telemetry.Bucket) []byte { return appendBucket(dst, b, 0) }

func appendBucket(dst []byte, b telemetry.Bucket, q Quantities) []byte {
	dst = strconv.AppendInt(dst, b.Start.Unix(), 10)
	dst = append(dst, ',')
	dst = appendInt(dst, b.CO2.N)
	return append(appendAggregates(dst, ',', b, q, AppendTenths), '\r', '\n')
}

// appendAggregates appends mean, lowest and highest of each quantity, a comma before each.
func appendAggregates(dst []byte, comma byte, b telemetry.Bucket, q Quantities, tenths func([]byte, int) []byte) []byte {
	for i, quantity := range []struct {
		aggregate telemetry.Aggregate
		number    func([]byte, int) []byte
	}{{b.CO2, appendInt}, {b.Temperature, tenths}, {b.RelHumidity, appendInt}} {
		if !q.Has(1 << i) {
			continue
		}
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
