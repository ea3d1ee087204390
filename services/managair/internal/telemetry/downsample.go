package telemetry

import "time"

// Downsampler picks from a series the points that a chart of it needs, so that
// it looks the same with a fraction of them. It is MinMaxLTTB: of each of many
// short stretches it keeps the lowest and the highest point, and from these it
// picks by Largest-Triangle-Three-Buckets. So a single peak in a year stays, and
// memory is bounded by the number of points wanted, not by those that come.
//
// S. Steinarsson, Downsampling Time Series for Visual Representation, University
// of Iceland, 2013 (LTTB). J. Van Der Donckt et al., MinMaxLTTB: Leveraging
// MinMax-Preselection to Scale LTTB Visualization, IEEE VIS 2023.
type Downsampler[P any] struct {
	want     int
	from     int64 // Unix seconds
	width    float64
	at       func(P) (unix int64, value int)
	kept     []P
	stretch  int
	low      P
	high     P
	lowV     int
	highV    int
	lowT     int64
	highT    int64
	pending  bool
	last     P
	anything bool
}

// Downsampling more finely than this helps no chart; it bounds the memory.
const (
	MinPoints = 3
	MaxPoints = 5000
)

// stretchesPerPoint makes four candidates for each point wanted, the ratio that
// the paper found to be enough.
const stretchesPerPoint = 2

// NewDownsampler returns a Downsampler for points between the two times that
// leaves at most want of them. at returns a point's place in the chart.
func NewDownsampler[P any](from, to time.Time, want int, at func(P) (unix int64, value int)) *Downsampler[P] {
	want = min(max(want, MinPoints), MaxPoints)
	seconds := float64(to.Unix()-from.Unix()) + 1
	return &Downsampler[P]{
		want: want, from: from.Unix(), at: at,
		width: max(seconds/float64(stretchesPerPoint*want), 1),
		kept:  make([]P, 0, 2*stretchesPerPoint*want+4),
	}
}

// Add takes the next point, in the order of time.
func (d *Downsampler[P]) Add(p P) {
	t, v := d.at(p)
	if !d.anything {
		// The first point is always among those picked.
		d.anything = true
		d.kept = append(d.kept, p)
	}
	d.last = p
	stretch := int(float64(t-d.from) / d.width)
	if d.pending && stretch != d.stretch {
		d.keep()
	}
	if !d.pending {
		d.pending, d.stretch = true, stretch
		d.low, d.lowV, d.lowT = p, v, t
		d.high, d.highV, d.highT = p, v, t
		return
	}
	if v < d.lowV {
		d.low, d.lowV, d.lowT = p, v, t
	}
	if v > d.highV {
		d.high, d.highV, d.highT = p, v, t
	}
}

func (d *Downsampler[P]) keep() {
	d.pending = false
	first, second := d.low, d.high
	if d.lowT > d.highT {
		first, second = second, first
	}
	for _, p := range []P{first, second} {
		if d.time(p) != d.time(d.kept[len(d.kept)-1]) {
			d.kept = append(d.kept, p)
		}
	}
}

// Points returns the points that were picked; the first and the last of the
// series are among them.
func (d *Downsampler[P]) Points() []P {
	if !d.anything {
		return nil
	}
	if d.pending {
		d.keep()
	}
	if d.time(d.kept[len(d.kept)-1]) != d.time(d.last) {
		d.kept = append(d.kept, d.last)
	}
	return lttb(d.kept, d.want, d.at)
}

func (d *Downsampler[P]) time(p P) int64 {
	t, _ := d.at(p)
	return t
}

// lttb picks want points, the first and the last among them: of each bucket the
// one that makes the largest triangle with the point picked before and the mean
// of the next bucket. It writes them over the points: a bucket has been read before
// its place is taken.
func lttb[P any](points []P, want int, at func(P) (int64, int)) []P {
	if len(points) <= want {
		return points
	}
	last := points[len(points)-1]
	picked := points[:1]
	inner := len(points) - 2
	bound := func(bucket int) int { return 1 + bucket*inner/(want-2) }
	for bucket := range want - 2 {
		start, end := bound(bucket), bound(bucket+1)
		nextEnd := len(points)
		if bucket+2 <= want-2 {
			nextEnd = bound(bucket + 2)
		}
		meanT, meanV := mean(points[end:nextEnd], at)
		beforeT, beforeV := at(picked[len(picked)-1])
		best, bestArea := start, -1.0
		for i := start; i < end; i++ {
			t, v := at(points[i])
			area := (float64(beforeT)-meanT)*(float64(v)-float64(beforeV)) - (float64(beforeT)-float64(t))*(meanV-float64(beforeV))
			if area < 0 {
				area = -area
			}
			if area > bestArea {
				best, bestArea = i, area
			}
		}
		picked = append(picked, points[best])
	}
	return append(picked, last)
}

func mean[P any](points []P, at func(P) (int64, int)) (t, v float64) {
	for _, p := range points {
		pt, pv := at(p)
		t += float64(pt)
		v += float64(pv)
	}
	n := float64(len(points))
	return t / n, v / n
}
