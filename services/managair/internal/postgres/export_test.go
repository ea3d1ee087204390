package postgres

// Summaries is the query of Telemetry.Summaries.
const Summaries = summaries

// TargetsSQL is the query of Alerts.Targets.
const TargetsSQL = targetsSQL

// EnqueueNotifications is for those of this package only, in their transactions.
var EnqueueNotifications = enqueueNotifications

// LabelOf is what the SQL is by which a row of a subject is called.
func LabelOf(subject string) string { return labels[subject] }
