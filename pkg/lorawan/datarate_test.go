package lorawan_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

func TestDataRateNames(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"SF12BW125", "SF11BW125", "SF10BW125", "SF9BW125", "SF8BW125", "SF7BW125", "SF7BW250"} {
		d, err := lorawan.ParseDataRate(name)
		if err != nil || d.String() != name {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
		if got, ok := d.EU868Index(); !ok || got != i {
			t.Errorf("%s: got index %d, %v, want %d", name, got, ok, i)
		}
		if got, ok := lorawan.EU868(i); !ok || got != d {
			t.Errorf("index %d: got %v, %v, want %s", i, got, ok, name)
		}
	}
	for _, bad := range []string{"", "SF9", "SF13BW125", "SF9BW", "SF9BW0", "BW125SF9", "SF99999BW125"} {
		if d, err := lorawan.ParseDataRate(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, d)
		}
	}
	if _, ok := lorawan.EU868(7); ok {
		t.Error("index 7 is FSK, but got a LoRa data rate")
	}
}

// The air times are those that the Clairchen documentation lists for its
// messages, to a tenth of a millisecond.
func TestAirtime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate    lorawan.DataRate
		samples int
		want    float64 // seconds
	}{
		{lorawan.SF7BW250, 2, 0.0257},
		{lorawan.SF7BW125, 2, 0.0515},
		{lorawan.SF8BW125, 2, 0.0927},
		{lorawan.SF9BW125, 3, 0.1853},
		{lorawan.SF10BW125, 5, 0.3707},
		{lorawan.SF11BW125, 4, 0.7414},
		{lorawan.SF12BW125, 5, 1.4828},
	} {
		got := tt.rate.Airtime(1 + 2*tt.samples)
		want := time.Duration(tt.want * float64(time.Second))
		if d := got - want; d.Abs() > 100*time.Microsecond {
			t.Errorf("%s, %d samples: got %v, want %v", tt.rate, tt.samples, got, want)
		}
	}
}
