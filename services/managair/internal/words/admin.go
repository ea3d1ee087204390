package words

// Admin pages.
var (
	Action             = Text{"Aktion wählen", "Choose an action"}
	Add                = Text{"%s hinzufügen", "Add %s"}
	AdminDashboard     = Text{"Übersicht", "Overview"}
	AdminFailed        = Text{"Ein Fehler", "An error"}
	AdminNotFound      = Text{"Nicht gefunden", "Not found"}
	AdminUnavailable   = Text{"Die Datenbank ist gerade nicht erreichbar.", "The database is not available at the moment."}
	AgoDay             = Text{"vor einem Tag", "a day ago"}
	AgoDays            = Text{"vor %d Tagen", "%d days ago"}
	AgoHour            = Text{"vor einer Stunde", "an hour ago"}
	AgoHours           = Text{"vor %d Stunden", "%d hours ago"}
	AgoMinute          = Text{"vor einer Minute", "a minute ago"}
	AgoMinutes         = Text{"vor %d Minuten", "%d minutes ago"}
	Alive              = Text{"melden sich", "alive"}
	All                = Text{"alle", "all"}
	AllRows            = Text{"Alle auswählen", "Select all"}
	Battery            = Text{"Batterie", "Battery"}
	Dead               = Text{"ausgefallen", "dead"}
	DeleteImpact       = Text{"Gelöscht werden insgesamt:", "In all, this deletes:"}
	DeleteQuestion     = Text{"Soll das wirklich gelöscht werden?", "Do you really want to delete this?"}
	DeleteSamples      = Text{"Mit den Sensoren gehen alle ihre Messwerte.", "All measurements of the sensors go with them."}
	DeleteSure         = Text{"Ja, löschen", "Yes, delete"}
	DeleteTitle        = Text{"Löschen", "Delete"}
	DoneCount          = Text{"%d Zeilen geändert.", "%d rows changed."}
	DoneOne            = Text{"Eine Zeile geändert.", "One row changed."}
	FailedLong         = Text{"Das hat nicht geklappt, und es liegt an uns. Näheres steht im Log.", "That did not work, and it is our fault. The log has the details."}
	Faulty             = Text{"gestört", "faulty"}
	FaultImplausible   = Text{"meldet CO2, das keine Luft hat oder kein Sensor misst (%d ppm), oder sich selbst als gestört, zuerst %s", "reports CO2 that no air has or no sensor measures (%d ppm), or itself as faulty, first %s"}
	FaultFrozen        = Text{"meldet Tag und Nacht dasselbe CO2 (%d ppm), zuerst %s", "reports the same CO2 day and night (%d ppm), first %s"}
	Fidelity           = Text{"Zustand der Sensoren", "State of the sensors"}
	FidelityNone       = Text{"Noch keine Sensoren.", "No sensors yet."}
	FindHint           = Text{"Name oder Nummer", "Name or number"}
	FindLabel          = Text{"%s suchen", "Search %s"}
	FindMany           = Text{"Dazu passt mehreres: bitte in der Liste wählen.", "Several match: please choose in the list."}
	FindNone           = Text{"Dazu passt nichts.", "Nothing matches."}
	FromTo             = Text{"Von – bis", "From – to"}
	Go                 = Text{"Los", "Go"}
	HintAccount        = Text{"Passwort, E-Mail-Adressen, Mitgliedschaften und Rechte kommen nach dem Speichern dazu.", "Password, e-mail addresses, memberships and rights are added after saving."}
	HintNodeID         = Text{"Kann leer bleiben: Die Id ergibt sich aus EUI-64 und Protokoll. Bei unbekannten Geräten ist sie schon eingetragen.", "May be left empty: the id follows from EUI-64 and protocol. For unknown devices it is filled in."}
	History            = Text{"Verlauf", "History"}
	LastContact        = Text{"Zuletzt gehört", "Last contact"}
	Menu               = Text{"Menü", "Menu"}
	MenuSmall          = Text{"Kleines Menü", "Small menu"}
	Missing            = Text{"überfällig", "overdue"}
	MoreRecent         = Text{"Alle Änderungen", "All changes"}
	MoreRows           = Text{"Es gibt noch mehr.", "There are more."}
	New                = Text{"neu", "new"}
	Next               = Text{"Weiter", "Next"}
	No                 = Text{"nein", "no"}
	NoRows             = Text{"Keine auswählen", "Select none"}
	None               = Text{"Nichts da.", "Nothing here."}
	NoneFound          = Text{"Nichts gefunden.", "Nothing found."}
	NoneYet            = Text{"Noch nichts da.", "Nothing here yet."}
	NotFoundLong       = Text{"Das gibt es nicht, oder es ist nicht Ihre Sache.", "There is no such thing, or it is not yours to see."}
	ClaimCode          = Text{"Code für den Besitzer", "Code for the owner"}
	ClaimCodeInfo      = Text{"Für jedes Gerät, das noch nicht registriert ist, auch eines, das noch nie gesendet hat: Wer den Code hat, registriert es, und sonst niemand. Mit einer Organisation gilt er nur für sie. Ein neuer Code ersetzt den alten.", "For every device that is not registered yet, also one that has never sent: whoever has the code registers it, and nobody else. With an organization it is good for that one only. A new code replaces the old one."}
	ClaimCodeMake      = Text{"Code machen", "Make the code"}
	IngestionTokenInfo = Text{"Damit senden Skripte und WLAN-Sensoren Messwerte: für alle Sensoren der Organisation, oder nur für den einen, der hier gewählt wird.", "By it scripts and Wi-Fi sensors send measurements: for all sensors of the organization, or only for the one that is chosen here."}
	IngestionTokenMade = Text{"Das Token „%s“ ist %s. Es wird nur jetzt gezeigt.", "The token “%s” is %s. It is shown only now."}
	IngestionTokenMake = Text{"Token machen", "Make the token"}
	ClaimCodeMade      = Text{"Wem das Gerät %s gehört, registriert es binnen 30 Tagen mit dem Code %s. Er wird nur jetzt gezeigt.", "Whoever the device %s belongs to registers it within 30 days with the code %s. It is shown only now."}
	Parked             = Text{"Unbekannte Geräte", "Unknown devices"}
	ParkedInfo         = Text{"Diese Geräte senden, sind aber nicht registriert. Ihre Messwerte warten und gehören zum Sensor, sobald er registriert ist.", "These devices send but are not registered. Their measurements wait, and belong to the sensor once it is registered."}
	ParkedNodes        = Text{"unbekannte Geräte", "unknown devices"}
	ParkedNone         = Text{"Alle Geräte, die senden, sind registriert.", "All devices that send are registered."}
	Paused             = Text{"angehalten", "paused"}
	Previous           = Text{"Zurück", "Previous"}
	QActive            = Text{"in Arbeit", "active"}
	QArchived          = Text{"aufgegeben", "given up"}
	QError             = Text{"Fehler", "Error"}
	QFailed            = Text{"heute fehlgeschlagen", "failed today"}
	QFailing           = Text{"Was nicht geklappt hat", "What did not work"}
	QLatency           = Text{"Wartezeit", "Latency"}
	QNext              = Text{"Nächster Versuch (UTC)", "Next try (UTC)"}
	QPause             = Text{"Anhalten", "Pause"}
	QPending           = Text{"wartend", "pending"}
	QResume            = Text{"Fortsetzen", "Resume"}
	QRetry             = Text{"neuer Versuch", "to retry"}
	QRun               = Text{"Jetzt versuchen", "Run now"}
	QScheduled         = Text{"geplant", "scheduled"}
	QTask              = Text{"Aufgabe", "Task"}
	QToday             = Text{"heute erledigt", "processed today"}
	QTries             = Text{"Versuche", "Tries"}
	Queues             = Text{"Warteschlangen", "Queues"}
	QueuesNone         = Text{"Noch keine Warteschlangen: es gab noch keine Aufgaben.", "No queues yet: there have been no tasks."}
	Recent             = Text{"Letzte Änderungen", "Recent changes"}
	RedisAway          = Text{"Redis antwortet nicht.", "Redis does not answer."}
	Register           = Text{"Registrieren", "Register"}
	Samples            = Text{"Messwerte", "Samples"}
	SaveAdd            = Text{"Speichern und weiteres hinzufügen", "Save and add another"}
	SaveList           = Text{"Speichern und zur Liste", "Save and back to the list"}
	Search             = Text{"Suchen", "Search"}
	SeeBelow           = Text{"Bitte sehen Sie sich die markierten Felder an.", "Please look at the marked fields."}
	Services           = Text{"Dienste", "Services"}
	SetPassword        = Text{"Neues Passwort setzen", "Set a new password"}
	ShowAll            = Text{"Alle zeigen", "Show all"}
	SvChecks           = Text{"Braucht", "Depends on"}
	SvFacts            = Text{"Datenbank", "Database"}
	SvName             = Text{"Dienst", "Service"}
	SvNone             = Text{"Nach anderen Diensten wird nicht gefragt: SERVICES ist nicht gesetzt.", "Other services are not asked: SERVICES is not set."}
	SvState            = Text{"Zustand", "State"}
	SvVersion          = Text{"Version", "Version"}
	Unknown            = Text{"nie gemeldet", "never reported"}
	Yes                = Text{"ja", "yes"}
)

// AdminDone says on the next page what a form has done.
var AdminDone = map[string]Text{
	"deleted":  {"Gelöscht.", "Deleted."},
	"password": {"Das neue Passwort gilt. Die Sitzungen des Kontos sind beendet.", "The new password is set. The account's sessions have ended."},
	"saved":    {"Gespeichert.", "Saved."},
}

// Groups are the groups of subjects.
var Groups = map[string]Text{
	"devices":   {"Geräte", "Devices"},
	"operation": {"Betrieb", "Operation"},
	"people":    {"Menschen", "People"},
	"places":    {"Orte", "Places"},
}

// Actions are what can be done with the rows of a list.
var Actions = map[string]Text{
	"activate":   {"Aktivieren", "Activate"},
	"deactivate": {"Stilllegen", "Deactivate"},
	"delete":     {"Löschen", "Delete"},
	"end_now":    {"Jetzt beenden", "End now"},
	"hide":       {"Nicht öffentlich zeigen", "Hide from the public"},
	"revoke":     {"Widerrufen", "Revoke"},
	"publish":    {"Öffentlich zeigen", "Show to the public"},
	"take_back":  {"Doch richtig gemessen: wieder zählen", "Measured rightly after all: count again"},
	"verify":     {"Als bestätigt markieren", "Mark as confirmed"},
}

// ServiceStates is how a service is.
var ServiceStates = map[string]Text{
	"away": {"antwortet nicht", "no answer"},
	"ill":  {"nicht bereit", "not ready"},
	"well": {"in Ordnung", "well"},
}

// Facts are what is told of the database.
var Facts = map[string]Text{
	"database":   {"Größe", "Size"},
	"postgresql": {"PostgreSQL", "PostgreSQL"},
	"samples":    {"davon Messwerte", "Samples among it"},
	"schema":     {"Schema", "Schema"},
	"since":      {"läuft seit", "Running since"},
}
