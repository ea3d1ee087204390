package words

import (
	"fmt"
	"strings"
)

// Told is a text of what goes to people who did not choose the pages' languages: reports and
// signs, which are in French, too.
type Told struct{ german, english, french string }

// ReportLanguages are those of reports and signs.
var ReportLanguages = []Language{{"de", "Deutsch"}, {"en", "English"}, {"fr", "Français"}}

// In returns the text in a language, with args filled in as by fmt.Sprintf.
func (t Told) In(language string, args ...any) string {
	s := t.german
	switch language {
	case "en":
		s = t.english
	case "fr":
		s = spaced.Replace(t.french)
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// spaced has French marks stay with their words: the spaces beside them break no line
// (Imprimerie nationale, Lexique des règles typographiques).
var spaced = strings.NewReplacer(" :", "\u00a0:", " ;", "\u202f;", " !", "\u202f!", " ?", "\u202f?", "« ", "«\u00a0", " »", "\u00a0»", " %%", "\u00a0%%")

// and adds the French to a text that there is already.
func (t Text) and(french string) Told { return Told{t.german, t.english, french} }

// Is reports whether there is a text.
func (t Told) Is() bool { return t != Told{} }

// OfReport reports whether reports are in the language with that code.
func OfReport(code string) bool {
	for _, l := range ReportLanguages {
		if l.Code == code {
			return true
		}
	}
	return false
}

// frenchNorm is what the norms and their levels are called (package profile has German and
// English); by the id of the profile, and of the level.
type frenchNorm struct {
	name   string
	levels map[string]string
}

var frenchNorms = map[string]frenchNorm{
	"at":                {"Directive air intérieur, classe 2 (Autriche)", map[string]string{"met": "valeur guide respectée", "missed": "valeur guide dépassée"}},
	"be":                {"Niveaux de référence A et B (Belgique)", map[string]string{"a": "niveau A", "b": "niveau B", "none": "aucun niveau atteint"}},
	"clair-2020":        {"Clair 2020 (pour comparaison)", map[string]string{"medal": "médaille", "none": "pas de médaille"}},
	"de-school":         {"Écoles, moyenne d’une leçon (Allemagne)", map[string]string{"met": "objectif atteint", "missed": "objectif manqué"}},
	"de-uba":            {"Agence fédérale de l’environnement / ASR A3.6 (Allemagne)", map[string]string{"harmless": "hygiéniquement sans risque", "conspicuous": "hygiéniquement préoccupant : aérer davantage", "unacceptable": "hygiéniquement inacceptable : autres mesures"}},
	"en-16798":          {"EN 16798-1, catégories I à IV", map[string]string{"i": "catégorie I", "ii": "catégorie II", "iii": "catégorie III", "iv": "catégorie IV"}},
	"fr-evaluation":     {"Évaluation annuelle, 800 et 1500 ppm (France)", map[string]string{"satisfying": "renouvellement de l’air satisfaisant", "to-improve": "actions nécessaires", "insufficient": "renouvellement de l’air insuffisant : agir sans délai"}},
	"nl-frisse-scholen": {"Frisse Scholen, classes A à C (Pays-Bas)", map[string]string{"a": "classe A : excellent", "b": "classe B : bon", "c": "classe C : suffisant", "none": "aucune classe"}},
	"uk-dfe":            {"Ministère de l’Éducation, écoles (Royaume-Uni)", map[string]string{"well": "bien ventilé", "watch": "à surveiller : aérer davantage", "act": "agir"}},
}

// named is a text of a norm, which has German and English.
type named interface{ In(language string) string }

// NormIn returns the name of a profile in a language of ReportLanguages; name is its own.
func NormIn(language, profile string, name named) string {
	if french := FrenchNorm(profile); language == "fr" && french != "" {
		return french
	}
	return name.In(language)
}

// LevelIn returns the name of a level of a profile likewise.
func LevelIn(language, profile, level string, name named) string {
	if french := FrenchLevel(profile, level); language == "fr" && french != "" {
		return french
	}
	return name.In(language)
}

// FrenchNorm returns the French name of a profile, or "".
func FrenchNorm(profile string) string { return spaced.Replace(frenchNorms[profile].name) }

// FrenchLevel returns the French name of a level of a profile, or "".
func FrenchLevel(profile, level string) string {
	return spaced.Replace(frenchNorms[profile].levels[level])
}

// Texts of reports.
var (
	ReportTitle = Told{"Luftbericht", "Air report", "Rapport sur l’air"}
	// ReportPair says of what something is.
	ReportPair   = Told{"%s: %s", "%s: %s", "%s : %s"}
	ReportPeriod = Told{"%s bis %s", "%s to %s", "du %s au %s"}

	ReportMade       = Told{"Erstellt am %s", "Made on %s", "Établi le %s"}
	ReportPage       = Told{"Seite %d von %d", "Page %d of %d", "Page %d sur %d"}
	ReportOverview   = Told{"Überblick", "Overview", "Aperçu"}
	ReportRoom       = Told{"Raum", "Room", "Pièce"}
	ReportVerdict    = Told{"Urteil", "Verdict", "Verdict"}
	ReportStale      = Told{"Tage mit verbrauchter Luft", "Days with stale air", "Jours d’air vicié"}
	ReportWorst      = Told{"Schlechteste Stunden", "Worst hours", "Pires heures"}
	ReportBefore     = Told{"Zeitraum davor", "Period before", "Période précédente"}
	ReportOf         = Told{"%d von %d", "%d of %d", "%d sur %d"}
	ReportGoodRooms  = Told{"Räume mit guter Luft: %d von %d, die beurteilt werden konnten.", "Rooms with good air: %d of %d that could be judged.", "Pièces avec un air bon : %d sur %d qui ont pu être jugées."}
	ReportUnjudged   = Told{"Nicht beurteilt werden konnten: %d.", "Could not be judged: %d.", "N’ont pas pu être jugées : %d."}
	ReportMore       = Told{"Weitere %d Räume stehen nicht in diesem Bericht; ein Bericht hat höchstens %d.", "%d more rooms are not in this report; a report has at most %d.", "%d autres pièces ne figurent pas dans ce rapport ; un rapport en a %d au plus."}
	ReportNoRooms    = Told{"Zu diesem Standort gibt es noch keine Räume.", "There are no rooms at this site yet.", "Ce site n’a pas encore de pièces."}
	ReportNothing    = Told{"In diesem Zeitraum wurde hier nichts gemessen.", "Nothing was measured here in this period.", "Rien n’a été mesuré ici pendant cette période."}
	ReportGood       = Told{"Die Luft war gut – „%s“.", "The air was good – “%s”.", "L’air était bon – « %s »."}
	ReportNotGood    = Told{"Die Luft war nicht gut – „%s“.", "The air was not good – “%s”.", "L’air n’était pas bon – « %s »."}
	ReportNotJudged  = Told{"Nicht beurteilt.", "Not judged.", "Pas de jugement."}
	ReportNormIs     = Told{"Beurteilt nach: %s.", "Judged by: %s.", "Jugé selon : %s."}
	ReportOutdoors   = AirFileBeyondOut.and("À l’extérieur, %d ppm ont été supposés ; cela n’a pas été mesuré.")
	ReportBetween    = AirFileBest.and("Si le capteur se trompe autant que son fabricant l’admet, le vrai niveau est entre « %s » et « %s ».")
	ReportStaleDays  = AirFileStaleDays.and("L’air était vicié %d jours d’utilisation sur %d.")
	ReportWorstLine  = AirFileWorst.and("Il l’a été le plus longtemps %s de %d h à %d h.")
	ReportUsed       = Told{"Genutzt: %s Stunden an %d Tagen; davon gemessen: %s %%.", "Used: %s hours on %d days; measured of these: %s %%.", "Utilisation : %s heures sur %d jours, dont mesurées : %s %%."}
	ReportKnownBy    = AirFileKnownBy.and("C’est connu par : %s.")
	ReportUnused     = AirFileUnused.and("Pendant %d autres jours il n’y avait personne, comme l’air le montre.")
	ReportAbove      = Told{"Während der Nutzung lag CO2 %s Stunden lang über %d ppm.", "While people were there, CO2 was above %[2]d ppm for %[1]s hours.", "Pendant l’utilisation, le CO2 a dépassé %[2]d ppm durant %[1]s heures."}
	ReportMean       = Told{"CO2 während der Nutzung: im Mittel %s ppm, höchstens %s ppm.", "CO2 while people were there: %s ppm on average, %s ppm at most.", "CO2 pendant l’utilisation : %s ppm en moyenne, %s ppm au maximum."}
	ReportPeaks      = Told{"Am schlechtesten: %s.", "Worst: %s.", "Au pire : %s."}
	ReportPeak       = Told{"%s, %s–%s Uhr (bis %s ppm)", "%s, %s–%s (up to %s ppm)", "%s, %s–%s (jusqu’à %s ppm)"}
	ReportWas        = Told{"Davor (%s): %s", "Before (%s): %s", "Avant (%s) : %s"}
	ReportBetter     = Told{"Das ist besser als davor: %s ppm weniger im Mittel.", "That is better than before: %s ppm less on average.", "C’est mieux qu’avant : %s ppm de moins en moyenne."}
	ReportWorse      = Told{"Das ist schlechter als davor: %s ppm mehr im Mittel.", "That is worse than before: %s ppm more on average.", "C’est pire qu’avant : %s ppm de plus en moyenne."}
	ReportSame       = Told{"Das ist etwa wie davor.", "That is about as before.", "C’est à peu près comme avant."}
	ReportSensors    = Told{"Sensoren: %s.", "Sensors: %s.", "Capteurs : %s."}
	ReportFine       = Told{"%s misst und meldet sich ohne Befund", "%s measures and reports without a finding", "%s mesure et transmet sans anomalie"}
	ReportSilent     = Told{"%s: %d× stumm, zusammen %s Stunden", "%s: silent %d×, %s hours together", "%s : muet %d×, %s heures en tout"}
	ReportSuspected  = Told{"%s steht im Verdacht, falsch zu messen", "%s is suspected of measuring wrongly", "%s est soupçonné de mal mesurer"}
	ReportFaulty     = Told{"%s liefert unglaubwürdige Werte", "%s delivers values that are not credible", "%s livre des valeurs peu crédibles"}
	ReportBattery    = Told{"%s: Batterie bei %d %%", "%s: battery at %d %%", "%s : pile à %d %%"}
	ReportUnfit      = Told{"Der Sensor ist für diese Norm nicht geeignet.", "The sensor is not fit for this norm.", "Le capteur ne convient pas pour cette norme."}
	ReportCourse     = Told{"CO2 in ppm", "CO2 in ppm", "CO2 en ppm"}
	ReportCaption    = Told{"Linie: Mittel über %s; Fläche darum: kleinster und größter Wert.", "Line: mean over %s; area around it: least and highest value.", "Ligne : moyenne sur %s ; surface : valeurs minimale et maximale."}
	ReportCaptionRaw = Told{"Linie: Mittel über %s.", "Line: mean over %s.", "Ligne : moyenne sur %s."}
	ReportShaded     = Told{"Grau hinterlegt: Menschen im Raum. Gestrichelt: die Grenzen der Norm.", "Grey: people in the room. Dashed: the bounds of the norm.", "En gris : des personnes dans la pièce. Pointillé : les limites de la norme."}
	ReportDashed     = Told{"Gestrichelt: die Grenzen der Norm.", "Dashed: the bounds of the norm.", "Pointillé : les limites de la norme."}
	ReportTenMinutes = Told{"zehn Minuten", "ten minutes", "dix minutes"}
	ReportHour       = Told{"eine Stunde", "an hour", "une heure"}
	ReportSixHours   = Told{"sechs Stunden", "six hours", "six heures"}
	ReportDay        = Told{"einen Tag", "a day", "un jour"}
	ReportHours      = Told{"Wann die Luft verbraucht war: Anteil der Nutzungszeit über %d ppm, nach Wochentag und Stunde", "When the air was stale: share of the time of use above %d ppm, by weekday and hour", "Quand l’air était vicié : part du temps d’utilisation au-dessus de %d ppm, par jour et heure"}
	ReportLegend     = Told{"Wie das zu lesen ist", "How to read this", "Comment lire ceci"}
	ReportExplain    = Told{
		"CO2 zeigt, wie viel ausgeatmete Luft in einem Raum ist. Geurteilt wird nur über die Zeit, in der Menschen da waren, und nach der Norm, die für den Raum gewählt ist. Frische Luft draußen hat etwa 420 ppm.",
		"CO2 shows how much exhaled air is in a room. Only the time when people were there is judged, by the norm that was chosen for the room. Fresh air outdoors has some 420 ppm.",
		"Le CO2 montre combien d’air expiré se trouve dans une pièce. Seul le temps de présence est jugé, selon la norme choisie pour la pièce. L’air frais extérieur a environ 420 ppm.",
	}
)

// Texts of the overview of a site.
var (
	ReportGoodBefore = Told{"Im Zeitraum davor waren es %d von %d.", "In the period before there were %d of %d.", "Pendant la période précédente, il y en avait %d sur %d."}
	ReportStalest    = Told{"Am häufigsten verbraucht war die Luft hier: %s.", "The air was stale most often here: %s.", "L’air a été vicié le plus souvent ici : %s."}
	ReportStaleOf    = Told{"%s an %d von %d Tagen", "%s on %d of %d days", "%s, %d jours sur %d"}
	ReportLookAfter  = Told{"Nach diesen Sensoren sollte jemand sehen: %s.", "Somebody should look after these sensors: %s.", "Ces capteurs demandent votre attention : %s."}
)

// Texts by which another period is chosen.
var (
	ReportChoose    = Told{"Anderer Zeitraum", "Another period", "Autre période"}
	ReportAfter     = Told{"Zeitraum danach", "Period after", "Période suivante"}
	ReportLastWeek  = Told{"Letzte Woche", "Last week", "Semaine dernière"}
	ReportLastMonth = Told{"Letzter Monat", "Last month", "Mois dernier"}
	ReportFrom      = Told{"Von", "From", "Du"}
	ReportTo        = Told{"Bis", "To", "Au"}
	ReportShow      = Told{"Anzeigen", "Show", "Afficher"}
)

// Texts of mails with reports.
var (
	ReportMailOpen     = Told{"Bericht ansehen", "See the report", "Voir le rapport"}
	ReportMailAttached = Told{"Der ganze Bericht mit den Verläufen aller Räume ist angehängt (PDF).", "The whole report with the courses of all rooms is attached (PDF).", "Le rapport complet avec les courbes de toutes les pièces est joint (PDF)."}
	ReportMailTooLarge = Told{"Der ganze Bericht ist zu groß für eine Mail; hier ist er zu sehen:", "The whole report is too large for a mail; it can be seen here:", "Le rapport complet est trop volumineux pour un courriel ; vous pouvez le voir ici :"}
	ReportMailNothing  = Told{
		"In diesem Zeitraum wurde hier nichts gemessen. Solange das so bleibt, kommt kein weiterer Bericht.",
		"Nothing was measured here in this period. While that stays so, no further report comes.",
		"Rien n’a été mesuré ici pendant cette période. Tant que cela reste ainsi, aucun autre rapport n’est envoyé.",
	}
	ReportMailWeekly  = Told{"Sie bekommen diesen Bericht jede Woche, weil Sie das in Clair so eingestellt haben.", "You get this report each week because you have set it so in Clair.", "Vous recevez ce rapport chaque semaine parce que vous l’avez demandé dans Clair."}
	ReportMailMonthly = Told{"Sie bekommen diesen Bericht jeden Monat, weil Sie das in Clair so eingestellt haben.", "You get this report each month because you have set it so in Clair.", "Vous recevez ce rapport chaque mois parce que vous l’avez demandé dans Clair."}
	ReportMailAsked   = Told{"Sie haben diesen Bericht in Clair angefordert.", "You have asked for this report in Clair.", "Vous avez demandé ce rapport dans Clair."}
	ReportMailLeave   = LeaveDo.and("Se désabonner")
	ReportMailForward = Told{"(Löschen Sie diese Zeile, wenn Sie die Mail weiterleiten.)", "(Delete this line when you forward the mail.)", "(Supprimez cette ligne si vous transférez le courriel.)"}
)

// ReportReasons say why air is not judged.
var ReportReasons = map[string]Told{
	"no_occupied_time":         AirFileReasons["no_occupied_time"].and("On ne sait pas quand il y avait des personnes dans la pièce."),
	"no_sign_of_use":           AirFileReasons["no_sign_of_use"].and("Le CO2 n’a jamais monté comme avec des personnes : il n’y avait personne."),
	"too_little_occupied_time": AirFileReasons["too_little_occupied_time"].and("La pièce a été utilisée moins de huit heures."),
	"too_little_measured":      AirFileReasons["too_little_measured"].and("Trop peu a été mesuré."),
	"not_over":                 {"Der Zeitraum ist noch nicht zu Ende.", "The period is not over.", "La période n’est pas terminée."},
	"not_whole_months":         {"Öffentlich beurteilt werden nur ganze Monate.", "Only whole months are judged in public.", "Seuls les mois entiers sont jugés publiquement."},
}

// ReportHows say how it is known when people were there.
var ReportHows = map[string]Told{
	"timetable": AirFileHows["timetable"].and("emploi du temps"),
	"exception": AirFileHows["exception"].and("exception"),
	"holiday":   AirFileHows["holiday"].and("jour férié"),
	"inferred":  AirFileHows["inferred"].and("évolution du CO2 (déduit)"),
}

// ReportOnWeekdays is on which day of the week, Monday first; ReportWeekdays its short name.
var (
	ReportOnWeekdays = [7]Told{
		OnWeekdays[0].and("le lundi"),
		OnWeekdays[1].and("le mardi"),
		OnWeekdays[2].and("le mercredi"),
		OnWeekdays[3].and("le jeudi"),
		OnWeekdays[4].and("le vendredi"),
		OnWeekdays[5].and("le samedi"),
		OnWeekdays[6].and("le dimanche"),
	}
	ReportWeekdays = [7]Told{
		{"Mo", "Mon", "lun."},
		{"Di", "Tue", "mar."},
		{"Mi", "Wed", "mer."},
		{"Do", "Thu", "jeu."},
		{"Fr", "Fri", "ven."},
		{"Sa", "Sat", "sam."},
		{"So", "Sun", "dim."},
	}
)

// Texts of door signs.
var (
	SignTitle = Told{"Türschilder", "Door signs", "Plaques de porte"}
	SignAsk   = Told{"Wie ist die Luft hier?", "How is the air in here?", "Comment est l’air ici ?"}
	SignScan  = Told{"Code mit der Kamera des Telefons öffnen.", "Open the code with your phone’s camera.", "Ouvrez le code avec l’appareil photo du téléphone."}
	SignScale = Told{"CO2 in ppm, nach: %s", "CO2 in ppm, by: %s", "CO2 en ppm, selon : %s"}
	SignBelow = Told{"unter %d", "below %d", "moins de %d"}
	SignUpTo  = Told{"bis %d", "up to %d", "jusqu’à %d"}
	SignFrom  = Told{"ab %d", "%d or more", "%d ou plus"}
	SignAbove = Told{"über %d", "above %d", "plus de %d"}
)
