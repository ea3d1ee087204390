package occupancy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// The forms in which times and weeks are written, on the wire and in the store.

// UnmarshalJSON reads {"from":"08:00","to":"14:00"}. Both have to be there: without its end
// a time would last until midnight, which nobody said.
func (h *Hours) UnmarshalJSON(text []byte) error {
	var given struct {
		From *civil.Clock `json:"from"`
		To   *civil.Clock `json:"to"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return err
	}
	if given.From == nil || given.To == nil {
		return errors.New("a time needs both from and to")
	}
	*h = Hours{*given.From, *given.To}
	return nil
}

// weekdays are the names of days in a Weekly, from Monday to Sunday.
var weekdays = [7]string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}

// dayOf returns the day of a name's place.
func dayOf(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

// MarshalJSON writes {"Mo":[{"from":"08:00","to":"14:00"}],…,"Su":[]}.
func (w *Weekly) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range weekdays {
		if i > 0 {
			b.WriteByte(',')
		}
		hours := w[dayOf(i)]
		if hours == nil {
			hours = []Hours{}
		}
		text, err := json.Marshal(hours)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", name, text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes; days may be left out. What else is in it
// is an error.
func (w *Weekly) UnmarshalJSON(text []byte) error {
	var days map[string][]Hours
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&days); err != nil {
		return err
	}
	*w = Weekly{}
	for name, hours := range days {
		i := slices.Index(weekdays[:], name)
		if i < 0 {
			return fmt.Errorf("%q is none of the days Mo to Su", name)
		}
		w[dayOf(i)] = hours
	}
	return nil
}
