// Package postgres keeps the domain's data. It is the only place of managair with
// SQL; the policy of package access becomes conditions of its queries here.
package postgres
