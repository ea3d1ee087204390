package words

// The printed page of an air file.
var (
	AirFile             = Text{"Luftakte", "Air file"}
	AirFileAbove        = Text{"darüber (%)", "above (%)"}
	AirFileAllowed      = Text{"erlaubt (%)", "allowed (%)"}
	AirFileBest         = Text{"Irrt der Sensor so weit, wie sein Hersteller zulässt, liegt die wahre Stufe zwischen „%s“ und „%s“.", "If the sensor is as wrong as its maker allows, the true level lies between “%s” and “%s”."}
	AirFileBeyondOut    = Text{"Für draußen wurden %d ppm angenommen; gemessen wurde das nicht.", "Outdoors %d ppm were assumed; that was not measured."}
	AirFileBound        = Text{"Grenze (ppm)", "Bound (ppm)"}
	AirFileBroken       = Text{"nicht eingehalten", "not kept"}
	AirFileChanged      = Text{"Was sich seit Version %d geändert hat", "What changed since version %d"}
	AirFileCalibrated   = Text{"zuletzt kalibriert am %s", "last calibrated on %s"}
	AirFileCoverage     = Text{"Davon gemessen: %s Stunden (%s %%).", "Of these measured: %s hours (%s %%)."}
	AirFileCompared     = Text{"Nächtlicher Vergleich", "Nightly comparison"}
	AirFileDate         = Text{"Tag", "Day"}
	AirFileDays         = Text{"Tage", "Days"}
	AirFileDaysInFile   = Text{"Die %d Tage mit Nutzung stehen einzeln in der Datei.", "The %d days of use stand one by one in the file."}
	AirFileFit          = Text{"Der Sensor ist für diese Norm geeignet.", "The sensor is fit for this norm."}
	AirFileFitUnknown   = Text{"Ob der Sensor für diese Norm geeignet ist, ist nicht ganz bekannt; es fehlt: %s.", "Whether the sensor is fit for this norm is not fully known; what is missing: %s."}
	AirFileGood         = Text{"Die Luft war nach dieser Norm gut.", "By this norm the air was good."}
	AirFileHash         = Text{"Prüfsumme der Messwerte (SHA-256)", "Hash of the samples (SHA-256)"}
	AirFileHealthNone   = Text{"nicht verglichen", "not compared"}
	AirFileHealthOffset = Text{"%s ± %s ppm gegenüber den anderen", "%s ± %s ppm against the others"}
	AirFileHealthSilent = Text{"sagt nichts über ihn", "says nothing of it"}
	AirFileHighest      = Text{"höchster (ppm)", "highest (ppm)"}
	AirFileInterval     = Text{"Messwerte", "Samples"}
	AirFileIntervalOf   = Text{"%d, alle %d Sekunden", "%d, every %d seconds"}
	AirFileKept         = Text{"eingehalten", "kept"}
	AirFileKnownBy      = Text{"Bekannt aus: %s.", "Known from: %s."}
	AirFileLevel        = Text{"Stufe", "Level"}
	AirFileLevelIs      = Text{"Stufe „%s“.", "Level “%s”."}
	AirFileMade         = Text{"Version %d, erstellt am %s", "Version %d, made on %s"}
	AirFileMean         = Text{"Mittel (ppm)", "mean (ppm)"}
	AirFileMeasuredH    = Text{"gemessen (h)", "measured (h)"}
	AirFileNorm         = Text{"Norm", "Norm"}
	AirFileNormVersion  = Text{"Fassung %d der Regel, wie Clair sie anwendet", "version %d of the rule as Clair applies it"}
	AirFileNotGood      = Text{"Die Luft war nach dieser Norm nicht gut.", "By this norm the air was not good."}
	AirFileNotJudged    = Text{"Nicht beurteilt", "Not judged"}
	AirFileOccupied     = Text{"Wann Menschen im Raum waren", "When people were in the room"}
	AirFileOccupiedH    = Text{"genutzt (h)", "used (h)"}
	AirFileOccupiedTime = Text{"%s Stunden an %d Tagen.", "%s hours on %d days."}
	AirFilePeriod       = Text{"%s bis %s (%s)", "%s to %s (%s)"}
	AirFileSensor       = Text{"Sensor", "Sensor"}
	AirFileSensorOf     = Text{"Installation %d, Gerät %s", "Installation %d, device %s"}
	AirFileStale        = Text{"verbraucht", "stale"}
	AirFileStaleDays    = Text{"An %d von %d Tagen war die Luft verbraucht.", "On %d of %d days the air was stale."}
	AirFileState        = Text{"Befund", "Finding"}
	AirFileSuspected    = Text{"im Verdacht, falsch zu messen", "suspected of measuring wrongly"}
	AirFileUnfit        = Text{"Der Sensor ist für diese Norm nicht geeignet: %s.", "The sensor is not fit for this norm: %s."}
	AirFileUnused       = Text{"An %d weiteren Tagen war, wie die Luft zeigt, niemand da.", "On %d more days nobody was there, as the air shows."}
	AirFileVerdict      = Text{"Urteil", "Verdict"}
	AirFileVerify       = Text{"So lässt sich das prüfen", "How to verify this"}
	AirFileVerifyHow    = Text{"Diese Seite ist eine Ansicht; es gilt die signierte Datei. Mit ihr, den Messwerten und dem öffentlichen Schlüssel der Instanz kommt jeder auf dasselbe Urteil. Die Adresse hinter --key sollte man selbst kennen und nicht von einem Ausdruck übernehmen. Solange die Akte nicht veröffentlicht ist, bekommen nur Mitglieder der Organisation Datei und Messwerte (mit ihrem Token).", "This page is a view; what counts is the signed file. With it, the samples and the public key of the instance everybody comes to the same verdict. The address behind --key should be one that you know yourself, and not take from a print. As long as the file is not published, only members of the organization get file and samples (with their token)."}
	AirFileWorst        = Text{"Am längsten war sie es %s von %d bis %d Uhr.", "For longest it was on %s from %d to %d h."}
)

// AirFileReasons say why air is not judged.
var AirFileReasons = map[string]Text{
	"no_occupied_time":         {"Es ist nicht bekannt, wann Menschen im Raum waren.", "It is not known when people were in the room."},
	"no_sign_of_use":           {"CO2 stieg nie, wie es mit Menschen steigt: Es war niemand da.", "CO2 never rose as it does with people: nobody was there."},
	"too_little_occupied_time": {"Der Raum wurde weniger als acht Stunden genutzt.", "The room was used for less than eight hours."},
	"too_little_measured":      {"Es wurde zu wenig gemessen.", "Too little was measured."},
}

// AirFileHows say how it is known when people were there.
var AirFileHows = map[string]Text{
	"timetable": {"Stundenplan", "timetable"},
	"exception": {"Ausnahme", "exception"},
	"holiday":   {"Feiertag", "holiday"},
	"inferred":  {"CO2-Verlauf (erschlossen)", "the course of CO2 (inferred)"},
}

// AirFileShort are respects in which sensors fall short.
var AirFileShort = map[string]Text{
	"range":      {"Messbereich", "range"},
	"resolution": {"Auflösung", "resolution"},
	"interval":   {"Messabstand", "interval"},
	"accuracy":   {"Genauigkeit", "accuracy"},
}

// AirFileSubjects are the parts of a file that change.
var AirFileSubjects = map[string]Text{
	"norm":          {"Norm", "norm"},
	"time_zone":     {"Zeitzone", "time zone"},
	"occupied_time": {"Nutzungszeit", "occupied time"},
	"installations": {"Sensoren", "sensors"},
	"samples":       {"Messwerte", "samples"},
	"result":        {"Urteil", "verdict"},
}

// OnWeekdays is on which day of the week, Monday first.
var OnWeekdays = [7]Text{
	{"montags", "Mondays"},
	{"dienstags", "Tuesdays"},
	{"mittwochs", "Wednesdays"},
	{"donnerstags", "Thursdays"},
	{"freitags", "Fridays"},
	{"samstags", "Saturdays"},
	{"sonntags", "Sundays"},
}
