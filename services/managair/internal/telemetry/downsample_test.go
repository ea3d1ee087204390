package telemetry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

type point struct {
	t int64
	v int
}

func at(p point) (int64, int) { return p.t, p.v }

func downsample(points []point, want int) []point {
	from, to := time.Unix(points[0].t, 0), time.Unix(points[len(points)-1].t, 0)
	d := telemetry.NewDownsampler(from, to, want, at)
	for _, p := range points {
		d.Add(p)
	}
	return d.Points()
}

// saw rises and falls, a little differently each time.
func saw(n int) []point {
	points := make([]point, n)
	for i := range points {
		points[i] = point{int64(i) * 180, 400 + (i*i/7)%300}
	}
	return points
}

func TestDownsamplingLeavesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10, 100, 5000, 100_000} {
		for _, want := range []int{3, 10, 2000} {
			points := saw(n)
			got := downsample(points, want)
			if len(got) > want && len(got) > n {
				t.Errorf("%d points: %d, want at most %d", n, len(got), want)
			}
			if got[0] != points[0] || got[len(got)-1] != points[n-1] {
				t.Errorf("%d points, %d wanted: ends %v and %v are not those of the series", n, want, got[0], got[len(got)-1])
			}
			if !slices.IsSortedFunc(got, func(a, b point) int { return int(a.t - b.t) }) {
				t.Errorf("%d points, %d wanted: not in the order of time", n, want)
			}
			for i := 1; i < len(got); i++ {
				if got[i].t == got[i-1].t {
					t.Errorf("%d points, %d wanted: %v comes twice", n, want, got[i])
				}
			}
		}
	}
}

// A single peak in a year must not get lost, wherever it is.
func TestDownsamplingKeepsPeaks(t *testing.T) {
	t.Parallel()
	for _, where := range []int{1, 777, 50_000, 99_998} {
		points := saw(100_000)
		points[where].v = 9000
		if got := downsample(points, 500); !slices.Contains(got, points[where]) {
			t.Errorf("the peak at %d is lost", where)
		}
	}
}

// Vectors of lttb itself: the point that makes the largest triangle.
func TestDownsamplingPicksTheLargestTriangle(t *testing.T) {
	t.Parallel()
	points := []point{{0, 0}, {100, 1}, {200, 50}, {300, 2}, {400, 0}}
	want := []point{{0, 0}, {200, 50}, {400, 0}}
	if got := downsample(points, 3); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func FuzzDownsampling(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 200}, uint16(3))
	f.Fuzz(func(t *testing.T, data []byte, want uint16) {
		if len(data) == 0 {
			return
		}
		points := make([]point, len(data))
		now := int64(0)
		for i, b := range data {
			now += int64(b) + 1
			points[i] = point{now, int(b)}
		}
		got := downsample(points, int(want))
		if limit := min(max(int(want), telemetry.MinPoints), telemetry.MaxPoints); len(got) > limit {
			t.Errorf("%d points, want at most %d", len(got), limit)
		}
		if got[0] != points[0] || got[len(got)-1] != points[len(points)-1] {
			t.Error("the ends are lost")
		}
	})
}
