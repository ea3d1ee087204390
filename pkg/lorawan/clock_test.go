package lorawan

import (
	"testing"
	"time"
)

func TestReceived(t *testing.T) {
	t.Parallel()
	network := time.Date(2026, 11, 28, 12, 0, 0, 250e6, time.UTC)
	ago := func(d time.Duration) []time.Time { return []time.Time{network.Add(-d)} }
	for _, tt := range []struct {
		name                string
		arrived, satellites []time.Time
		want                time.Duration // before the network server's time
	}{
		{"nobody else tells", nil, nil, 0},
		{"all at once", ago(100 * time.Millisecond), ago(150 * time.Millisecond), 0},
		{"a gateway that missed the leap seconds", nil, ago(18 * time.Second), 0},
		{"a gateway ahead", nil, ago(-time.Minute), 0},
		{"it waited at the gateway", ago(time.Second), ago(44 * time.Second), 44 * time.Second},
		{"it waited within the network", ago(44 * time.Second), nil, 44 * time.Second},
		{"both", ago(time.Minute), ago(time.Hour), time.Hour},
		{"over a weekend", nil, ago(71 * time.Hour), 71 * time.Hour},
		{"a gateway in 1980", nil, []time.Time{time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC)}, 0},
		{"one gateway waited, another one did not", append(ago(time.Second), ago(0)...), append(ago(time.Hour), ago(time.Second)...), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c Clocks
			for _, at := range tt.arrived {
				c.Arrived(at)
			}
			for _, at := range tt.satellites {
				c.Satellites(at)
			}
			if got := network.Sub(c.Received(network)); got != tt.want {
				t.Errorf("%v before, want %v", got, tt.want)
			}
		})
	}
}
