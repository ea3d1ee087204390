package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Each condition has a text in each language, with nothing left to be filled in.
func TestTextsOfAlerts(t *testing.T) {
	t.Parallel()
	closed := time.Date(2026, 11, 30, 9, 30, 0, 0, time.UTC)
	for _, condition := range []Kind{Above, Below, Profile, Silent, Faulty, Battery, Swing} {
		for _, kind := range []string{MessageOpened, MessageReminder, MessageRecovered} {
			n := Notice{
				Episode: 12, Condition: condition, Rule: Named{1, "Bitte lüften"}, Organization: Named{3, "Haus"}, Site: &Named{4, "Schule"}, Room: &Named{7, "Klasse {rule} <b>"},
				Quantity: new(CO2), Unit: UnitOf(condition, new(CO2)), Threshold: new(1000.0), Value: new(1234.56), Worst: new(1500.0), TimeZone: "Europe/Berlin",
				OpenedAt: closed.Add(-time.Hour), ClosedAt: &closed,
			}
			n.Sensor.Name = "Eins"
			data, err := n.JSON()
			if err != nil {
				t.Fatal(err)
			}
			for _, language := range words.Languages {
				told, err := Write(kind, data, language.Code)
				text := told.Title + "\n" + strings.Join(told.Paragraphs, "\n")
				if err != nil || strings.Contains(strings.ReplaceAll(text, "Klasse {rule}", ""), "{") || !strings.Contains(told.Title, "Bitte lüften") ||
					told.Link != "/dashboard/3/alerts/episodes/12" || told.Overview != "/dashboard/3/alerts" || told.Urgent == (kind == MessageRecovered) {
					t.Errorf("%s %s: %+v, %v", condition, kind, told, err)
				}
				if kind == MessageOpened && condition == Above && language.Code == "de" && !strings.Contains(text, "CO2 ist seit 30.11.2026, 09:30 Uhr über 1000 ppm. Zu Beginn: 1234,6 ppm. Höchster Wert bisher: 1500 ppm.") {
					t.Error(text)
				}
			}
		}
	}
	n := Notice{Condition: Swing, Quantity: new(Humidity), Unit: UnitOf(Swing, new(Humidity)), Threshold: new(20.0), Value: new(21.5)}
	data, err := n.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if told, err := Write(MessageOpened, data, "de"); err != nil || !strings.Contains(told.Paragraphs[0], "um mehr als 20 Prozentpunkte geändert") {
		t.Errorf("%+v, %v", told, err)
	}
	if _, err := Write(MessageOpened, json.RawMessage(`[]`), "de"); err == nil {
		t.Error("a list is taken")
	}
}
