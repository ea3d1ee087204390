package airfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gowebpki/jcs"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
)

// canonical returns the canonical form of RFC 8785.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// Canonical returns what is signed: the canonical form of the document without its signature.
func (d *Document) Canonical() ([]byte, error) {
	unsigned := *d
	unsigned.Signature = ""
	return canonical(&unsigned)
}

// Text returns the document as it is kept and handed out: its canonical form, signature and all.
func (d *Document) Text() ([]byte, error) { return canonical(d) }

// Content returns the hash of what makes a version: of two documents with the same content,
// the second one says nothing new.
func (d *Document) Content() (string, error) {
	content := *d
	content.Version, content.MadeAt, content.Software, content.Instance = 0, 0, "", ""
	content.Room, content.Norm = Room{ID: d.Room.ID}, d.Norm.Judging()
	content.Changes, content.Signature = nil, ""
	content.Installations = slices.Clone(d.Installations)
	for i := range content.Installations {
		content.Installations[i].Health = nil
	}
	text, err := canonical(&content)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Kept reads a document that this instance made and keeps, to show it. It takes what it said
// then: not even days that clocks have other midnights for by now make it less so.
func Kept(text []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("kept air file: %w", err)
	}
	return &d, nil
}

// Parse reads a document. It takes what Text makes, in whatever order and indented or not, and
// nothing else: a name that it does not know could mean anything to another reader.
func Parse(text []byte) (*Document, error) {
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("air file: %w", err)
	}
	return d, nil
}

func parse(text []byte) (*Document, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", MaxBytes)
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("this is no air file, which is JSON: %w", err)
	}
	switch head.Format {
	case Format:
	case "":
		return nil, errors.New(`this is no air file, which begins with its "format"`)
	default:
		return nil, fmt.Errorf("its format is %q, and this program knows %s", head.Format, Format)
	}
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	// What was read is all that there is, letter by letter: no name twice, none left out, none
	// in other letters, no number that is rounded.
	given, err := jcs.Transform(text)
	if err != nil {
		return nil, err
	}
	read, err := d.Text()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(given, read) {
		return nil, fmt.Errorf("it has names or values that no air file has, near %q", difference(given, read))
	}
	return &d, d.check()
}

// difference returns where two texts part.
func difference(given, read []byte) []byte {
	i := 0
	for i < len(given) && i < len(read) && given[i] == read[i] {
		i++
	}
	return given[max(0, i-30):min(len(given), i+30)]
}

// maxTime is in the year 9999, until when days can be written.
const maxTime = 253_370_764_800

// check refuses what Judge could not be asked about.
func (d *Document) check() error {
	if err := d.Norm.check(); err != nil {
		return err
	}
	switch days := d.Period.From.DaysUntil(d.Period.To) + 1; {
	case d.Version < 1:
		return errors.New("its version is not one")
	case d.Period.From.Year < 2000 || days < 1 || days > MaxDays:
		return fmt.Errorf("its period is not one of 1 to %d days", MaxDays)
	case d.OutdoorPPM < 1 || d.OutdoorPPM > measurement.MaxCO2PPM:
		return errors.New("its air outdoors is none")
	}
	loc, err := d.Period.Location()
	if err != nil || d.Period.TimeZone == "" || d.Period.TimeZone == "Local" {
		return fmt.Errorf("its time zone %q is not known here", d.Period.TimeZone)
	}
	p := airquality.Between(d.Period.From, d.Period.To, loc)
	if d.Period.FromTime != p.From.Unix() || d.Period.ToTime != p.To.Unix() {
		return fmt.Errorf("its period begins or ends at another time than by the clocks of %s as they are known here", d.Period.TimeZone)
	}
	for i, one := range d.Installations {
		if i > 0 && one.ID <= d.Installations[i-1].ID {
			return errors.New("its installations are not ascending by id")
		}
	}
	return d.checkDays()
}

func (d *Document) checkDays() error {
	hows := []occupancy.How{occupancy.Timetable, occupancy.Exception, occupancy.Holiday, occupancy.Inferred}
	before := d.Period.From.AddDays(-2)
	for _, day := range d.OccupiedDays {
		if day.Date.Compare(before) <= 0 || day.Date.Compare(d.Period.To) > 0 {
			return fmt.Errorf("occupied day %s: not in the period, or not after the one before", day.Date)
		}
		before = day.Date
		if !slices.Contains(hows, day.How) {
			return fmt.Errorf("occupied day %s: %q is no way to know it", day.Date, day.How)
		}
		end := int64(0)
		for _, s := range day.Spans {
			if s.From < end || s.To <= s.From || s.To > maxTime {
				return fmt.Errorf("occupied day %s: its times are not ascending", day.Date)
			}
			end = s.To
		}
	}
	return nil
}
