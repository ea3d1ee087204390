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
			"Wenn die Luft während der Nutzungszeit fünf Minuten lang schlechter ist, als es die Norm des Raums gut nennt.",
			"When the air, while people are there, is worse for five minutes than what the norm of the room calls good.",
		},
		"collection": {
			"Wenn es in einem Raum trockener als 40 % oder feuchter als 60 % ist, kälter als 16 °C oder wärmer als 25 °C, je eine halbe Stunde lang, oder wenn die Feuchte in 24 Stunden um mehr als 20 % schwankt.",
			"When a room is drier than 40 % or more humid than 60 %, colder than 16 °C or warmer than 25 °C, each for half an hour, or when its humidity moves by more than 20 % within 24 hours.",
		},
		"sensors": {
			"Wenn ein Sensor sich nicht mehr meldet, Unsinn misst oder seine Batterie bald leer ist.",
			"When a sensor does not report any more, measures nonsense, or its battery will soon be empty.",
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
		"sensors.faulty":      {"Sensor misst nicht richtig", "Sensor does not measure rightly"},
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
		"above":   {"{quantity} ist über {threshold}, seit {since}. Zuletzt: {value}.", "{quantity} is above {threshold}, since {since}. Latest: {value}."},
		"below":   {"{quantity} ist unter {threshold}, seit {since}. Zuletzt: {value}.", "{quantity} is below {threshold}, since {since}. Latest: {value}."},
		"profile": {"Die Luft ist seit {since} schlechter, als es die Norm des Raums gut nennt. CO2 zuletzt: {value}.", "The air has been worse than what the norm of the room calls good, since {since}. Latest CO2: {value}."},
		"silent":  {"Der Sensor {sensor} meldet sich nicht mehr, seit {since}.", "The sensor {sensor} does not report any more, since {since}."},
		"faulty":  {"Der Sensor {sensor} misst nicht richtig, seit {since}.", "The sensor {sensor} does not measure rightly, since {since}."},
		"battery": {"Die Batterie des Sensors {sensor} ist bald leer.", "The battery of the sensor {sensor} will soon be empty."},
		"swing":   {"{quantity} hat sich in 24 Stunden um mehr als {threshold} geändert, seit {since}. Zuletzt um {value}.", "{quantity} has moved by more than {threshold} within 24 hours, since {since}. Latest: {value}."},
	}
	AlertWasOver    = Text{"Es war so von {since} bis {until}.", "It was so from {since} until {until}."}
	AlertSource     = Text{"Regel „{rule}“ der Organisation „{organization}“, Sensor {sensor}.", "Rule “{rule}” of the organization “{organization}”, sensor {sensor}."}
	AlertQuantities = map[string]Text{
		"co2_ppm": {"CO2", "CO2"}, "temperature_celsius": {"Die Temperatur", "Temperature"}, "rel_humidity_percent": {"Die Luftfeuchte", "Humidity"},
	}
)
