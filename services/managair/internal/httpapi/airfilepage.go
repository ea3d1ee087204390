package httpapi

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

//go:embed airfile.css
var airFileStyle string

// filePrint is the page of an air file for people, which is made to be printed.
type filePrint struct {
	Frame    web.Frame
	Title    string
	About    []string
	Sections []fileSection
}

// fileSection is a part of it.
type fileSection struct {
	Title string
	Lines []string
	Head  []string
	Rows  [][]string
	Codes []string
	// Strong: the first line is what all of it is about. Long: it may go on on the next page.
	Strong, Long bool
}

// page shows a file to people.
func (f *airFiles) page(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	file, d, err := f.read(r, v, id)
	if err != nil {
		return err
	}
	web.Headers(w.Header())
	w.Header().Set("Cache-Control", "private, no-cache")
	p := filePrinter{d: d, lang: web.LanguageOf(r), address: strings.TrimSuffix(f.api.config.PublicURL, "/")}
	return filePage(p.print(v, &file)).Render(r.Context(), w)
}

// filePrinter says in words what a file says.
type filePrinter struct {
	d    *airfile.Document
	lang string
	// address is that of the instance, as it is configured.
	address string
}

func (p *filePrinter) in(t words.Text, args ...any) string { return t.In(p.lang, args...) }

// number is a number of that many places, as the language writes it.
func (p *filePrinter) number(n float64, places int) string {
	text := strconv.FormatFloat(n, 'f', places, 64)
	if p.lang == "de" {
		return strings.Replace(text, ".", ",", 1)
	}
	return text
}

func (p *filePrinter) hours(seconds int64) string {
	hours := float64(seconds) / 3600
	if hours == math.Trunc(hours) {
		return p.number(hours, 0)
	}
	return p.number(hours, 1)
}

func (p *filePrinter) day(t time.Time) string {
	if p.lang == "de" {
		return t.Format("2.1.2006")
	}
	return t.Format("2 January 2006")
}

func (p *filePrinter) list(of map[string]words.Text, keys ...string) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = p.in(of[key])
		if !of[key].Is() {
			texts[i] = key
		}
	}
	return strings.Join(texts, ", ")
}

func keysOf[T ~string](list []T) []string {
	keys := make([]string, len(list))
	for i, one := range list {
		keys[i] = string(one)
	}
	return keys
}

func (p *filePrinter) print(v *view, f *roomair.File) filePrint {
	d := p.d
	title := p.in(words.AirFile) + ": " + d.Room.Name
	loc := p.zone()
	sections := []fileSection{p.verdict(), p.norm(), p.occupied(), p.sensors()}
	if d.Changes != nil {
		sections = append(sections, p.changes())
	}
	sections = append(sections, p.verify(v, f), p.days())
	return filePrint{
		Frame: web.Frame{
			Lang: p.lang, Title: title + " – Clair", Sheets: []string{schemaPath + "/files/airfile.css"},
			Brand: web.Link{Address: "/", Text: "Clair"},
		},
		Title: title,
		About: []string{
			d.Room.Site + " · " + d.Room.Organization,
			p.in(words.AirFilePeriod, p.day(d.Period.From.In(loc)), p.day(d.Period.To.In(loc)), d.Period.TimeZone) + " · " +
				p.in(words.AirFileMade, d.Version, p.day(time.Unix(d.MadeAt, 0).In(loc))),
		},
		Sections: sections,
	}
}

// zone is the time zone of the site, UTC when it is known no more.
func (p *filePrinter) zone() *time.Location {
	loc, err := p.d.Period.Location()
	if err != nil {
		return time.UTC
	}
	return loc
}

func (p *filePrinter) level(id string) string {
	l, ok := p.d.Norm.Profile().Level(id)
	if !ok {
		return id
	}
	return l.Name.In(p.lang)
}

func (p *filePrinter) verdict() fileSection {
	r := &p.d.Result
	s := fileSection{Title: p.in(words.AirFileVerdict), Strong: true}
	if r.NotJudged != "" {
		s.Lines = []string{p.in(words.AirFileNotJudged) + ": " + p.list(words.AirFileReasons, string(r.NotJudged))}
		return s
	}
	good := words.AirFileNotGood
	if r.Good {
		good = words.AirFileGood
	}
	s.Lines = []string{p.in(words.AirFileLevelIs, p.level(r.Level)) + " " + p.in(good)}
	if p.d.Norm.Averaging == string(profile.Calendar) {
		return s
	}
	line := p.in(words.AirFileStaleDays, r.StaleDays, len(r.Days))
	if h := r.WorstHours; h != nil {
		line += " " + p.in(words.AirFileWorst, p.in(words.OnWeekdays[((h.Weekday%7)+7)%7]), h.From, h.To)
	}
	s.Lines = append(s.Lines, line)
	if r.Best != "" && r.Worst != "" && r.Best != r.Worst {
		s.Lines = append(s.Lines, p.in(words.AirFileBest, p.level(r.Best), p.level(r.Worst)))
	}
	return s
}

func (p *filePrinter) norm() fileSection {
	n := p.d.Norm.Profile()
	s := fileSection{
		Title: p.in(words.AirFileNorm),
		Lines: []string{n.Name.In(p.lang) + ": " + n.Paragraph + " (" + p.in(words.AirFileNormVersion, n.Version) + ")"},
		Head: []string{
			p.in(words.AirFileLevel), p.in(words.AirFileBound), p.in(words.AirFileAbove), p.in(words.AirFileAllowed), p.in(words.AirFileState),
		},
	}
	// The note is no part of the file; of the same version it is about the same rule.
	if own, ok := profile.Get(n.ID); ok && own.Version == n.Version {
		s.Lines = append(s.Lines, own.Note.In(p.lang))
	}
	for _, b := range p.d.Result.Bounds {
		kept := words.AirFileBroken
		if b.Kept {
			kept = words.AirFileKept
		}
		s.Rows = append(s.Rows, []string{
			p.level(b.Level), strconv.Itoa(b.PPM), p.number(b.BeyondPercent, 1), p.number(b.TolerancePercent, 0), p.in(kept),
		})
	}
	if n.Base == profile.Outdoor {
		s.Lines = append(s.Lines, p.in(words.AirFileBeyondOut, p.d.OutdoorPPM))
	}
	return s
}

func (p *filePrinter) occupied() fileSection {
	r := &p.d.Result
	s := fileSection{Title: p.in(words.AirFileOccupied)}
	s.Lines = []string{p.in(words.AirFileOccupiedTime, p.hours(r.OccupiedS), len(r.Days))}
	if len(r.KnownBy) > 0 {
		s.Lines[0] += " " + p.in(words.AirFileKnownBy, p.list(words.AirFileHows, keysOf(r.KnownBy)...))
	}
	s.Lines = append(s.Lines, p.in(words.AirFileCoverage, p.hours(r.MeasuredS), p.number(r.MeasuredShare, 1)))
	if r.UnusedDays > 0 {
		s.Lines = append(s.Lines, p.in(words.AirFileUnused, r.UnusedDays))
	}
	return s
}

func (p *filePrinter) sensors() fileSection {
	fit := &p.d.Result.Fitness
	s := fileSection{
		Title: p.in(words.AirFileSensor),
		Head:  []string{p.in(words.AirFileSensor), p.in(words.AirFileInterval), p.in(words.AirFileCompared)},
	}
	switch fit.Verdict {
	case verdict.Fit:
		s.Lines = []string{p.in(words.AirFileFit)}
	case verdict.Unfit:
		s.Lines = []string{p.in(words.AirFileUnfit, p.list(words.AirFileShort, keysOf(fit.Short)...))}
	case verdict.Unknown:
		s.Lines = []string{p.in(words.AirFileFitUnknown, p.list(words.AirFileShort, keysOf(fit.Missing)...))}
	}
	for i := range p.d.Installations {
		one := &p.d.Installations[i]
		s.Rows = append(s.Rows, []string{
			p.in(words.AirFileSensorOf, one.ID, one.Node), p.in(words.AirFileIntervalOf, one.Sensor.SampleCount, one.Sensor.IntervalS), p.health(one.Health),
		})
	}
	return s
}

// health is what is known of the health of a sensor: the nightly comparison, and its last
// calibration.
func (p *filePrinter) health(h *airfile.Health) string {
	text := p.compared(h)
	if h != nil && h.JudgedAt != nil && h.Suspected {
		text += "; " + p.in(words.AirFileSuspected)
	}
	if h != nil && len(h.Calibrations) > 0 {
		text += "; " + p.in(words.AirFileCalibrated, p.day(time.Unix(h.Calibrations[len(h.Calibrations)-1].At, 0).In(p.zone())))
	}
	return text
}

func (p *filePrinter) compared(h *airfile.Health) string {
	switch {
	case h == nil || h.JudgedAt == nil:
		return p.in(words.AirFileHealthNone)
	case h.Offset != nil:
		return p.in(words.AirFileHealthOffset, p.number(h.Offset.Value, 0), p.number(h.Offset.PlusMinus, 0))
	default:
		return p.in(words.AirFileHealthSilent)
	}
}

func (p *filePrinter) changes() fileSection {
	c := p.d.Changes
	s := fileSection{
		Title: p.in(words.AirFileChanged, c.Since), Lines: []string{p.list(words.AirFileSubjects, keysOf(c.Of)...)}, Long: true,
	}
	for _, one := range c.Days {
		s.Rows = append(s.Rows, []string{p.day(one.Date.In(time.UTC)), p.list(words.AirFileSubjects, keysOf(one.Of)...)})
	}
	return s
}

func (p *filePrinter) verify(v *view, f *roomair.File) fileSection {
	id := formatInt64(f.ID)
	fetch := "curl --fail "
	if f.PublishedAt == nil {
		fetch += `-H "Authorization: Bearer $TOKEN" `
	}
	return fileSection{
		Title: p.in(words.AirFileVerify),
		Lines: []string{p.in(words.AirFileVerifyHow)},
		Codes: []string{
			p.in(words.AirFileHash) + ": " + p.d.Samples.SHA256,
			fetch + "-o file.json " + fileURL(v, "air-files", id, "document.json"),
			fmt.Sprintf("%s-o export.csv '%s'", fetch, samplesURL(v, f.Room, p.d)),
			// That of this instance: what stands in a file is no address to trust.
			"clairctl verdict verify file.json --samples export.csv --key " + cmp.Or(p.address, "https://…"),
		},
	}
}

// maxPrintedDays is how many days are printed one by one: two months.
const maxPrintedDays = 62

func (p *filePrinter) days() fileSection {
	days := p.d.Result.Days
	s := fileSection{Title: p.in(words.AirFileDays), Long: true}
	if len(days) > maxPrintedDays || len(days) == 0 {
		s.Lines = []string{p.in(words.AirFileDaysInFile, len(days))}
		return s
	}
	s.Head = []string{
		p.in(words.AirFileDate), p.in(words.AirFileOccupiedH), p.in(words.AirFileMeasuredH), p.in(words.AirFileMean), p.in(words.AirFileHighest), p.in(words.AirFileState),
	}
	ppm := func(value *float64) string {
		if value == nil {
			return "–"
		}
		return p.number(*value, 0)
	}
	for _, one := range days {
		stale := ""
		if one.Stale {
			stale = p.in(words.AirFileStale)
		}
		s.Rows = append(s.Rows, []string{
			p.day(one.Date.In(time.UTC)), p.hours(one.OccupiedS), p.hours(one.MeasuredS), ppm(one.MeanPPM), ppm(one.MaxPPM), stale,
		})
	}
	return s
}
