// Package airfile has the air file: one document about the air of a room over a period, with
// all that its verdict rests on, signed by the instance that made it. Whoever has the file
// and an export of the samples comes to the same verdict, bit for bit, without us.
//
// The document is JSON. What is signed, and what figures are compared by, is its canonical
// form (RFC 8785); the signature is a detached JSON Web Signature (RFC 7515, appendix F),
// Ed25519 (RFC 8037). So the file stays readable, may be indented or sorted otherwise, and
// any library of either standard can check it. Samples are not in it, but their hash is.
//
// The trap: a figure that is made from a float in another order may differ in its last bit.
// Everything here goes through Judge, also when the file is made.
//
// docs/air-quality.md has each field, and how to check a file by hand.
package airfile

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

// Format is that of documents. It grows when a field changes its meaning.
const Format = "clair-air-file/1"

const (
	// MaxDays is how many days a file may be about: a year, and the school year whose
	// holidays begin later than the last.
	MaxDays = 400
	// MaxBytes is how long a document may be.
	MaxBytes = 4 << 20
)

// Document is an air file. Times are Unix seconds.
type Document struct {
	Format string `json:"format"`
	// Version counts the documents of the same room, period and norm.
	Version int   `json:"version"`
	MadeAt  int64 `json:"made_at_s"`
	// Software is the version of the program that made it, Instance where that is found.
	Software string `json:"software_version"`
	Instance string `json:"instance"`
	Room     Room   `json:"room"`
	Period   Period `json:"period"`
	Norm     Norm   `json:"norm"`
	// OutdoorPPM is what was taken for the concentration outdoors.
	OutdoorPPM int `json:"outdoor_ppm"`
	// OccupiedDays are the days of which it is known when people were there, or that nobody
	// was; the day before the period is with them, for its night.
	OccupiedDays  []OccupiedDay  `json:"occupied_days"`
	Installations []Installation `json:"installations"` // ascending by id
	Samples       Samples        `json:"samples"`
	Result        Result         `json:"result"`
	// Changes says what is other than in the version before; null in the first.
	Changes *Changes `json:"changes"`
	// Signature is missing in what is signed.
	Signature string `json:"signature,omitempty"`
}

// Room is whose air it is.
type Room struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Site         string `json:"site"`
	Organization string `json:"organization"`
}

// Period is what the file is about: whole days by the clocks of the site.
type Period struct {
	From     civil.Date `json:"from_date"`
	To       civil.Date `json:"to_date"` // the last day of it
	TimeZone string     `json:"time_zone"`
	// FromTime and ToTime are the midnights around it.
	FromTime int64 `json:"from_timestamp_s"`
	ToTime   int64 `json:"to_timestamp_s"`
}

// OccupiedDay is when people were in the room on a day. What an exception is called is not in
// it: people write there who is ill.
type OccupiedDay struct {
	Date  civil.Date     `json:"date"`
	How   occupancy.How  `json:"how"`
	Spans []OccupiedSpan `json:"spans"`
}

// OccupiedSpan is a time in which people were there. To is no part of it.
type OccupiedSpan struct {
	From int64         `json:"from_timestamp_s"`
	To   int64         `json:"to_timestamp_s"`
	How  occupancy.How `json:"how"`
}

// Installation is a sensor in the room, as long as it was there.
type Installation struct {
	ID   int64  `json:"id"`
	Node string `json:"node"`
	// From and To are both included. Samples beyond the period count for half an hour.
	From   int64  `json:"from_timestamp_s"`
	To     *int64 `json:"to_timestamp_s"` // null: it is still there
	Sensor Sensor `json:"sensor"`
	// Health is what was known of it when the file was made; null: nothing.
	Health *Health `json:"health"`
}

// Sensor is what is known of a sensor. 0: nothing.
type Sensor struct {
	Protocol        string  `json:"protocol"`
	RangePPM        int     `json:"range_ppm"`
	ResolutionPPM   int     `json:"resolution_ppm"`
	AccuracyPPM     float64 `json:"accuracy_ppm"`
	AccuracyPercent float64 `json:"accuracy_percent"`
	// IntervalS is the usual time between its samples in the period.
	IntervalS   int64 `json:"interval_s"`
	SampleCount int   `json:"sample_count"`
}

// Health is what the nightly comparison found of a sensor, and what its owner wrote down.
type Health struct {
	JudgedAt  *int64 `json:"judged_at_s"` // null: it was not compared
	Suspected bool   `json:"suspected"`
	// Silence is why nothing is said of it, empty where something is.
	Silence      string        `json:"silence"`
	Offset       *Estimate     `json:"offset_ppm"`
	Calibrations []Calibration `json:"calibrations"`
}

// Estimate is a value with its interval of 95 %.
type Estimate struct {
	Value     float64 `json:"value"`
	PlusMinus float64 `json:"plus_minus"`
}

// Calibration is one of a sensor.
type Calibration struct {
	At     int64  `json:"performed_at_s"`
	Method string `json:"method"`
	Offset *int   `json:"offset_ppm"` // what it told above the truth before; null: not known
}

// Samples tells what was measured without telling it.
type Samples struct {
	Count int `json:"count"`
	// SHA256 is that of their lines, see Line.
	SHA256 string `json:"sha256"`
	// Days has the same for each day with a sample. What was measured in the half hours
	// around the period is of the first, or of the last day.
	Days []SampleDay `json:"days"`
}

// SampleDay is Samples of a day.
type SampleDay struct {
	Date   civil.Date `json:"date"`
	Count  int        `json:"count"`
	SHA256 string     `json:"sha256"`
}

// Result is the verdict. Names and meanings are those of the API.
type Result struct {
	Level         string              `json:"level"`      // empty: not judged
	NotJudged     verdict.Reason      `json:"not_judged"` // why, empty: it is
	Good          bool                `json:"good"`
	GoodAtWorst   bool                `json:"good_at_worst"`
	Best          string              `json:"best_level"` // empty: not known
	Worst         string              `json:"worst_level"`
	LimitPPM      int                 `json:"limit_ppm"`
	Bounds        []Bound             `json:"bounds"`
	Fitness       Fitness             `json:"sensor"`
	OccupiedS     int64               `json:"occupied_s"`
	MeasuredS     int64               `json:"measured_s"`
	MeasuredShare float64             `json:"measured_percent"`
	KnownBy       []occupancy.How     `json:"occupied_known_by"`
	KnownDays     int                 `json:"known_day_count"`
	UnusedDays    int                 `json:"days_without_use"`
	StaleDays     int                 `json:"stale_day_count"`
	WorstHours    *Hours              `json:"worst_hours"` // null: air never was above the limit
	Days          []Day               `json:"days"`        // those with occupied time
	Exceedances   []Exceedance        `json:"exceedances"`
	Obstacles     []airquality.Reason `json:"medal_obstacles"` // of the medal of 2020 only
}

// Bound is how the bound of a level was kept.
type Bound struct {
	Level            string  `json:"level"`
	PPM              int     `json:"ppm"`
	Units            int     `json:"unit_count"`
	Beyond           int     `json:"beyond_count"`
	BeyondPercent    float64 `json:"beyond_percent"`
	TolerancePercent float64 `json:"tolerance_percent"`
	Kept             bool    `json:"kept"`
}

// Fitness is whether the worst of the sensors may judge by the norm.
type Fitness struct {
	Verdict verdict.FitnessVerdict `json:"verdict"`
	Short   []verdict.Shortcoming  `json:"short"`
	Missing []verdict.Shortcoming  `json:"missing"`
}

// Hours are the hours of the week in which air was above the limit for longest.
type Hours struct {
	Weekday int   `json:"weekday"` // Monday is 0
	From    int   `json:"from_hour"`
	To      int   `json:"to_hour"`
	StaleS  int64 `json:"stale_s"`
}

// Day is a day with occupied time.
type Day struct {
	Date      civil.Date `json:"date"`
	OccupiedS int64      `json:"occupied_s"`
	MeasuredS int64      `json:"measured_s"`
	MeanPPM   *float64   `json:"mean_co2_ppm"` // null: nothing is known
	MaxPPM    *float64   `json:"max_co2_ppm"`
	Stale     bool       `json:"stale"`
}

// Exceedance is a time in which air was not good. To is no part of it.
type Exceedance struct {
	From    int64   `json:"from_timestamp_s"`
	To      int64   `json:"to_timestamp_s"`
	MeanPPM float64 `json:"mean_co2_ppm"`
	MaxPPM  float64 `json:"max_co2_ppm"`
}

// Changes are the differences from the version before.
type Changes struct {
	Since   int          `json:"since_version"`
	Of      []Subject    `json:"of"`
	Days    []ChangedDay `json:"days"`
	Figures []Figure     `json:"figures"`
}

// Subject is a part of a document.
type Subject string

// The parts that make a new version. Names of things, the version of the program and what is
// known of the health of sensors make none.
const (
	OfNorm          Subject = "norm"
	OfTimeZone      Subject = "time_zone"
	OfOccupied      Subject = "occupied_time"
	OfInstallations Subject = "installations"
	OfSamples       Subject = "samples"
	OfResult        Subject = "result"
)

// ChangedDay is a day of which something is other.
type ChangedDay struct {
	Date civil.Date `json:"date"`
	Of   []Subject  `json:"of"`
}

// Figure is one of the result's that is other.
type Figure struct {
	Name   string          `json:"name"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// Location returns the time zone.
func (p Period) Location() (*time.Location, error) { return time.LoadLocation(p.TimeZone) }

// NewPeriod returns the period of some days.
func NewPeriod(first, last civil.Date, loc *time.Location) Period {
	p := airquality.Between(first, last, loc)
	return Period{From: first, To: last, TimeZone: loc.String(), FromTime: p.From.Unix(), ToTime: p.To.Unix()}
}

// NewDays returns occupied days as files have them.
func NewDays(days []occupancy.Day) []OccupiedDay {
	all := []OccupiedDay{}
	for i := range days {
		d := &days[i]
		if !d.Known() {
			continue
		}
		spans := make([]OccupiedSpan, len(d.Spans))
		for j, s := range d.Spans {
			spans[j] = OccupiedSpan{s.From.Unix(), s.To.Unix(), s.How}
		}
		all = append(all, OccupiedDay{d.Date, d.How, spans})
	}
	return all
}

// days returns the occupied days as they are judged by.
func (d *Document) days() []occupancy.Day {
	days := make([]occupancy.Day, len(d.OccupiedDays))
	for i, o := range d.OccupiedDays {
		days[i] = occupancy.Day{Date: o.Date, How: o.How}
		for _, s := range o.Spans {
			days[i].Spans = append(days[i].Spans, occupancy.Span{
				From: time.Unix(s.From, 0).UTC(), To: time.Unix(s.To, 0).UTC(), How: s.How,
			})
		}
	}
	return days
}

// SortInstallations puts them into the order of their ids.
func (d *Document) SortInstallations() {
	slices.SortFunc(d.Installations, func(a, b Installation) int { return cmp.Compare(a.ID, b.ID) })
}

// NewSensor returns what files have of a sensor; what was measured is filled in by Judge.
func NewSensor(protocol string, s verdict.Sensor) Sensor {
	return Sensor{
		Protocol: protocol, RangePPM: s.RangePPM, ResolutionPPM: s.ResolutionPPM,
		AccuracyPPM: s.AccuracyPPM, AccuracyPercent: s.AccuracyPercent,
	}
}

func (s Sensor) known() verdict.Sensor {
	return verdict.Sensor{
		RangePPM: s.RangePPM, ResolutionPPM: s.ResolutionPPM, AccuracyPPM: s.AccuracyPPM, AccuracyPercent: s.AccuracyPercent,
	}
}
