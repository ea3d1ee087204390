package words

// Letter is a mail as people read it. {name}, {address} and {link} are filled in.
type Letter struct{ Subject, Body Text }

// The mails of accounts.
var (
	ConfirmMail = Letter{
		Text{"Bitte bestätigen Sie Ihre E-Mail-Adresse", "Please confirm your e-mail address"},
		Text{
			"Hallo {name},\n\n" +
				"für diese Adresse wurde bei Clair ein Konto angelegt oder sie wurde einem Konto hinzugefügt. Bitte bestätigen Sie, dass es Ihre ist:\n\n" +
				"{link}\n\n" +
				"Der Link gilt drei Tage. Waren Sie das nicht, ist nichts zu tun: ohne Bestätigung geschieht nichts.",
			"Hello {name},\n\n" +
				"an account was made at Clair with this address, or it was added to one. Please confirm that it is yours:\n\n" +
				"{link}\n\n" +
				"The link is good for three days. If this was not you, there is nothing to do: nothing happens without a confirmation.",
		},
	}
	ResetMail = Letter{
		Text{"Ein neues Passwort für Clair", "A new password for Clair"},
		Text{
			"Hallo {name},\n\n" +
				"für Ihr Konto wurde ein neues Passwort angefordert. Hier können Sie es setzen:\n\n" +
				"{link}\n\n" +
				"Der Link gilt eine Stunde und nur einmal. Waren Sie das nicht, ist nichts zu tun: Ihr Passwort bleibt, wie es ist.",
			"Hello {name},\n\n" +
				"a new password was asked for your account. Set it here:\n\n" +
				"{link}\n\n" +
				"The link is good for one hour and once only. If this was not you, there is nothing to do: your password stays as it is.",
		},
	}
	KnownMail = Letter{
		Text{"Sie haben schon ein Konto bei Clair", "You already have an account at Clair"},
		Text{
			"Hallo {name},\n\n" +
				"mit Ihrer Adresse wollte jemand bei Clair ein Konto anlegen, aber Sie haben dort schon ein Konto. Wenn Sie das waren und Ihr Passwort nicht mehr wissen, setzen Sie hier ein neues:\n\n" +
				"{link}\n\n" +
				"Waren Sie das nicht, ist nichts zu tun.",
			"Hello {name},\n\n" +
				"somebody wanted to sign up at Clair with your address, but you already have an account there. If this was you and you forgot your password, set a new one here:\n\n" +
				"{link}\n\n" +
				"If this was not you, there is nothing to do.",
		},
	}
	UnknownMail = Letter{
		Text{"Kein Konto bei Clair mit dieser Adresse", "No account at Clair with this address"},
		Text{
			"Guten Tag,\n\n" +
				"für {address} wurde bei Clair ein neues Passwort angefordert, aber mit dieser Adresse gibt es dort kein Konto. Vielleicht benutzen Sie eine andere. Ein Konto anlegen können Sie hier:\n\n" +
				"{link}\n\n" +
				"Waren Sie das nicht, ist nichts zu tun.",
			"Hello,\n\n" +
				"a new password was asked at Clair for {address}, but there is no account with this address. Perhaps you use another one. You can sign up here:\n\n" +
				"{link}\n\n" +
				"If this was not you, there is nothing to do.",
		},
	}
	PasswordSetMail = Letter{
		Text{"Ihr Passwort bei Clair wurde geändert", "Your password at Clair was changed"},
		Text{
			"Hallo {name},\n\n" +
				"Ihr Passwort wurde soeben geändert; andere Sitzungen und Token sind beendet. Waren Sie das nicht, setzen Sie hier gleich ein neues:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"your password was changed just now; other sessions and tokens have ended. If this was not you, set a new one here at once:\n\n" +
				"{link}",
		},
	}
	EmailReplacedMail = Letter{
		Text{"Ihre Haupt-Adresse bei Clair wurde geändert", "Your primary address at Clair was changed"},
		Text{
			"Hallo {name},\n\n" +
				"Mitteilungen zu Ihrem Konto gehen von nun an an eine andere Adresse. Waren Sie das nicht, setzen Sie hier gleich ein neues Passwort:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"messages about your account go to another address from now on. If this was not you, set a new password here at once:\n\n" +
				"{link}",
		},
	}
	EmailRemovedMail = Letter{
		Text{"Diese Adresse gehört nicht mehr zu Ihrem Konto bei Clair", "This address no longer belongs to your account at Clair"},
		Text{
			"Hallo {name},\n\n" +
				"{address} wurde aus Ihrem Konto entfernt. Waren Sie das nicht, setzen Sie gleich mit einer Ihrer anderen Adressen ein neues Passwort:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"{address} was removed from your account. If this was not you, set a new password at once, with another of your addresses:\n\n" +
				"{link}",
		},
	}
	EmailAddedMail = Letter{
		Text{"Zu Ihrem Konto bei Clair kam eine Adresse hinzu", "An address was added to your account at Clair"},
		Text{
			"Hallo {name},\n\n" +
				"zu Ihrem Konto wurde soeben eine weitere E-Mail-Adresse hinzugefügt. Waren Sie das nicht, setzen Sie hier gleich ein neues Passwort und entfernen Sie die Adresse:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"another e-mail address was added to your account just now. If this was not you, set a new password here at once and remove the address:\n\n" +
				"{link}",
		},
	}
	InvitationMail = Letter{
		Text{"Einladung in eine Organisation bei Clair", "Invitation to an organization at Clair"},
		Text{
			"Guten Tag,\n\n" +
				"{name} lädt Sie ein, bei Clair Mitglied der Organisation „{organization}“ zu werden. Hier können Sie annehmen oder ablehnen:\n\n" +
				"{link}\n\n" +
				"Der Link gilt zwei Wochen. Als Mitglied sehen Sie Räume, Sensoren und Messwerte der Organisation; die anderen Mitglieder sehen Ihren Namen und Ihre Adresse. Sie können jederzeit wieder austreten. Erwarten Sie keine Einladung, ist nichts zu tun: ohne Ihre Zusage geschieht nichts.",
			"Hello,\n\n" +
				"{name} invites you to become a member of the organization “{organization}” at Clair. You can accept or decline here:\n\n" +
				"{link}\n\n" +
				"The link is good for two weeks. As a member you see rooms, sensors and measurements of the organization; the other members see your name and your address. You can leave at any time. If you do not expect an invitation, there is nothing to do: nothing happens unless you agree.",
		},
	}
	ExportDoneMail = Letter{
		Text{"Ihre Datei ist fertig: {file}", "Your file is ready: {file}"},
		Text{
			"Hallo {name},\n\n" +
				"die Messwerte, die Sie bei Clair angefordert haben, liegen bereit: {file}. Hier können Sie sie herunterladen:\n\n" +
				"{link}\n\n" +
				"Der Link gilt bis zum {until}. Wer ihn hat, kann die Datei ohne Anmeldung laden; geben Sie ihn nur an Menschen weiter, die sie haben sollen. Löschen können Sie die Datei bei Clair unter „Exporte“.",
			"Hello {name},\n\n" +
				"the measurements that you asked Clair for are ready: {file}. Download them here:\n\n" +
				"{link}\n\n" +
				"The link is good until {until}. Whoever has it can download the file without logging in; pass it on only to people who should have it. You can delete the file at Clair under “Exports”.",
		},
	}
	ExportFailedMail = Letter{
		Text{"Ihre Datei konnte nicht erstellt werden: {file}", "Your file could not be made: {file}"},
		Text{
			"Hallo {name},\n\n" +
				"die Messwerte, die Sie bei Clair angefordert haben ({file}), konnten nicht als Datei gespeichert werden. Warum, und was Sie tun können, steht hier:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"the measurements that you asked Clair for ({file}) could not be saved as a file. Why, and what you can do, is told here:\n\n" +
				"{link}",
		},
	}
	TokenMadeMail = Letter{
		Text{"Für Ihr Konto bei Clair wurde ein Token angelegt", "A token was made for your account at Clair"},
		Text{
			"Hallo {name},\n\n" +
				"für Ihr Konto wurde soeben ein Token angelegt, mit dem ein Programm in Ihrem Namen arbeiten kann. Waren Sie das nicht, setzen Sie hier gleich ein neues Passwort; damit endet auch das Token:\n\n" +
				"{link}",
			"Hello {name},\n\n" +
				"a token was made for your account just now, with which a program can act in your name. If this was not you, set a new password here at once; the token ends with it:\n\n" +
				"{link}",
		},
	}
)
