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
			c.Server(network)
			if got := network.Sub(c.Received(network.Add(time.Second))); got != tt.want {
				t.Errorf("%v before, want %v", got, tt.want)
			}
		})
	}
}

// TestBestClock: of clocks that contradict each other the best believable one wins, and ours
// is one that may be wrong, too.
func TestBestClock(t *testing.T) {
	t.Parallel()
	here := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return here.Add(d) }
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	unset := time.Date(1970, 1, 1, 0, 5, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		servers []time.Time
		gateway time.Time
		here    time.Time
		want    time.Time
	}{
		{"both right", []time.Time{at(-2 * time.Second), at(-time.Second)}, time.Time{}, here, at(-2 * time.Second)},
		{"the first server is in 1970", []time.Time{unset, at(-time.Second)}, time.Time{}, here, at(-time.Second)},
		{"the first server is years behind", []time.Time{at(-3 * year), at(-time.Second)}, time.Time{}, here, at(-time.Second)},
		{"the first server is ten days behind", []time.Time{at(-10 * day), at(-time.Second)}, time.Time{}, here, at(-time.Second)},
		{"the first server is ahead", []time.Time{at(7 * time.Minute), at(-time.Second)}, time.Time{}, here, at(-time.Second)},
		{"the first server is far ahead", []time.Time{at(70 * year), at(-time.Second)}, time.Time{}, here, at(-time.Second)},
		{"the second server is in 1970", []time.Time{at(-time.Second), unset}, time.Time{}, here, at(-time.Second)},
		{"the second server is far ahead", []time.Time{at(-time.Second), at(70 * year)}, time.Time{}, here, at(-time.Second)},
		{"it waited between the servers", []time.Time{at(-5 * time.Hour), at(-time.Second)}, time.Time{}, here, at(-5 * time.Hour)},
		{"it waited at the broker", []time.Time{at(-20 * day), at(-20*day + time.Second)}, time.Time{}, here, at(-20 * day)},
		{"servers of one host are an hour ahead", []time.Time{at(time.Hour), at(time.Hour + time.Second)}, time.Time{}, here, at(time.Hour)},
		{"they fill the gateway's time, too", []time.Time{at(time.Hour)}, at(time.Hour - time.Second), here, at(time.Hour)},
		{"an old message: both say so", []time.Time{at(-2 * year), at(-2*year + time.Second)}, time.Time{}, here, at(-2 * year)},
		{"both are in 1970", []time.Time{unset, unset}, time.Time{}, here, here},
		{"our clock is in 1970", []time.Time{at(0), at(time.Second)}, time.Time{}, unset, at(0)},
		{"all are in 1970", []time.Time{unset, unset}, time.Time{}, unset, time.Time{}},
		{"one server, a little ahead", []time.Time{at(7 * time.Minute)}, time.Time{}, here, at(7 * time.Minute)},
		{"one server, far ahead", []time.Time{at(70 * year)}, time.Time{}, here, here},
		{"one server, from before", []time.Time{at(-2 * year)}, time.Time{}, here, at(-2 * year)},
		{"one server, in 1970", []time.Time{unset}, time.Time{}, here, here},
		{"one server, in 1970, and a gateway", []time.Time{unset}, at(-3 * time.Second), here, at(-3 * time.Second)},
		{"one server, ahead, and a gateway", []time.Time{at(7 * time.Minute)}, at(-3 * time.Second), here, at(-3 * time.Second)},
		{"one server, and a gateway in 1980", []time.Time{at(-time.Second)}, unset, here, at(-time.Second)},
		{"a gateway alone", nil, at(-time.Second), here, at(-time.Second)},
		{"a gateway alone, ahead", nil, at(7 * time.Minute), here, here},
		{"a gateway alone, years behind", nil, at(-3 * year), here, here},
		{"nobody knows when it came", []time.Time{at(-2 * year), at(-2*year + time.Second)}, time.Time{}, time.Time{}, at(-2 * year)},
		{"nobody knows when it came, and a gateway alone", nil, at(-2 * year), time.Time{}, at(-2 * year)},
		{"nobody knows when it came, one is in 1970", []time.Time{unset, at(-2 * year)}, time.Time{}, time.Time{}, at(-2 * year)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c Clocks
			for _, s := range tt.servers {
				c.Server(s)
			}
			c.Gateway(tt.gateway)
			if got := c.Received(tt.here); !got.Equal(tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestSatellitesDecide: where servers contradict our clock, satellites tell who is right.
func TestSatellitesDecide(t *testing.T) {
	t.Parallel()
	here := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return here.Add(d) }
	for _, tt := range []struct {
		name            string
		satellites      time.Time
		server          time.Duration
		want, wantAhead time.Time
	}{
		{"ours is behind", at(time.Hour - time.Second), time.Hour, at(time.Hour), at(time.Hour)},
		{"the server is ahead", at(-time.Second), time.Hour, at(-time.Second), at(time.Hour)},
		{"nobody else tells", time.Time{}, time.Hour, at(time.Hour), at(time.Hour)},
		{"a receiver in 1980", time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC), time.Hour, at(time.Hour), at(time.Hour)},
		{"a receiver that is as far ahead as nothing is", at(70 * 365 * 24 * time.Hour), time.Hour, at(time.Hour), at(time.Hour)},
		{"all agree", at(-time.Second), 0, at(0), time.Time{}},
		{"a server far ahead says nothing of ours", time.Time{}, 73 * time.Hour, here, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c Clocks
			c.Server(at(tt.server))
			c.Server(at(tt.server + time.Second))
			c.Satellites(tt.satellites)
			if got := c.Received(here); !got.Equal(tt.want) {
				t.Errorf("received: %v, want %v", got, tt.want)
			}
			if got := c.Ahead(here); !got.Equal(tt.wantAhead) {
				t.Errorf("ahead: %v, want %v", got, tt.wantAhead)
			}
		})
	}
}
