// Package codectest tests codecs by folders of cases: testdata/<case>/uplink.json, a
// message of The Things Stack, and beside it want.json, what the codec makes of
// it, or want.err, why it does not. With -update the wants are written anew; read
// that difference as if it were code.
package codectest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

var update = flag.Bool("update", false, "write want.json and want.err anew")

// message is the form of want.json.
type message struct {
	NodeID  string   `json:"node_id"`
	Samples []sample `json:"samples"`
	// Readings are "time_s quantity value", in the quantity's unit.
	Readings          []string `json:"readings,omitempty"`
	BatteryMillivolts *int     `json:"battery_millivolts,omitempty"`
	BatteryPercent    *int     `json:"battery_percent,omitempty"`
	Unread            string   `json:"unread,omitempty"`
}

type sample struct {
	TimeS                  int64 `json:"time_s"`
	CO2PPM                 int   `json:"co2_ppm"`
	TemperatureDecicelsius *int  `json:"temperature_decicelsius,omitempty"`
	RelHumidityPercent     *int  `json:"rel_humidity_percent,omitempty"`
}

// Run runs every case of a folder.
func Run(t *testing.T, d codec.Decoder, folder string) {
	t.Helper()
	cases, err := filepath.Glob(filepath.Join(folder, "*", "uplink.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases in %s: %v", folder, err)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			envelope, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			uplink, err := ttn.ParseUplink(envelope, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := d.Decode(&uplink)
			wantFile, otherFile, got := filepath.Join(dir, "want.json"), filepath.Join(dir, "want.err"), render(t, d, &uplink, m)
			if err != nil {
				wantFile, otherFile, got = otherFile, wantFile, err.Error()+"\n"
				if _, ok := errors.AsType[*codec.Error](err); !ok {
					t.Errorf("the error is a %T, want a *codec.Error", err)
				}
			}
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(otherFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatalf("%v; got:\n%s", err, got)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", wantFile, diff)
			}
		})
	}
}

func render(t *testing.T, d codec.Decoder, u *lorawan.Uplink, m codec.Message) string {
	t.Helper()
	w := message{
		NodeID:            measurement.NodeID(d.Protocol(), u.DevEUI).String(),
		Samples:           []sample{},
		BatteryMillivolts: optional(m.BatteryMillivolts),
		BatteryPercent:    optional(m.BatteryPercent),
	}
	if m.Unread != nil {
		w.Unread = m.Unread.Error()
	}
	for _, s := range m.Samples {
		w.Samples = append(w.Samples, sample{s.Time.Unix(), s.CO2PPM, optional(s.TemperatureDecicelsius), optional(s.RelHumidityPercent)})
	}
	for _, r := range m.Readings {
		q, ok := quantity.ByID(r.Quantity)
		if !ok {
			t.Errorf("the quantity %d is not in the catalogue", r.Quantity)
		}
		w.Readings = append(w.Readings, fmt.Sprintf("%d %s %s", r.Time.Unix(), q.Name, q.Append(nil, int(r.Steps))))
	}
	text, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func optional(r measurement.Reading) *int {
	if !r.Known {
		return nil
	}
	return &r.Value
}

// Fuzz feeds a decoder with payloads: it must not panic, must say *codec.Error when
// it fails, readings must be of the catalogue, and samples and readings must be in order of time, in whole seconds, and not after
// the reception by more than the rounding.
func Fuzz(f *testing.F, d codec.Decoder, port uint8, seeds ...[]byte) {
	f.Helper()
	for i, s := range seeds {
		f.Add(s, port, uint8(i%8), int64(1598966251_500))
	}
	f.Fuzz(func(t *testing.T, payload []byte, port, dataRateIndex uint8, receivedMS int64) {
		rate, _ := lorawan.EU868(int(dataRateIndex)) // unknown at 7 and more
		u := lorawan.Uplink{
			DevEUI: 0x9876B600001193E0, FPort: port, Payload: payload, DataRate: rate,
			ReceivedAt: time.UnixMilli(receivedMS % (1 << 42)),
		}
		m, err := d.Decode(&u)
		if err != nil {
			if _, ok := errors.AsType[*codec.Error](err); !ok {
				t.Fatalf("the error is a %T, want a *codec.Error: %v", err, err)
			}
			return
		}
		for i, s := range m.Samples {
			if i > 0 && !s.Time.After(m.Samples[i-1].Time) {
				t.Errorf("sample %d at %v is not after the one before, at %v", i, s.Time, m.Samples[i-1].Time)
			}
			if s.Time.Nanosecond() != 0 || s.Time.Sub(u.ReceivedAt) > time.Second {
				t.Errorf("sample %d at %v for an uplink received at %v", i, s.Time, u.ReceivedAt)
			}
		}
		for i, r := range m.Readings {
			if _, ok := quantity.ByID(r.Quantity); !ok || i > 0 && r.Time.Before(m.Readings[i-1].Time) {
				t.Errorf("reading %d, %+v, is not of the catalogue, or before the one before", i, r)
			}
			if r.Time.Nanosecond() != 0 || r.Time.Sub(u.ReceivedAt) > time.Second {
				t.Errorf("reading %d at %v for an uplink received at %v", i, r.Time, u.ReceivedAt)
			}
		}
	})
}
