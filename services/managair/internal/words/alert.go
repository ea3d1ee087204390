package words

// AlertTemplates are what the templates of rules for alerts are called, and AlertTemplateHelp
// what they do, by their ids.
var (
	AlertTemplates = map[string]Text{
		"airing":     {"Sagen, wann ein Raum gelüftet werden sollte", "Tell me when a room should be aired"},
		"collection": {"Klima einer Sammlung", "Collection climate"},
		"sensors":    {"Sagen, wenn ein Sensor verstummt oder Pflege braucht", "Tell me when a sensor falls silent or needs care"},
	}
	AlertTemplateHelp = map[string]Text{
		"airing": {
			"Wenn die Luft während der Nutzungszeit fünf Minuten lang schlechter ist, als die Norm des Raums sie noch gut nennt.",
			"When the air, while people are there, is worse for five minutes than what the norm of the room calls good.",
		},
		"collection": {
			"Wenn es in einem Raum trockener als 40 % oder feuchter als 60 % ist, kälter als 16 °C oder wärmer als 25 °C, je eine halbe Stunde lang, oder wenn die Feuchte in 24 Stunden um mehr als 20 Prozentpunkte schwankt.",
			"When a room is drier than 40 % or more humid than 60 %, colder than 16 °C or warmer than 25 °C, each for half an hour, or when its humidity moves by more than 20 percentage points within 24 hours.",
		},
		"sensors": {
			"Wenn ein Sensor sich nicht mehr meldet, unglaubwürdige Werte liefert oder seine Batterie bald leer ist.",
			"When a sensor does not report any more, delivers values that are not credible, or its battery will soon be empty.",
		},
	}
	// AlertRuleNames are the names of the rules that templates make.
	AlertRuleNames = map[string]Text{
		"airing":              {"Bitte lüften", "Please air"},
		"collection.cold":     {"Zu kalt für die Sammlung", "Too cold for the collection"},
		"collection.dry":      {"Zu trocken für die Sammlung", "Too dry for the collection"},
		"collection.humid":    {"Zu feucht für die Sammlung", "Too humid for the collection"},
		"collection.unsteady": {"Die Feuchte schwankt", "Humidity is unsteady"},
		"collection.warm":     {"Zu warm für die Sammlung", "Too warm for the collection"},
		"sensors.battery":     {"Batterie bald leer", "Battery soon empty"},
		"sensors.faulty":      {"Sensor liefert unglaubwürdige Werte", "Sensor delivers values that are not credible"},
		"sensors.silent":      {"Sensor ist verstummt", "Sensor has fallen silent"},
	}
)

// What is told of alerts. Names and figures are filled in.
var (
	AlertOpened = Text{"{rule}: {where}", "{rule}: {where}"}
	AlertStill  = Text{"Noch immer: {rule}: {where}", "Still: {rule}: {where}"}
	AlertOver   = Text{"Vorbei: {rule}: {where}", "Over: {rule}: {where}"}
	// AlertSays is what is so, by the condition of the rule.
	AlertSays = map[string]Text{
		"above":   {"{quantity} ist seit {since} über {threshold}. Zu Beginn: {value}. Höchster Wert bisher: {worst}.", "{quantity} has been above {threshold} since {since}. At the beginning: {value}. Highest so far: {worst}."},
		"below":   {"{quantity} ist seit {since} unter {threshold}. Zu Beginn: {value}. Niedrigster Wert bisher: {worst}.", "{quantity} has been below {threshold} since {since}. At the beginning: {value}. Lowest so far: {worst}."},
		"profile": {"Die Luft ist seit {since} schlechter, als die Norm des Raums sie noch gut nennt. CO2 zu Beginn: {value}. Höchster Wert bisher: {worst}.", "The air has been worse than what the norm of the room calls good since {since}. CO2 at the beginning: {value}. Highest so far: {worst}."},
		"silent":  {"Der Sensor {sensor} meldet sich seit {since} nicht mehr.", "The sensor {sensor} has not reported since {since}."},
		"faulty":  {"Der Sensor {sensor} liefert seit {since} unglaubwürdige Werte.", "The sensor {sensor} has delivered values that are not credible since {since}."},
		"battery": {"Die Batterie des Sensors {sensor} ist bald leer.", "The battery of the sensor {sensor} will soon be empty."},
		"swing":   {"{quantity} hat sich innerhalb von 24 Stunden um mehr als {threshold} geändert. Festgestellt: {since}, um {value}.", "{quantity} has moved by more than {threshold} within 24 hours. Found at {since}: by {value}."},
	}
	// AlertPoints is the unit of a change of what is in percent.
	AlertPoints     = Text{"Prozentpunkte", "percentage points"}
	AlertWasOver    = Text{"Es war so von {since} bis {until}.", "It was so from {since} until {until}."}
	AlertSource     = Text{"Regel „{rule}“ der Organisation „{organization}“, Sensor {sensor}.", "Rule “{rule}” of the organization “{organization}”, sensor {sensor}."}
	AlertQuantities = map[string]Text{
		"co2_ppm": {"CO2", "CO2"}, "temperature_celsius": {"Die Temperatur", "Temperature"}, "rel_humidity_percent": {"Die Luftfeuchte", "Humidity"},
	}
)
