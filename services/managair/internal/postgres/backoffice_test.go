package postgres_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// No page of the administrator is headed by the number of a row.
func TestRowsOfAllSubjectsHaveNames(t *testing.T) {
	t.Parallel()
	for _, s := range backoffice.Subjects {
		if postgres.LabelOf(s.Name) == "" {
			t.Errorf("a row of %s has no name", s.Name)
		}
	}
}
