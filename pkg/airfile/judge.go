package airfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sort"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

// Sample is what a sensor measured, as far as a verdict looks at it.
type Sample struct {
	Time   int64 // Unix seconds
	CO2PPM int
	Status measurement.Status
}

// Line appends what a sample is hashed as, which is four columns of the API's export for
// programs: the id of the installation, Unix seconds, ppm and the status, with commas between
// and a line feed behind.
func Line(dst []byte, installation int64, s Sample) []byte {
	dst = append(strconv.AppendInt(dst, installation, 10), ',')
	dst = append(strconv.AppendInt(dst, s.Time, 10), ',')
	dst = append(strconv.AppendInt(dst, int64(s.CO2PPM), 10), ',')
	return append(dst, byte(s.Status), '\n')
}

// Reader hands the samples of an installation from one time to another, both included, to
// yield, each later than the one before.
type Reader func(installation *Installation, from, to int64, yield func(Sample) error) error

// errOrder is a reader's mistake.
var errOrder = errors.New("samples are not in the order of their times")

// Judge fills in what follows from the rest of the document and the samples: of the sensors
// what they measured, the samples' hashes, and the result.
func (d *Document) Judge(read Reader) error {
	loc, err := d.Period.Location()
	if err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	p := airquality.Between(d.Period.From, d.Period.To, loc)
	readings := verdict.Read(p)
	digests := newDigests(p)
	for i := range d.Installations {
		if err := d.Installations[i].read(p, read, readings, digests); err != nil {
			return err
		}
	}
	d.Samples = digests.end()
	days := d.days()
	in := verdict.Input{OutdoorPPM: d.OutdoorPPM, Occupied: occupancy.Spans(days), KnownDays: verdict.CountKnown(days, p)}
	in.Air, in.Sensor = readings.End()
	d.Result = newResult(verdict.Judge(d.Norm.Profile(), in))
	d.Result.KnownDays = in.KnownDays
	return nil
}

// read hands what was measured by the sensor while it was there to those who want it.
func (i *Installation) read(p airquality.Period, read Reader, readings *verdict.Readings, digests *digests) error {
	begin, end := p.Reach()
	from, to := max(i.From, begin.Unix()), end.Unix()
	if i.To != nil {
		to = min(to, *i.To)
	}
	reading := readings.Sensor(i.Sensor.known())
	last := from - 1
	i.Sensor.SampleCount, i.Sensor.IntervalS = 0, 0
	if from > to {
		return nil
	}
	err := read(i, from, to, func(s Sample) error {
		if s.Time <= last || s.Time > to {
			return fmt.Errorf("installation %d at %d: %w", i.ID, s.Time, errOrder)
		}
		last = s.Time
		i.Sensor.SampleCount++
		digests.add(i.ID, s)
		// What a sensor itself calls faulty says nothing of the air.
		if s.Status != measurement.Faulty {
			reading.Add(airquality.Sample{Time: time.Unix(s.Time, 0), CO2PPM: s.CO2PPM})
		}
		return nil
	})
	i.Sensor.IntervalS = int64(reading.End() / time.Second)
	return err
}

// digests makes the hashes of samples.
type digests struct {
	all  digest
	ends []int64 // of the days
	days []digest
	zone *time.Location
	line []byte
}

type digest struct {
	sum   hash.Hash
	count int
	date  civil.Date
}

func (d *digest) add(line []byte) {
	if d.sum == nil {
		d.sum = sha256.New()
	}
	_, _ = d.sum.Write(line)
	d.count++
}

func (d *digest) text() string {
	if d.sum == nil {
		d.sum = sha256.New()
	}
	return hex.EncodeToString(d.sum.Sum(nil))
}

func newDigests(p airquality.Period) *digests {
	d := &digests{zone: p.From.Location()}
	for date := civil.DateOf(p.From); ; date = date.AddDays(1) {
		end := date.AddDays(1).In(d.zone)
		d.ends, d.days = append(d.ends, end.Unix()), append(d.days, digest{date: date})
		if !end.Before(p.To) {
			return d
		}
	}
}

func (d *digests) add(installation int64, s Sample) {
	d.line = Line(d.line[:0], installation, s)
	d.all.add(d.line)
	day := sort.Search(len(d.ends), func(i int) bool { return s.Time < d.ends[i] })
	d.days[min(day, len(d.days)-1)].add(d.line)
}

func (d *digests) end() Samples {
	all := Samples{Count: d.all.count, SHA256: d.all.text(), Days: []SampleDay{}}
	for i := range d.days {
		if one := &d.days[i]; one.count > 0 {
			all.Days = append(all.Days, SampleDay{one.date, one.count, one.text()})
		}
	}
	return all
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func newResult(v verdict.Result) Result {
	r := Result{
		Level: v.Level, NotJudged: v.NotJudged, Good: v.Good, GoodAtWorst: v.GoodAtWorst, Best: v.Best, Worst: v.Worst,
		LimitPPM: v.LimitPPM, Bounds: []Bound{}, Days: []Day{}, Exceedances: []Exceedance{},
		Fitness: Fitness{
			v.Fitness.Verdict, append([]verdict.Shortcoming{}, v.Fitness.Short...), append([]verdict.Shortcoming{}, v.Fitness.Missing...),
		},
		OccupiedS: seconds(v.Occupied.Time), MeasuredS: seconds(v.Occupied.Known), MeasuredShare: v.Occupied.KnownPercent(),
		KnownBy: append([]occupancy.How{}, v.Occupied.Hows...), UnusedDays: v.Occupied.DaysWithoutUse, StaleDays: v.StaleDays(),
		Obstacles: append([]airquality.Reason{}, v.Obstacles...),
	}
	for _, b := range v.Bounds {
		r.Bounds = append(r.Bounds, Bound{b.LevelID, b.PPM, b.Units, b.Beyond, b.BeyondPercent, b.TolerancePercent, b.Kept})
	}
	if h, ok := v.Hours.Worst(); ok {
		r.WorstHours = &Hours{h.Weekday, h.From, h.To, seconds(h.Time)}
	}
	for _, day := range v.Days {
		one := Day{Date: civil.DateOf(day.Start), OccupiedS: seconds(day.Occupied), MeasuredS: seconds(day.Known), Stale: day.Stale}
		if day.Known > 0 {
			one.MeanPPM, one.MaxPPM = &day.MeanPPM, &day.MaxPPM
		}
		r.Days = append(r.Days, one)
	}
	for _, e := range v.Exceedances {
		r.Exceedances = append(r.Exceedances, Exceedance{e.From.Unix(), e.To.Unix(), e.MeanPPM, e.MaxPPM})
	}
	return r
}
