package words

// Pages of accounts.
var (
	Account             = Text{"Konto", "Account"}
	AccountDashboard    = Text{"Zur Übersicht", "To the overview"}
	AccountFailed       = Text{"Das hat nicht geklappt, und es liegt an uns. Bitte versuchen Sie es später noch einmal.", "That did not work, and it is our fault. Please try again later."}
	AccountNotFound     = Text{"Diese Seite gibt es nicht.", "There is no such page."}
	AccountUnavailable  = Text{"Der Dienst ist gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.", "The service is not available at the moment. Please try again in a few minutes."}
	ActionAccept        = Text{"Einladung annehmen", "Accept the invitation"}
	ActionAdd           = Text{"Hinzufügen", "Add"}
	ActionChange        = Text{"Ändern", "Change"}
	ActionConfirm       = Text{"Ja, das ist meine Adresse", "Yes, this is my address"}
	ActionCreate        = Text{"Token anlegen", "Create token"}
	ActionDecline       = Text{"Ablehnen", "Decline"}
	ActionDelete        = Text{"Konto endgültig löschen", "Delete account for good"}
	ActionEnd           = Text{"Beenden", "End"}
	ActionLogin         = Text{"Anmelden", "Log in"}
	ActionLogout        = Text{"Abmelden", "Log out"}
	ActionPrimary       = Text{"Als Haupt-Adresse", "Make primary"}
	ActionRemove        = Text{"Entfernen", "Remove"}
	ActionRevoke        = Text{"Widerrufen", "Revoke"}
	ActionSave          = Text{"Speichern", "Save"}
	ActionSend          = Text{"Link noch einmal senden", "Send the link again"}
	ActionSendreset     = Text{"Link anfordern", "Ask for a link"}
	ActionSignup        = Text{"Konto anlegen", "Sign up"}
	AskPassword         = Text{"Ihre Anmeldung ist schon länger her. Bitte bestätigen Sie, dass Sie es sind.", "You logged in some time ago. Please confirm that it is you."}
	BrowserNew          = Text{"Zuletzt benutzt %s, seit %s", "Last used %s, since %s"}
	ConfirmQuestion     = Text{"Ist %s Ihre E-Mail-Adresse?", "Is %s your e-mail address?"}
	Conflict            = Text{"Das geht nicht: es gibt schon zu viele davon.", "This is not possible: there are too many already."}
	CurrentSession      = Text{"diese Sitzung", "this session"}
	DeleteInfo          = Text{"Ihr Konto, Ihre Mitgliedschaften, Sitzungen und Token werden gelöscht. Räume, Sensoren und Messwerte der Organisationen bleiben.", "Your account, memberships, sessions and tokens will be deleted. Rooms, sensors and measurements of organizations stay."}
	Email               = Text{"E-Mail-Adresse", "E-mail address"}
	EmailNew            = Text{"Weitere Adresse", "Another address"}
	FirstName           = Text{"Vorname", "First name"}
	Forgot              = Text{"Passwort vergessen?", "Forgot your password?"}
	HaveAccount         = Text{"Sie haben schon ein Konto?", "You have an account?"}
	Hello               = Text{"Hallo %s", "Hello %s"}
	HintPassword        = Text{"Mindestens 8 Zeichen, nicht nur Ziffern und nicht leicht zu erraten. Ein kurzer Satz ist gut.", "At least 8 characters, not only digits and not easy to guess. A short sentence is good."}
	HintUsername        = Text{"Buchstaben, Ziffern und @ . + - _", "Letters, digits and @ . + - _"}
	InvitationAs        = Text{"Sie sind als %s angemeldet.", "You are logged in as %s."}
	InvitationDeclined  = Text{"Die Einladung ist abgelehnt.", "The invitation is declined."}
	InvitationHint      = Text{"Mitglieder sehen Räume, Sensoren und Messwerte der Organisation, und voneinander Namen und E-Mail-Adresse. Sie können jederzeit wieder austreten.", "Members see rooms, sensors and measurements of the organization, and name and e-mail address of each other. You can leave at any time."}
	InvitationLogin     = Text{"Melden Sie sich an, oder legen Sie zuerst ein Konto an und öffnen Sie dann den Link in der Einladung noch einmal.", "Log in, or sign up first and then open the link in the invitation again."}
	InvitedBy           = Text{"%s lädt Sie ein, Mitglied der Organisation „%s“ zu werden.", "%s invites you to become a member of the organization “%s”."}
	InvitedBySomebody   = Text{"Sie sind eingeladen, Mitglied der Organisation „%s“ zu werden.", "You are invited to become a member of the organization “%s”."}
	KeepTokens          = Text{"Diese Token behalten", "Keep these tokens"}
	KeepTokensHint      = Text{"Alle anderen enden mit dem bisherigen Passwort.", "All others end with the old password."}
	KeyUnknown          = Text{"Dieser Link wurde schon benutzt oder ist zu alt. Fordern Sie bitte einen neuen an.", "This link has been used or is too old. Please ask for a new one."}
	LastName            = Text{"Nachname", "Last name"}
	LastOwner           = Text{"Sie sind die letzte Person mit der Rolle Eigentümer in: %s. Geben Sie die Rolle vorher weiter oder löschen Sie die Organisation.", "You are the last person with the role Owner in: %s. Hand the role on first, or delete the organization."}
	LoginName           = Text{"Benutzername oder E-Mail-Adresse", "User name or e-mail address"}
	LogoutQuestion      = Text{"Möchten Sie sich abmelden?", "Do you want to log out?"}
	MailKept            = Text{"Dieser Server verschickt keine E-Mails, er behält sie: Wer ihn verwaltet, findet sie unter /admin/kept_mail/.", "This server sends no mails, it keeps them: whoever administers it finds them at /admin/kept_mail/."}
	MailSentIfInvited   = Text{"Wenn %s eingeladen ist, haben wir dorthin geschrieben. Bitte öffnen Sie den Link in der E-Mail, dann können Sie sich anmelden.", "If %s has been invited, we have written there. Please open the link in the mail, then you can log in."}
	SignupClosed        = Text{"Hier legen nur die Verwalter Konten an. Bitte wenden Sie sich an die Stelle, die Clair hier betreibt.", "Accounts are made by the administrators here. Please ask whoever runs Clair here."}
	SignupInvited       = Text{"Konten gibt es hier auf Einladung. Geben Sie die Adresse an, an die die Einladung ging: nur dorthin schreiben wir.", "Accounts are by invitation here. Give the address that the invitation went to: we write to no other."}
	MailSent            = Text{"Wir haben an %s geschrieben. Bitte öffnen Sie den Link in der E-Mail, dann können Sie sich anmelden. Nichts angekommen? Schauen Sie auch im Spam-Ordner nach.", "We have written to %s. Please open the link in the mail, then you can log in. Nothing there? Look into the spam folder too."}
	NeverUsed           = Text{"noch nie benutzt", "never used"}
	NoAccount           = Text{"Noch kein Konto?", "No account yet?"}
	NoEmail             = Text{"Noch keine Adresse.", "No address yet."}
	NoTokens            = Text{"Noch keine Token.", "No tokens yet."}
	NotConfirmed        = Text{"Die E-Mail-Adresse ist noch nicht bestätigt. Wir haben Ihnen den Link noch einmal geschickt.", "The e-mail address is not confirmed yet. We have sent you the link again."}
	Password            = Text{"Passwort", "Password"}
	PasswordNew         = Text{"Neues Passwort", "New password"}
	PasswordOld         = Text{"Bisheriges Passwort", "Present password"}
	PasswordRepeat      = Text{"Neues Passwort wiederholen", "Repeat the new password"}
	PasswordRepeatFirst = Text{"Passwort wiederholen", "Repeat the password"}
	Primary             = Text{"Haupt-Adresse", "primary"}
	ResetFor            = Text{"Für das Konto %s", "For the account %s"}
	ResetInfo           = Text{"Wir schicken Ihnen einen Link, mit dem Sie ein neues Passwort setzen.", "We send you a link with which you set a new password."}
	ResetSent           = Text{"Wir haben an %s geschrieben. Der Link darin gilt eine Stunde.", "We have written to %s. The link in it is good for an hour."}
	ScopeRead           = Text{"nur lesen", "read only"}
	ScopeWrite          = Text{"lesen und schreiben", "read and write"}
	Sessions            = Text{"Sitzungen", "Sessions"}
	TitleConfirm        = Text{"E-Mail-Adresse bestätigen", "Confirm e-mail address"}
	TitleDelete         = Text{"Konto löschen", "Delete account"}
	TitleEmail          = Text{"E-Mail-Adressen", "E-mail addresses"}
	TitleFailed         = Text{"Ein Fehler", "An error"}
	TitleHome           = Text{"Ihr Konto", "Your account"}
	TitleInvitation     = Text{"Einladung", "Invitation"}
	TitleKeyUnknown     = Text{"Link nicht mehr gültig", "Link no longer valid"}
	TitleLogin          = Text{"Anmelden", "Log in"}
	TitleLogout         = Text{"Abmelden", "Log out"}
	TitleMailSent       = Text{"Schauen Sie in Ihre E-Mails", "Look into your mail"}
	TitleNotFound       = Text{"Nicht gefunden", "Not found"}
	TitlePassword       = Text{"Passwort ändern", "Change password"}
	TitleProfile        = Text{"Name", "Name"}
	TitleReset          = Text{"Passwort vergessen", "Forgot password"}
	TitleSessions       = Text{"Sitzungen und Token", "Sessions and tokens"}
	TitleSignup         = Text{"Konto anlegen", "Sign up"}
	TitleUnavailable    = Text{"Gerade nicht erreichbar", "Not available at the moment"}
	TokenAPILogin       = Text{"Log-in über die Schnittstelle", "Log-in through the API"}
	TokenDays           = Text{"Gültig", "Valid"}
	TokenDays0          = Text{"ohne Ende", "without end"}
	TokenDays30         = Text{"30 Tage", "30 days"}
	TokenDays365        = Text{"ein Jahr", "a year"}
	TokenDays90         = Text{"90 Tage", "90 days"}
	TokenExpires        = Text{"gültig bis %s", "valid until %s"}
	TokenInfo           = Text{"Mit einem Token greifen Programme in Ihrem Namen auf die Schnittstelle zu: „Authorization: Bearer …“.", "With a token, programs use the API in your name: “Authorization: Bearer …”."}
	TokenName           = Text{"Wofür?", "What for?"}
	TokenScope          = Text{"Darf", "May"}
	TokenSecret         = Text{"Das neue Token. Es wird nur dieses eine Mal angezeigt:", "The new token. It is shown this one time only:"}
	TokenUsed           = Text{"zuletzt benutzt %s", "last used %s"}
	Tokens              = Text{"Token", "Tokens"}
	TooMany             = Text{"Zu viele Versuche. Bitte warten Sie %d Minuten.", "Too many attempts. Please wait %d minutes."}
	Unconfirmed         = Text{"nicht bestätigt", "not confirmed"}
	Username            = Text{"Benutzername", "User name"}
	Verified            = Text{"bestätigt", "confirmed"}
	WrongCredentials    = Text{"Name und Passwort passen nicht zusammen.", "Name and password do not match."}
)

// All pages.
var (
	Administration = Text{"Verwaltung", "Administration"}
	Cancel         = Text{"Abbrechen", "Cancel"}
)

// AccountDone says on the next page what a form has done.
var AccountDone = map[string]Text{
	"confirmed":     {"Die E-Mail-Adresse ist bestätigt.", "The e-mail address is confirmed."},
	"deleted":       {"Das Konto ist gelöscht.", "The account is deleted."},
	"email_add":     {"Die Adresse ist hinzugefügt. Bitte öffnen Sie den Link, den wir dorthin geschickt haben.", "The address is added. Please open the link that we sent there."},
	"email_primary": {"Das ist nun die Haupt-Adresse.", "This is the primary address now."},
	"email_remove":  {"Die Adresse ist entfernt.", "The address is removed."},
	"email_send":    {"Der Link ist noch einmal unterwegs.", "The link is on its way again."},
	"logout":        {"Sie sind abgemeldet.", "You are logged out."},
	"password":      {"Das neue Passwort gilt. Andere Sitzungen und Token sind beendet.", "The new password is set. Other sessions and tokens have ended."},
	"profile":       {"Gespeichert.", "Saved."},
	"session_ended": {"Die Sitzung ist beendet.", "The session has ended."},
	"token_revoked": {"Das Token ist widerrufen.", "The token is revoked."},
}
