// Package postgres keeps the domain's data. It is the only place with SQL.
package postgres
