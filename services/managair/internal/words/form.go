package words

import "fmt"

// With returns the text with args filled in, in each language.
func (t Told) With(args ...any) Told {
	return Told{fmt.Sprintf(t.german, args...), fmt.Sprintf(t.english, args...), fmt.Sprintf(t.french, args...)}
}

// Forms that laws ask for. French is that of the law; German and English are for whoever
// fills it in.
var (
	FormVersion = Told{"Version %d vom %s", "Version %d of %s", "Version %d du %s"}
	FormOpen    = Told{"Noch auszufüllen", "Still to be filled in", "À compléter"}
	FormMissing = Told{"Leer sind noch Felder, nach denen das Gesetz in jedem Fall fragt: %d.", "Fields that the law asks for in any case are empty: %d.", "Champs exigés dans tous les cas et encore vides : %d."}
	FormSite    = Told{"Einrichtung", "Establishment", "Établissement"}
	FormField   = Told{"Angabe", "Item", "Élément"}
	FormEntry   = Told{"Eintrag", "Entry", "Réponse"}
	FormSource  = Told{"Grundlage", "Source", "Base légale"}
	FormSince   = Told{"Fassung in Kraft seit dem %s", "version in force since %s", "version en vigueur depuis le %s"}
	FormMark    = Told{"* von Clair eingetragen, aus dem, was gemessen oder angegeben wurde; alles andere hat der Betreiber eingetragen.", "* entered by Clair, from what was measured or said; all else was entered by the operator.", "* inscrit par Clair d’après les mesures ou les indications ; le reste a été inscrit par l’exploitant."}
	FormYes     = Told{"ja", "yes", "oui"}
	FormNo      = Told{"nein", "no", "non"}

	FormFranceTitle = Told{"Jährliche Bewertung der Lüftung (Frankreich)", "Yearly evaluation of the means of ventilation (France)", "Rapport d’évaluation annuelle des moyens d’aération"}
	FormFranceNote  = Told{
		"Das Gesetz fragt nach Überschreitungen von 800 und 1500 ppm während der Messung. Clair trägt ein, ob sie in der Zeit, in der Menschen da waren, an einem Punkt von zehn Minuten überschritten wurden. Ob Gerät, Kalibrierung und Ort der Messung dem Erlass vom 27. Dezember 2022 entsprechen, bestätigt, wer die Bewertung verantwortet. Die Unterlagen sind mindestens bis zur nächsten Bewertung aufzubewahren.",
		"The law asks whether 800 and 1500 ppm were exceeded during the measurement. Clair enters whether they were, at any point of ten minutes while people were there. That the instrument, its calibration and its place are as the order of 27 December 2022 asks is confirmed by whoever is responsible for the evaluation. What the report rests on is kept until the next evaluation at the least.",
		"Le texte demande si les seuils de 800 ppm et de 1 500 ppm ont été dépassés pendant la mesure. Clair indique s’ils l’ont été, sur un point de dix minutes, en présence de personnes. Le responsable de l’évaluation confirme que l’appareil, son étalonnage et son emplacement répondent à l’arrêté du 27 décembre 2022. Les éléments fondant le rapport sont conservés au moins jusqu’à l’évaluation suivante.",
	}
	FormEstablishment     = Told{"Name der Einrichtung", "Name of the establishment", "Nom de l’établissement"}
	FormSIRET             = Told{"SIRET (14 Ziffern)", "SIRET (14 digits)", "Numéro SIRET (14 chiffres)"}
	FormEstablishmentType = Told{"Art der Einrichtung", "Type of establishment", "Type d’établissement"}
	FormAddress           = Told{"Adresse", "Address", "Adresse"}
	FormOwner             = Told{"Eigentümer oder Betreiber", "Owner or operator", "Propriétaire ou exploitant"}
	FormOwnerContact      = Told{"Eigentümer oder Betreiber: Kontakt", "Owner or operator: contact", "Coordonnées du propriétaire ou de l’exploitant"}
	FormEvaluator         = Told{"Verantwortlich für die Bewertung", "Responsible for the evaluation", "Responsable de l’évaluation"}
	FormEvaluatorContact  = Told{"Verantwortlich: Kontakt", "Responsible: contact", "Coordonnées du responsable de l’évaluation"}
	FormDescription       = Told{"Kurze Beschreibung und Aufteilung der Einrichtung", "Short description and layout of the establishment", "Description synthétique et configuration de l’établissement"}
	FormRoomCount         = Told{"Zahl der Räume, die bewertet werden könnten", "Number of rooms that may be evaluated", "Quantité de pièces susceptibles d’être évaluées"}
	FormVentilation       = Told{"Wie hauptsächlich gelüftet wird", "Main way of ventilation", "Mode d’aération ou de ventilation principal"}
	FormMaintained        = Told{"Letzte Wartung der Lüftungsanlage oder letzter Filterwechsel (wo es eine gibt)", "Last maintenance of the ventilation system or change of filters (where there is one)", "Date de la dernière maintenance du système de ventilation mécanique ou de changement de filtres (le cas échéant)"}
	FormMeasures          = Told{"Maßnahmen, getroffen oder geplant (falls nötig)", "Corrective measures, taken or planned (if any)", "Mesures correctives mises en place ou prévues (le cas échéant)"}
	FormLocation          = Told{"Wo der Raum ist", "Where the room is", "Localisation de la pièce"}
	FormOtherVentilation  = Told{"Wie gelüftet wird, falls anders als hauptsächlich", "Way of ventilation, if other than the main one", "Mode d’aération ou de ventilation de la pièce, s’il diffère du mode principal"}
	FormOpenings          = Told{"Fenster und Türen, die sich öffnen lassen: Zahl", "Openings (windows, doors): number", "Nombre d’ouvrants"}
	FormOpeningFaults     = Told{"davon mit Mängeln (nicht erreichbar, klemmt …)", "of these with faults (out of reach, stuck …)", "Nombre de dysfonctionnements constatés (accessibilité, manœuvrabilité…)"}
	FormVentsFlow         = Told{"Lüftungsgitter: Luft strömt, wie sie soll (wo es welche gibt)", "Vents or grilles: air flows as it should (where there are any)", "Bouches ou grilles : circulation adéquate de l’air (le cas échéant)"}
	FormVentsState        = Told{"Lüftungsgitter: verschlossen oder verschmutzt? (wo es welche gibt)", "Vents or grilles: blocked or dirty? (where there are any)", "Bouches ou grilles : obturation ou encrassement (le cas échéant)"}
	FormAbove             = Told{"CO2 über %d ppm während der Messung", "CO2 above %d ppm during the measurement", "Dépassement du seuil de %d ppm de CO2 pendant la mesure"}
	FormMeasurement       = Told{"Worauf das beruht (fragt das Gesetz nicht)", "What that rests on (not asked by the law)", "Conditions de la mesure (non exigé)"}
	FormMeasuredBy        = Told{"Gemessen vom %s bis %s, %s Stunden mit Menschen im Raum an %d Tagen; höchster Wert %s ppm.", "Measured from %s to %s, %s hours with people in the room on %d days; highest value %s ppm.", "Mesure continue du %s au %s, %s heures en présence de personnes sur %d jours ; valeur maximale : %s ppm."}
	FormNotMeasured       = Told{"In diesem Zeitraum wurde zu wenig gemessen, oder es ist nicht bekannt, wann Menschen da waren.", "Too little was measured in this period, or it is not known when people were there.", "Trop peu de mesures pendant cette période, ou temps de présence inconnu."}
	FormFit               = Told{"Der Sensor misst nach Angaben des Herstellers 0 bis 5000 ppm auf ±(50 ppm + 5 %).", "By its maker's word the sensor measures 0 to 5000 ppm to ±(50 ppm + 5 %).", "Selon son fabricant, le capteur mesure de 0 à 5 000 ppm à ±(50 ppm + 5 %)."}
	FormUnfit             = Told{"Der Sensor erfüllt nach Angaben des Herstellers nicht, was verlangt ist (0 bis 5000 ppm, ±(50 ppm + 5 %)).", "By its maker's word the sensor does not meet what is asked for (0 to 5000 ppm, ±(50 ppm + 5 %)).", "Selon son fabricant, le capteur ne répond pas aux exigences (0 à 5 000 ppm, ±(50 ppm + 5 %))."}
	FormFitUnknown        = Told{"Wie genau der Sensor misst, ist nicht bekannt.", "How exact the sensor is is not known.", "L’exactitude du capteur n’est pas connue."}
)
