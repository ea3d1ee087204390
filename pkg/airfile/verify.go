package airfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/profile"
)

// Outcome is that of a check.
type Outcome string

// The outcomes.
const (
	Matches    Outcome = "matches"
	Differs    Outcome = "differs"
	NotChecked Outcome = "not_checked"
)

// Check is one of a file's, with what was found.
type Check struct {
	// Of is signature, norm, samples or result.
	Of      string   `json:"of"`
	Outcome Outcome  `json:"outcome"`
	Details []string `json:"details"`
}

// Report is what became of a file when it was verified.
type Report struct {
	Checks []Check `json:"checks"`
}

// Differs reports whether anything does.
func (r *Report) Differs() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Outcome == Differs })
}

func (r *Report) add(of string, outcome Outcome, details ...string) {
	r.Checks = append(r.Checks, Check{of, outcome, append([]string{}, details...)})
}

// found adds a check that differs if there are details.
func (r *Report) found(of string, differences []string, agreed string) {
	if len(differences) > 0 {
		r.add(of, Differs, differences...)
		return
	}
	r.add(of, Matches, agreed)
}

// Verify checks a document: its signature by the keys, unless they are nil, and its samples
// and result by an export, unless that is nil.
func (d *Document) Verify(keys Keys, export Export) (*Report, error) {
	r := &Report{}
	if err := d.verifySignature(r, keys); err != nil {
		return nil, err
	}
	if err := d.verifyNorm(r); err != nil {
		return nil, err
	}
	if export == nil {
		r.add("samples", NotChecked, "no export was given")
		r.add("result", NotChecked, "no export was given")
		return r, nil
	}
	again, err := d.repeat(export)
	if err != nil {
		return nil, err
	}
	d.verifySamples(r, again, export)
	return r, d.verifyResult(r, again)
}

func (d *Document) verifySignature(r *Report, keys Keys) error {
	if keys == nil {
		r.add("signature", NotChecked, "no key was given")
		return nil
	}
	switch id, err := d.CheckSignature(keys); {
	case errors.Is(err, ErrUnsigned), errors.Is(err, ErrChanged):
		r.add("signature", Differs, err.Error())
	case errors.Is(err, ErrUnknownKey):
		r.add("signature", Differs, fmt.Sprintf("%v: %s", err, id))
	case err != nil:
		return err
	default:
		r.add("signature", Matches, "key "+id)
	}
	return nil
}

// verifyNorm holds the norm against the one that this program knows.
func (d *Document) verifyNorm(r *Report) error {
	own, ok := profile.Get(d.Norm.ID)
	name := fmt.Sprintf("%s, version %d", d.Norm.ID, d.Norm.Version)
	if !ok || own.Version != d.Norm.Version {
		r.add("norm", NotChecked, "this program does not have "+name+"; the result is held against the one in the file")
		return nil
	}
	c := differ{}
	if c.differs(NewNorm(&own).Judging(), d.Norm.Judging()) {
		r.add("norm", Differs, name+" is another one here")
	} else {
		r.add("norm", Matches, name)
	}
	return c.err
}

// repeat judges anew what the document is about.
func (d *Document) repeat(export Export) (*Document, error) {
	again := *d
	again.Installations = slices.Clone(d.Installations)
	if err := again.Judge(export.Read); err != nil {
		return nil, fmt.Errorf("judge again: %w", err)
	}
	return &again, nil
}

func (d *Document) verifySamples(r *Report, again *Document, export Export) {
	var found []string
	if d.Samples.SHA256 != again.Samples.SHA256 || d.Samples.Count != again.Samples.Count {
		found = append(found, fmt.Sprintf("the file has %d samples with the hash %s, the export %d with %s",
			d.Samples.Count, d.Samples.SHA256, again.Samples.Count, again.Samples.SHA256))
	}
	found = append(found, differentDays(d.Samples.Days, again.Samples.Days)...)
	strangers := d.strangers(export)
	for _, id := range slices.Sorted(maps.Keys(strangers)) {
		n := strangers[id]
		found = append(found, fmt.Sprintf("the export has %d samples of the period from installation %d, which the file does not have", n, id))
	}
	r.found("samples", found, fmt.Sprintf("%d samples, SHA-256 %s", d.Samples.Count, d.Samples.SHA256))
}

// strangers counts the samples of the period that are of no installation of the file.
func (d *Document) strangers(export Export) map[int64]int {
	all := map[int64]int{}
	for id, samples := range export {
		if slices.ContainsFunc(d.Installations, func(i Installation) bool { return i.ID == id }) {
			continue
		}
		for _, s := range samples {
			if s.Time >= d.Period.FromTime && s.Time < d.Period.ToTime {
				all[id]++
			}
		}
	}
	return all
}

func differentDays(file, export []SampleDay) (found []string) {
	days := map[civil.Date][2]SampleDay{}
	for n, list := range [][]SampleDay{file, export} {
		for _, one := range list {
			pair := days[one.Date]
			pair[n] = one
			days[one.Date] = pair
		}
	}
	for _, date := range slices.SortedFunc(maps.Keys(days), civil.Date.Compare) {
		switch a, b := days[date][0], days[date][1]; {
		case a.Count != b.Count:
			found = append(found, fmt.Sprintf("%s: %d samples in the file, %d in the export", date, a.Count, b.Count))
		case a.SHA256 != b.SHA256:
			found = append(found, fmt.Sprintf("%s: as many samples, but other ones", date))
		}
	}
	return found
}

func (d *Document) verifyResult(r *Report, again *Document) error {
	c := differ{days: map[civil.Date][]Subject{}}
	var found []string
	for _, f := range figures(&c, &d.Result, &again.Result) {
		found = append(found, fmt.Sprintf("%s: %s in the file, %s by the export", f.Name, orNothing(f.Before), orNothing(f.After)))
	}
	compareDays(&c, OfResult, d.Result.Days, again.Result.Days, func(one Day) civil.Date { return one.Date })
	for _, date := range slices.SortedFunc(maps.Keys(c.days), civil.Date.Compare) {
		found = append(found, fmt.Sprintf("%s: another day", date))
	}
	if c.differs(d.Result.Exceedances, again.Result.Exceedances) {
		found = append(found, fmt.Sprintf("exceedances: %d in the file, %d by the export, or others", len(d.Result.Exceedances), len(again.Result.Exceedances)))
	}
	for i := range d.Installations {
		if a, b := d.Installations[i].Sensor, again.Installations[i].Sensor; a != b {
			found = append(found, fmt.Sprintf("installation %d: %d samples every %d s in the file, %d every %d s by the export",
				d.Installations[i].ID, a.SampleCount, a.IntervalS, b.SampleCount, b.IntervalS))
		}
	}
	if len(found) == 0 && c.differs(d.Result, again.Result) {
		found = append(found, "a figure differs")
	}
	if c.err != nil {
		return c.err
	}
	level := d.Result.Level
	if level == "" {
		level = "not judged: " + string(d.Result.NotJudged)
	}
	r.found("result", found, level)
	return nil
}

func orNothing(text json.RawMessage) string {
	if text == nil {
		return "nothing"
	}
	return string(text)
}

// Window returns the time of which a file takes samples, both ends included.
func (p Period) Window() (from, to int64, err error) {
	loc, err := p.Location()
	if err != nil {
		return 0, 0, err
	}
	begin, end := airquality.Between(p.From, p.To, loc).Reach()
	return begin.Unix(), end.Unix(), nil
}
