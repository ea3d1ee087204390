package airfile

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Export is what was measured, by installation, each in the order of time.
type Export map[int64][]Sample

// maxExport is how many samples an export may have: a room with a hundred sensors that
// measure every three minutes has fewer in a year.
const maxExport = 20_000_000

// columns are those of the export for programs that are read; others do not matter.
var columns = []string{"installation", "timestamp_s", "co2_ppm", "measurement_status"}

// ParseExport reads what the API exports for programs: the table of a room (CSV), or
// documents of installation-timeseries (JSON).
func ParseExport(r io.Reader) (Export, error) {
	in := bufio.NewReader(r)
	e := Export{}
	read := e.readCSV
	if first, err := peek(in); err == nil && first == '{' {
		read = e.readJSON
	}
	if err := read(in); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return e, e.sort()
}

// peek returns the first byte that is no blank.
func peek(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return b, in.UnreadByte()
		}
	}
}

// Add takes the samples of another export.
func (e Export) Add(other Export) error {
	for id, samples := range other {
		e[id] = append(e[id], samples...)
	}
	return e.sort()
}

// sort orders the samples. Of one that is there twice, as where two exports overlap, one is
// enough; two of one time that differ cannot both be true.
func (e Export) sort() error {
	for id, samples := range e {
		slices.SortStableFunc(samples, func(a, b Sample) int {
			return int(min(max(a.Time-b.Time, -1), 1))
		})
		samples = slices.Compact(samples)
		for i := 1; i < len(samples); i++ {
			if samples[i].Time == samples[i-1].Time {
				return fmt.Errorf("export: installation %d has two samples of %d that differ", id, samples[i].Time)
			}
		}
		e[id] = samples
	}
	return nil
}

func (e Export) readCSV(in io.Reader) error {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = slices.Index(header, name); at[i] < 0 {
			return fmt.Errorf("it has no column %s: it takes every sample, as in timeseries.csv of a room without resolution, for programs", name)
		}
	}
	for n := 0; ; n++ {
		row, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == maxExport:
			return fmt.Errorf("it has more than %d samples", maxExport)
		}
		id, s, err := sampleOf(row[at[0]], row[at[1]], row[at[2]], row[at[3]])
		if err != nil {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
		e[id] = append(e[id], s)
	}
}

func sampleOf(installation, at, ppm, status string) (id int64, s Sample, err error) {
	if id, err = strconv.ParseInt(installation, 10, 64); err != nil {
		return 0, s, fmt.Errorf("installation: %w", err)
	}
	if s.Time, err = strconv.ParseInt(at, 10, 64); err != nil {
		return 0, s, fmt.Errorf("timestamp_s: %w", err)
	}
	if s.CO2PPM, err = strconv.Atoi(ppm); err != nil {
		return 0, s, fmt.Errorf("co2_ppm: %w", err)
	}
	s.Status, err = statusOf(status)
	return id, s, s.check(err)
}

func statusOf(text string) (measurement.Status, error) {
	if len(text) == 1 {
		switch status := measurement.Status(text[0]); status {
		case measurement.Measured, measurement.Repeated, measurement.Faulty:
			return status, nil
		}
	}
	return 0, fmt.Errorf("measurement_status: %q is none", text)
}

// check refuses what cannot have been measured.
func (s Sample) check(err error) error {
	switch {
	case err != nil:
		return err
	case s.Time < measurement.Earliest.Unix() || s.Time > maxTime:
		return fmt.Errorf("timestamp_s: %d is no time", s.Time)
	case s.CO2PPM < measurement.MinCO2PPM || s.CO2PPM > measurement.MaxCO2PPM:
		return fmt.Errorf("co2_ppm: %d is not kept", s.CO2PPM)
	}
	return nil
}

// seriesType is the type of documents that have the samples of an installation.
const seriesType = "Installation-Timeseries"

func (e Export) readJSON(in io.Reader) error {
	decoder := json.NewDecoder(in)
	for {
		var document struct {
			Data struct {
				Type       string `json:"type"`
				ID         string `json:"id"`
				Attributes struct {
					Series []struct {
						Time   int64  `json:"timestamp_s"`
						CO2PPM int    `json:"co2_ppm"`
						Status string `json:"measurement_status"`
					} `json:"timeseries"`
				} `json:"attributes"`
			} `json:"data"`
		}
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		data := document.Data
		id, err := strconv.ParseInt(data.ID, 10, 64)
		if err != nil || data.Type != seriesType {
			return fmt.Errorf("it is none of %s, but of %q %q", seriesType, data.Type, data.ID)
		}
		for _, one := range data.Attributes.Series {
			s := Sample{Time: one.Time, CO2PPM: one.CO2PPM}
			s.Status, err = statusOf(one.Status)
			if err := s.check(err); err != nil {
				return fmt.Errorf("installation %d: %w", id, err)
			}
			e[id] = append(e[id], s)
		}
	}
}

// Read is a Reader of the export.
func (e Export) Read(installation *Installation, from, to int64, yield func(Sample) error) error {
	samples := e[installation.ID]
	at, _ := slices.BinarySearchFunc(samples, from, func(s Sample, t int64) int { return int(min(max(s.Time-t, -1), 1)) })
	for _, s := range samples[at:] {
		if s.Time > to {
			return nil
		}
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}
