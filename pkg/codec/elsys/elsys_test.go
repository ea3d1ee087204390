package elsys_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/codectest"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	codectest.Run(t, elsys.Decoder{}, "testdata")
}

func TestDecodeOnAnotherPort(t *testing.T) {
	t.Parallel()
	u := lorawan.Uplink{FPort: 7, Payload: []byte{0x06, 0x01, 0xC2}}
	if m, err := (elsys.Decoder{FPort: 7}).Decode(&u); err != nil || len(m.Samples) != 1 {
		t.Errorf("got %v, %v, want one sample", m, err)
	}
}

func FuzzDecode(f *testing.F) {
	codectest.Fuzz(f, elsys.Decoder{}, elsys.FPort,
		nil, unhex(f, "06"), unhex(f, "0100E20229040027050606030807"), unhex(f, "0601C20601C30601C40601C50601C6"),
		unhex(f, "3E0F140000014615000000011F00000002"), unhex(f, "3EFF"), unhex(f, "44050027"), unhex(f, "C60102030001"))
}

// What Encode writes is read back as it was, for every number of groups.
func TestDecodeReversesEncode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)
	for n := 1; n <= elsys.MaxSamples; n++ {
		for _, climate := range []bool{true, false} {
			var want []measurement.Sample
			for i := range n {
				s := measurement.Sample{
					Time:   at.Add(-time.Duration(n-1-i) * elsys.Interval(n)),
					CO2PPM: 400 + i, Status: measurement.Measured,
				}
				if climate {
					s.TemperatureDecicelsius, s.RelHumidityPercent = measurement.Known(-15+i), measurement.Known(30+i)
				}
				want = append(want, s)
			}
			payload := elsys.Encode(want, measurement.Known(3615))
			got, err := elsys.Decoder{}.Decode(&lorawan.Uplink{FPort: elsys.FPort, Payload: payload, ReceivedAt: at})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Samples); diff != "" {
				t.Errorf("%d groups (-want +got):\n%s", n, diff)
			}
			if got.BatteryMillivolts != measurement.Known(3615) {
				t.Errorf("%d groups: got battery %v, want 3615 mV", n, got.BatteryMillivolts)
			}
		}
	}
}

// The vectors are the predecessor's; sensors in the field have these settings.
func TestSettingsDownlink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate lorawan.DataRate
		want string
	}{
		{lorawan.SF12BW125, "3e0f14000003b415000000001f00000005"},
		{lorawan.SF11BW125, "3e0f140000025115000000001f00000004"},
		{lorawan.SF10BW125, "3e0f140000016415000000001f00000003"},
		{lorawan.SF9BW125, "3e0f140000014615000000011f00000002"},
		{lorawan.SF8BW125, "3e0f140000014615000000011f00000002"},
		{lorawan.SF7BW125, "3e0f140000014615000000011f00000002"},
	} {
		s, ok := elsys.SettingsAt(tt.rate)
		if got := hex.EncodeToString(s.Downlink()); !ok || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.rate, got, ok, tt.want)
		}
		if s.SamplePeriod != elsys.Interval(int(s.SendPeriod)) {
			t.Errorf("%s: a message of %d samples is read with interval %v, but the sensor is told %v",
				tt.rate, s.SendPeriod, elsys.Interval(int(s.SendPeriod)), s.SamplePeriod)
		}
	}
	if s, ok := elsys.SettingsAt(lorawan.SF7BW250); ok {
		t.Errorf("SF7BW250: got %v, want none", s)
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkDecode(b *testing.B) {
	u := lorawan.Uplink{
		FPort: elsys.FPort, ReceivedAt: time.Unix(1598966251, 0), DataRate: lorawan.SF10BW125,
		Payload: unhex(b, "0100CD02500603FA0100CE02600603FF0100CE02600603FF"),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (elsys.Decoder{}).Decode(&u); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNFC(t *testing.T) {
	t.Parallel()
	got := elsys.NFC(0x70B3D57ED0000000, [16]byte{0xAB, 15: 0xCD})
	const want = `AppEui:70b3d57ed0000000
Ota:true
Ack:false
AppKey:AB0000000000000000000000000000CD
SplPer:356
Co2Per:1
TempPer:0
SendPer:3
VddPer:0
QSize:5
QOffset:false
QPurge:true`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
