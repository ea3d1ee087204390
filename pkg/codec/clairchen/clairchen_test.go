package clairchen_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/codectest"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	codectest.Run(t, clairchen.Decoder{}, "testdata")
}

func FuzzDecode(f *testing.F) {
	codectest.Fuzz(f, clairchen.Decoder{}, clairchen.FPort,
		nil, []byte{0}, []byte{0, 0x1B, 0xE4}, []byte{2, 0x1B, 0xE4, 0x1A, 0xE4, 0x19, 0xE3}, []byte{0x41, 1, 2, 3, 4})
}

func TestUnknownDataRate(t *testing.T) {
	t.Parallel()
	u := lorawan.Uplink{Payload: []byte{0, 0x1B, 0xE4}, DataRate: lorawan.DataRate{SpreadingFactor: 8, BandwidthKHz: 500}}
	if m, err := (clairchen.Decoder{}).Decode(&u); err == nil {
		t.Errorf("got %v, want an error: no interval is known", m)
	}
}

// The values are those of the firmware's own test.
func TestEncodeAsTheFirmware(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ co2, temperature, humidity, wantCO2, wantTemperature, wantHumidity int }{
		{10, -50, 50, 1, 0, 4},
		{15, 55, 50, 1, 6, 4},
		{400, 126, 50, 20, 13, 4},
		{415, 350, 50, 21, 31, 4},
		{5500, 0, 5, 255, 0, 0},
		{0, 0, 15, 0, 0, 1},
		{0, 0, 24, 0, 0, 1},
		{0, 0, 25, 0, 0, 2},
		{0, 0, 79, 0, 0, 7},
		{0, 0, 100, 0, 0, 7},
	} {
		got := clairchen.Encode([]measurement.Sample{{
			CO2PPM: tt.co2, TemperatureDecicelsius: measurement.Known(tt.temperature), RelHumidityPercent: measurement.Known(tt.humidity),
		}})
		want := []byte{0, byte(tt.wantCO2), byte(tt.wantTemperature<<3 | tt.wantHumidity)}
		if !bytes.Equal(got, want) {
			t.Errorf("%d ppm, %d/10 degrees, %d %%: got % x, want % x", tt.co2, tt.temperature, tt.humidity, got, want)
		}
	}
}

// What the format can express comes back as it was, at every data rate.
func TestDecodeReversesEncode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
	for index := range 7 {
		rate, _ := lorawan.EU868(index)
		schedule, ok := clairchen.ScheduleAt(rate)
		if !ok {
			t.Fatalf("no schedule for %s", rate)
		}
		var want []measurement.Sample
		for i := range schedule.Samples {
			want = append(want, measurement.Sample{
				Time:                   at.Add(time.Duration(i+1-schedule.Samples) * schedule.Interval),
				CO2PPM:                 400 + 20*i,
				TemperatureDecicelsius: measurement.Known(200 + 10*i),
				RelHumidityPercent:     measurement.Known(30 + 10*i),
				Status:                 measurement.Measured,
			})
		}
		got, err := clairchen.Decoder{}.Decode(&lorawan.Uplink{
			FPort: clairchen.FPort, Payload: clairchen.Encode(want), ReceivedAt: at, DataRate: rate,
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Samples); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rate, diff)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	u := lorawan.Uplink{
		FPort: clairchen.FPort, Payload: []byte{2, 0x1B, 0xE4, 0x1A, 0xE4, 0x19, 0xE3},
		ReceivedAt: time.Unix(1598966251, 0), DataRate: lorawan.SF9BW125,
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (clairchen.Decoder{}).Decode(&u); err != nil {
			b.Fatal(err)
		}
	}
}
