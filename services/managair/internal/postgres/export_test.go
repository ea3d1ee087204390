package postgres

// Summaries is the query of Telemetry.Summaries.
const Summaries = summaries
