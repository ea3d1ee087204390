// Package conformance holds a table of broken values against every door of the
// inventory: the HTTP API, the admin pages' store, fixtures, and SQL. Each must refuse
// with the same code. A new rule is a line there.
package conformance
