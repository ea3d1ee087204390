// Package testserver finds the servers that tests need. Their addresses come from the
// environment. Without one the test skips; with CLAIR_TEST_REQUIRE set it fails.
package testserver

import (
	"os"
	"testing"
)

// URL returns the URL of the server that the variable names.
func URL(t testing.TB, variable, server string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" {
		how := variable + " names no " + server + "; make test starts one"
		if os.Getenv("CLAIR_TEST_REQUIRE") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return url
}
