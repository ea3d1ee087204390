package quantity_test

import (
	"bytes"
	"math"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	names := map[string]bool{}
	for i, q := range quantity.Catalogue {
		if int(q.ID) != i+1 {
			t.Errorf("%s has the number %d at place %d", q.Name, q.ID, i)
		}
		if !name.MatchString(q.Name) || len(q.Name) > 30 || names[q.Name] {
			t.Errorf("the name %q is malformed, too long, or there twice", q.Name)
		}
		names[q.Name] = true
		if q.Min >= q.Max || q.How.String() == "" || q.Decimals < 0 || q.Decimals > 3 {
			t.Errorf("%s: %+v", q.Name, q)
		}
		byID, ok := quantity.ByID(q.ID)
		byName, found := quantity.ByName(q.Name)
		if !ok || !found || byID != q || byName != q {
			t.Errorf("%s is found as %+v and %+v", q.Name, byID, byName)
		}
	}
	if _, ok := quantity.ByID(0); ok {
		t.Error("0 is a quantity")
	}
	if _, ok := quantity.ByID(quantity.ID(len(quantity.Catalogue) + 1)); ok {
		t.Error("a number behind the last one is a quantity")
	}
}

// Temperature and humidity of a node without CO2 are those of a sample.
func TestSameRangesAsSamples(t *testing.T) {
	t.Parallel()
	temperature, _ := quantity.ByID(quantity.Temperature)
	humidity, _ := quantity.ByID(quantity.RelHumidity)
	got := [...]int32{temperature.Min, temperature.Max, humidity.Min, humidity.Max}
	want := [...]int32{
		measurement.MinTemperatureDecicelsius, measurement.MaxTemperatureDecicelsius,
		measurement.MinRelHumidityPercent, measurement.MaxRelHumidityPercent,
	}
	if got != want || temperature.Decimals != 1 || humidity.Decimals != 0 {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		value  quantity.Value
		field  string // "": no rule is broken
		detail string
	}{
		{"usual", quantity.Value{Quantity: quantity.Pressure, Steps: 10132}, "", ""},
		{"lower end", quantity.Value{Quantity: quantity.ExternalTemperature, Steps: -550}, "", ""},
		{"upper end", quantity.Value{Quantity: quantity.Light, Steps: 200_000}, "", ""},
		{"below", quantity.Value{Quantity: quantity.Pressure, Steps: 2999}, "pressure_hpa", "299.9 is outside of 300.0 to 1100.0"},
		{"above", quantity.Value{Quantity: quantity.VOCIndex, Steps: 501}, "voc_index", "501 is outside of 0 to 500"},
		{"unknown", quantity.Value{Quantity: 9999, Steps: 1}, "quantity", "there is no quantity 9999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := tt.value.Check()
			if tt.field == "" {
				if v != nil {
					t.Errorf("got %v, want none", v)
				}
				return
			}
			if v == nil || v.Field != tt.field || v.Detail != tt.detail || v.Reason != reason.OutOfRange {
				t.Errorf("got %+v, want %s: %s", v, tt.field, tt.detail)
			}
		})
	}
}

func TestRound(t *testing.T) {
	t.Parallel()
	q, _ := quantity.ByID(quantity.PM2p5)
	for _, tt := range []struct {
		in   float64
		want int32
		ok   bool
	}{{12.34, 123, true}, {-0.06, -1, true}, {1e9, 0, false}, {math.NaN(), 0, false}, {math.Inf(-1), 0, false}} {
		if got, ok := q.Round(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%v: got %d, %v, want %d, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	v := func(id quantity.ID, steps int32) quantity.Value { return quantity.Value{Quantity: id, Steps: steps} }
	got := quantity.Merge([]quantity.Value{v(3, 1), v(5, 2)}, []quantity.Value{v(1, 9), v(5, 8), v(7, 7)})
	if diff := cmp.Diff([]quantity.Value{v(1, 9), v(3, 1), v(5, 2), v(7, 7)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzUnpack: bytes are refused, or are what packing their values gives again.
func FuzzUnpack(f *testing.F) {
	f.Add(quantity.AppendPacked(nil, []quantity.Value{{quantity.Temperature, -55}, {quantity.Light, 200_000}, {300, math.MinInt32}}))
	f.Add([]byte{0x80})
	f.Add([]byte{0, 0})
	f.Add([]byte{2, 2, 1, 1})
	f.Fuzz(func(t *testing.T, packed []byte) {
		values, err := quantity.Unpack(nil, packed)
		if err != nil {
			return
		}
		again, err := quantity.Unpack(nil, quantity.AppendPacked(nil, values))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, again); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, v := range values {
			if steps, ok := quantity.Find(packed, v.Quantity); !ok || steps != v.Steps {
				t.Errorf("quantity %d: got %d, %v, want %d", v.Quantity, steps, ok, v.Steps)
			}
		}
		if len(values) == 0 && !bytes.Equal(packed, nil) {
			t.Errorf("%x has no values", packed)
		}
	})
}
