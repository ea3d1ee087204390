package alert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

var _ notify.Writer = Write

// Write makes the text of an alert, for people.
func Write(kind string, data json.RawMessage, language string) (notify.Notice, error) {
	var n Notice
	if err := json.Unmarshal(data, &n); err != nil {
		return notify.Notice{}, fmt.Errorf("read an alert: %w", err)
	}
	where := n.Sensor.Name
	if n.Room != nil {
		where = n.Room.Name
		if n.Site != nil {
			where += " (" + n.Site.Name + ")"
		}
	}
	title, said := words.AlertOpened, words.AlertSays[string(n.Condition)]
	switch kind {
	case MessageReminder:
		title = words.AlertStill
	case MessageRecovered:
		title, said = words.AlertOver, words.AlertWasOver
	}
	zone := inventory.LocationOrUTC(n.TimeZone)
	closed := ""
	if n.ClosedAt != nil {
		closed = when(*n.ClosedAt, zone, language)
	}
	quantity, unit := "", n.Unit
	if n.Condition == Swing && n.Quantity != nil && *n.Quantity == Humidity {
		unit = new(words.AlertPoints.In(language))
	}
	if n.Quantity != nil {
		quantity = words.AlertQuantities[*n.Quantity].In(language)
	}
	fill := strings.NewReplacer(
		"{rule}", n.Rule.Name, "{where}", where, "{sensor}", n.Sensor.Name, "{organization}", n.Organization.Name, "{quantity}", quantity,
		"{threshold}", figure(n.Threshold, unit, language), "{value}", figure(n.Value, unit, language), "{worst}", figure(n.Worst, unit, language),
		"{since}", when(n.OpenedAt, zone, language), "{until}", closed,
	)
	overview := "/dashboard/" + strconv.FormatInt(n.Organization.ID, 10) + "/alerts"
	return notify.Notice{
		Title:      fill.Replace(title.In(language)),
		Paragraphs: []string{fill.Replace(said.In(language)), fill.Replace(words.AlertSource.In(language))},
		Link:       overview + "/episodes/" + strconv.FormatInt(n.Episode, 10), Overview: overview,
		Urgent: kind != MessageRecovered,
	}, nil
}

// when tells a time by the clocks of the site.
func when(t time.Time, zone *time.Location, language string) string {
	if language == "de" {
		return t.In(zone).Format("2.1.2006, 15:04 Uhr")
	}
	return t.In(zone).Format("2 Jan 2006, 15:04")
}

// figure tells a value with its unit.
func figure(value *float64, unit *string, language string) string {
	if value == nil {
		return "?"
	}
	text := strconv.FormatFloat(*value, 'f', -1, 64)
	if i := strings.IndexByte(text, '.'); i >= 0 {
		text = strings.TrimSuffix(strconv.FormatFloat(*value, 'f', 1, 64), ".0")
	}
	if language == "de" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return strings.TrimSpace(text + " " + *cmp.Or(unit, new(string)))
}
