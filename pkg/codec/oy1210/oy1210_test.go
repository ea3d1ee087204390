package oy1210_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/codectest"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	codectest.Run(t, oy1210.Decoder{}, "testdata")
}

func FuzzDecode(f *testing.F) {
	codectest.Fuzz(f, oy1210.Decoder{}, oy1210.FPort, nil, []byte{0x3E, 0x44, 0x1D, 0x02, 0x1B}, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
}

func TestDecodeReversesEncode(t *testing.T) {
	t.Parallel()
	at := time.Unix(1598966251, 0).UTC()
	want := []measurement.Sample{{
		Time: at, CO2PPM: 539, TemperatureDecicelsius: measurement.Known(-193), RelHumidityPercent: measurement.Known(85), Status: measurement.Measured,
	}}
	got, err := oy1210.Decoder{}.Decode(&lorawan.Uplink{FPort: oy1210.FPort, Payload: oy1210.Encode(want[0]), ReceivedAt: at})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Samples); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkDecode(b *testing.B) {
	u := lorawan.Uplink{FPort: oy1210.FPort, Payload: []byte{0x3E, 0x44, 0x1D, 0x02, 0x1B}, ReceivedAt: time.Unix(1598966251, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (oy1210.Decoder{}).Decode(&u); err != nil {
			b.Fatal(err)
		}
	}
}
