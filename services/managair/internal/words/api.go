package words

// Pages of the API, and what it answers when something is done.
var (
	APICut             = Text{"Das Dokument ist zu lang für diese Seite und hier abgeschnitten.", "The document is too long for this page and cut off here."}
	APIDocument        = Text{"Dokument", "Document"}
	APILoggedOut       = Text{"Erfolgreich abgemeldet.", "Successfully logged out."}
	APIMethod          = Text{"Methode", "Method"}
	APINoscript        = Text{"Anfragen lassen sich nur mit JavaScript probieren.", "Trying requests needs JavaScript."}
	APIPasswordChanged = Text{"Das neue Passwort wurde gespeichert.", "New password has been saved."}
	APIResetMailSent   = Text{"Wir haben an diese Adresse geschrieben.", "We have written to that address."}
	APISend            = Text{"Senden", "Send"}
	APITry             = Text{"Anfrage probieren", "Try a request"}
)
