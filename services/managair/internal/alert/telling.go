package alert

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Kinds of messages, as package notify has them.
const (
	MessageOpened    = "alert.opened"
	MessageReminder  = "alert.reminder"
	MessageRecovered = "alert.recovered"
)

// holdSilent is how long it is waited before silence is told: a gateway that is down silences its
// sensors one after the other, and is one message.
const holdSilent = 10 * time.Minute

// Quiet is when somebody does not want to be told.
type Quiet struct {
	// From and To are minutes of the day in Zone; the same: at no time.
	From, To int
	Zone     *time.Location
	// Until is how long the rule, or the episode, is put off.
	Until time.Time
}

// QuietOf returns that of a rule.
func QuietOf(r *inventory.AlertRule) Quiet {
	q := Quiet{Zone: time.UTC}
	if zone, err := inventory.Location(r.TimeZone); err == nil {
		q.Zone = zone
	}
	if r.QuietFrom != nil && r.QuietTo != nil {
		q.From, q.To = minutes(*r.QuietFrom), minutes(*r.QuietTo)
	}
	if r.SnoozedUntil != nil {
		q.Until = *r.SnoozedUntil
	}
	return q
}

// minutes reads a time of day such as 22:00, which rules have checked.
func minutes(clock string) int {
	h, _ := strconv.Atoi(clock[:2])
	m, _ := strconv.Atoi(clock[3:])
	return 60*h + m
}

// After returns the first time from t on that is not quiet.
func (q Quiet) After(t time.Time) time.Time {
	if t.Before(q.Until) {
		t = q.Until
	}
	if q.From == q.To {
		return t
	}
	local := t.In(q.Zone)
	now := 60*local.Hour() + local.Minute()
	within := q.From <= now && now < q.To
	days := 0
	if q.From > q.To { // over midnight
		within = now >= q.From || now < q.To
		if now >= q.From {
			days = 1
		}
	}
	if !within {
		return t
	}
	year, month, day := local.Date()
	return time.Date(year, month, day+days, q.To/60, q.To%60, 0, 0, q.Zone)
}

// Hold is how long it is waited before an alert of a kind is told.
func Hold(k Kind) time.Duration {
	if k == Silent {
		return holdSilent
	}
	return 0
}

// Notice is what a message says: the data of a CloudEvent, and what texts are made of. Its form
// is promised to programs: it may only grow.
type Notice struct {
	Episode      int64    `json:"episode"`
	Rule         Named    `json:"rule"`
	Condition    Kind     `json:"condition"`
	Quantity     *string  `json:"quantity"`
	Unit         *string  `json:"unit"`
	Threshold    *float64 `json:"threshold"`
	Value        *float64 `json:"value"`
	Worst        *float64 `json:"worst"`
	Organization Named    `json:"organization"`
	Site         *Named   `json:"site"`
	Room         *Named   `json:"room"`
	Sensor       struct {
		ID   inventory.NodeID `json:"id"`
		Name string           `json:"name"`
	} `json:"sensor"`
	TimeZone string     `json:"time_zone"`
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at"`
	Reason   *string    `json:"close_reason"`
	// Times counts how often it was told that it is so, this time included.
	Times int `json:"times"`
}

// Named is a thing with its name.
type Named struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Units of quantities.
var units = map[string]string{CO2: "ppm", Temperature: "°C", Humidity: "%"}

// UnitOf returns the unit of the figures of an alert; nil: it has none.
func UnitOf(k Kind, quantity *string) *string {
	switch {
	case k == Profile:
		return new(units[CO2])
	case k == Battery:
		return new("%")
	case quantity != nil:
		return new(units[*quantity])
	default:
		return nil
	}
}

// JSON is the notice as it is kept.
func (n *Notice) JSON() (json.RawMessage, error) { return json.Marshal(n) }
