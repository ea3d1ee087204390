package live

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	samples := []Sample{
		{NodeNo: 1, Sample: measurement.Sample{
			Time: time.Unix(1763800000, 0).UTC(), CO2PPM: 10000, Status: measurement.Measured,
			TemperatureDecicelsius: measurement.Known(-200), RelHumidityPercent: measurement.Known(100),
		}},
		{NodeNo: 1<<31 - 1, Sample: measurement.Sample{Time: time.Unix(1<<33, 0).UTC(), Status: measurement.Repeated}},
	}
	got := encode(samples, true)
	want := []byte{
		1, 1,
		0, 0, 0, 1, 0, 0, 0, 0, 0x69, 0x21, 0x73, 0xc0, 0x27, 0x10, 0xff, 0x38, 100, 3, 'M', 0,
		0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'R', 0,
	}
	if !bytes.Equal(got, want) {
		t.Errorf("encoded\n% x, want\n% x", got, want)
	}
	back, gap, err := decode(string(got))
	if diff := cmp.Diff(samples, back); diff != "" || !gap || err != nil {
		t.Errorf("gap %v, err %v, want(-) got(+):\n%s", gap, err, diff)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 1})
	f.Add([]byte{2, 0})
	f.Add(encode([]Sample{{NodeNo: 7, Sample: measurement.Sample{Time: time.Unix(1, 0), CO2PPM: 700, Status: 'E'}}}, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, gap, err := decode(string(b))
		if err != nil {
			return
		}
		again, gapAgain, err := decode(string(encode(samples, gap)))
		if diff := cmp.Diff(samples, again); diff != "" || gap != gapAgain || err != nil {
			t.Errorf("err %v, want(-) got(+):\n%s", err, diff)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"1763800000000-0", "0-0", "-", "1", "01-1", "1-1-1", "18446744073709551615-18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q became %v", s, id)
		}
	})
}
