// Command managair serves the HTTP API, the account and admin pages, and works
// the background tasks of the Clair Stack.
package main

import (
	"os"

	"github.com/clairberlin/clair-stack/services/managair/internal/app"
)

func main() { os.Exit(app.Main()) }
