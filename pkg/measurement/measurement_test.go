package measurement_test

import (
	"math"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := measurement.Sample{
		Time: now, CO2PPM: 650, Status: measurement.Measured,
		TemperatureDecicelsius: measurement.Known(215), RelHumidityPercent: measurement.Known(45),
	}
	for _, tt := range []struct {
		name   string
		change func(*measurement.Sample)
		field  string // "": plausible
		why    reason.Reason
	}{
		{"a usual sample", func(*measurement.Sample) {}, "", reason.Reason{}},
		{"CO2 alone", func(s *measurement.Sample) {
			s.TemperatureDecicelsius, s.RelHumidityPercent = measurement.Reading{}, measurement.Reading{}
		}, "", reason.Reason{}},
		{"more CO2 than sensors measure, which costs the verdict only", func(s *measurement.Sample) { s.CO2PPM = math.MaxUint32 }, "", reason.Reason{}},
		{"no CO2 at all", func(s *measurement.Sample) { s.CO2PPM = 0 }, "", reason.Reason{}},
		{"less than none", func(s *measurement.Sample) { s.CO2PPM = -1 }, "co2_ppm", reason.OutOfRange},
		{"too hot, which costs the temperature only", func(s *measurement.Sample) { s.TemperatureDecicelsius.Value = 32767 }, "", reason.Reason{}},
		{"too humid, which costs the humidity only", func(s *measurement.Sample) { s.RelHumidityPercent.Value = 255 }, "", reason.Reason{}},
		{"five minutes ahead", func(s *measurement.Sample) { s.Time = now.Add(5 * time.Minute) }, "", reason.Reason{}},
		{"further ahead", func(s *measurement.Sample) { s.Time = now.Add(5*time.Minute + time.Second) }, "time_s", reason.InFuture},
		{"from the last century", func(s *measurement.Sample) { s.Time = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC) }, "time_s", reason.TooOld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := good
			tt.change(&s)
			fault := s.Check(now)
			if tt.field == "" {
				if fault != nil {
					t.Errorf("got %v, want none", fault)
				}
				return
			}
			if fault == nil || fault.Field != tt.field || fault.Reason != tt.why {
				t.Errorf("got %+v, want %s at %s", fault, tt.why.Code(), tt.field)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const m, r, e = measurement.Measured, measurement.Repeated, measurement.Faulty
	sample := func(co2, temperature, humidity int, status measurement.Status) measurement.Sample {
		return measurement.Sample{CO2PPM: co2, TemperatureDecicelsius: measurement.Known(temperature), RelHumidityPercent: measurement.Known(humidity), Status: status}
	}
	for _, tt := range []struct {
		name string
		in   measurement.Sample
		want measurement.Sample
		of   measurement.Quantities
	}{
		{"a usual sample", sample(650, 215, 45, m), sample(650, 215, 45, m), 0},
		{"a hot window sill", sample(1000, 450, 10, m), sample(1000, 450, 10, m), 0},
		{"upper ends", sample(10000, 850, 100, r), sample(10000, 850, 100, r), 0},
		{"lower ends", sample(300, -400, 0, m), sample(300, -400, 0, m), 0},
		{
			"humidity is an error code", sample(1000, 226, 255, m),
			measurement.Sample{CO2PPM: 1000, TemperatureDecicelsius: measurement.Known(226), Status: m},
			measurement.RelHumidity,
		},
		{
			"both side values are out of range", sample(1000, 851, -1, m),
			measurement.Sample{CO2PPM: 1000, Status: m},
			measurement.Temperature | measurement.RelHumidity,
		},
		{"warm-up", sample(0, 226, 41, m), sample(0, 226, 41, e), measurement.CO2},
		{"less than any air has", sample(299, 226, 41, r), sample(299, 226, 41, e), measurement.CO2},
		{"more than sensors measure", sample(10001, 226, 41, m), sample(10001, 226, 41, e), measurement.CO2},
		{"the most that can be kept", sample(32767, 226, 41, m), sample(32767, 226, 41, e), measurement.CO2},
		{"a code of 16 bits", sample(65535, 226, 41, r), sample(32767, 226, 41, e), measurement.CO2},
		{"the sensor says so itself", sample(800, 226, 41, e), sample(800, 226, 41, e), 0},
		{"CO2 alone", measurement.Sample{CO2PPM: 650, Status: m}, measurement.Sample{CO2PPM: 650, Status: m}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.in
			if of := got.Judge(); got != tt.want || of != tt.of {
				t.Errorf("got %+v, %b, want %+v, %b", got, of, tt.want, tt.of)
			}
			if of := got.Judge(); got != tt.want || of&^measurement.CO2 != 0 {
				t.Errorf("judged again: got %+v, %b, want %+v", got, of, tt.want)
			}
		})
	}
}

// The vector was seen on the wire of the predecessor's forwarder.
func TestNodeID(t *testing.T) {
	t.Parallel()
	eui, err := lorawan.ParseEUI64("9876B600001193E0")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := measurement.NodeID("CLAIRCHEN", eui).String(), "c727b2f8-8377-d4cb-0e95-ac03200b8c93"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
