package measurement_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
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
		reason measurement.Reason
	}{
		{"a usual sample", func(*measurement.Sample) {}, "", ""},
		{"CO2 alone", func(s *measurement.Sample) {
			s.TemperatureDecicelsius, s.RelHumidityPercent = measurement.Reading{}, measurement.Reading{}
		}, "", ""},
		{"upper ends", func(s *measurement.Sample) {
			s.CO2PPM, s.TemperatureDecicelsius, s.RelHumidityPercent = 10000, measurement.Known(400), measurement.Known(100)
		}, "", ""},
		{"lower ends", func(s *measurement.Sample) {
			s.CO2PPM, s.TemperatureDecicelsius, s.RelHumidityPercent = 0, measurement.Known(-200), measurement.Known(0)
		}, "", ""},
		{"too much CO2", func(s *measurement.Sample) { s.CO2PPM = 10001 }, "co2_ppm", measurement.OutOfRange},
		{"too hot", func(s *measurement.Sample) { s.TemperatureDecicelsius.Value = 401 }, "temperature_decicelsius", measurement.OutOfRange},
		{"too humid", func(s *measurement.Sample) { s.RelHumidityPercent.Value = 101 }, "rel_humidity_percent", measurement.OutOfRange},
		{"five minutes ahead", func(s *measurement.Sample) { s.Time = now.Add(5 * time.Minute) }, "", ""},
		{"further ahead", func(s *measurement.Sample) { s.Time = now.Add(5*time.Minute + time.Second) }, "time_s", measurement.InFuture},
		{"from the last century", func(s *measurement.Sample) { s.Time = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC) }, "time_s", measurement.TooOld},
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
			if fault == nil || fault.Field != tt.field || fault.Reason != tt.reason {
				t.Errorf("got %+v, want %s at %s", fault, tt.reason, tt.field)
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
