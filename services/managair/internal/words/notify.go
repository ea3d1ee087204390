package words

// What channels are sent. {code} and {channel} are filled in, the latter nowhere before the
// channel is confirmed: whom it reaches until then did not ask for anybody's words.
var (
	ChannelConfirm = Letter{
		Text{"Clair: Code {code} für einen Kanal", "Clair: code {code} for a channel"},
		Text{
			"Jemand möchte, dass Clair Mitteilungen hierher sendet. Wenn Sie das sind, geben Sie in Clair diesen Code ein:\n\n{code}\n\nEr gilt eine Stunde. Waren Sie das nicht, ist nichts zu tun: ohne den Code kommt nichts mehr.",
			"Somebody wants Clair to send messages here. If this is you, enter this code in Clair:\n\n{code}\n\nIt is good for an hour. If this was not you, there is nothing to do: without the code nothing more comes.",
		},
	}
	ChannelTest = Letter{
		Text{"Clair: Test des Kanals „{channel}“", "Clair: test of the channel “{channel}”"},
		Text{"Dies ist ein Test. Mitteilungen von Clair kommen hier an.", "This is a test. Messages of Clair arrive here."},
	}
	// NotifyDigest is the title of several messages at once, NotifyMore of those not listed.
	NotifyDigest = Text{"{n} Mitteilungen: {first} …", "{n} messages: {first} …"}
	NotifyMore   = Text{"und {n} weitere", "and {n} more"}
	// NotifyOpen is what the link to more is called.
	NotifyOpen = Text{"In Clair ansehen", "See it in Clair"}
	// Of mails that one can leave.
	LeaveLine  = Text{"Sie bekommen diese Mail über den Kanal „{channel}“. Abbestellen: {link}", "You get this mail by the channel “{channel}”. Unsubscribe: {link}"}
	LeaveFoot  = Text{"Sie bekommen diese Mail, weil dieser Kanal in Clair bestätigt wurde oder bestätigt werden soll.", "You get this mail because this channel was confirmed in Clair, or is to be."}
	LeaveTitle = Text{"Mitteilungen abbestellen", "Unsubscribe from messages"}
	LeaveAsk   = Text{"Soll Clair an diese Adresse keine Mitteilungen dieses Kanals mehr senden? Ihr Konto bleibt, wie es ist.", "Shall Clair send no more messages of this channel to this address? Your account stays as it is."}
	LeaveDo    = Text{"Abbestellen", "Unsubscribe"}
	// Of mails with reports: the kind and the site.
	LeaveReportsTitle = Text{"Berichte abbestellen", "Unsubscribe from reports"}
	LeaveReports      = Text{"Soll Clair Ihnen keinen %s Luftbericht über „%s“ mehr senden? Ihr Konto bleibt, wie es ist.", "Shall Clair send you no %s air report on “%s” any more? Your account stays as it is."}
	LeaveReportsDone  = Text{"Abbestellt. Es kommen keine weiteren Berichte dieser Art.", "Unsubscribed. No more reports of this kind come."}
	LeaveWeekly       = Text{"wöchentlichen", "weekly"}
	LeaveMonthly      = Text{"monatlichen", "monthly"}
	LeaveDone         = Text{"Abbestellt. Von diesem Kanal kommen keine Mitteilungen mehr.", "Unsubscribed. No more messages come by this channel."}
)
