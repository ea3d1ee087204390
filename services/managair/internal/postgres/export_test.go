package postgres

// Summaries is the query of Telemetry.Summaries.
const Summaries = summaries

// EnqueueNotifications is for those of this package only, in their transactions.
var EnqueueNotifications = enqueueNotifications
