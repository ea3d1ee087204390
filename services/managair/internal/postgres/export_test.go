package postgres

import (
	"strings"
	"time"
)

// Summaries is the query of Telemetry.Summaries.
const Summaries = summaries

// TargetsSQL is the query of Alerts.Targets.
const TargetsSQL = targetsSQL

// TakeReport is the query of ReportMails.Take.
const TakeReport = takeReport

// EnqueueNotifications is for those of this package only, in their transactions.
var EnqueueNotifications = enqueueNotifications

// LabelOf is what the SQL is by which a row of a subject is called.
func LabelOf(subject string) string { return labels[subject] }

// RollupQuery is what a span of hours is read with, where none of it is late.
func RollupQuery(node int32, from, stop, until time.Time) (query string, args []any) {
	parts := rollupParts{args: []any{node}}
	parts.cover(from, stop, until)
	return strings.Join(parts.queries, " UNION ALL ") + " ORDER BY 1", parts.args
}
