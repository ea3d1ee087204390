// Command ingestair keeps the samples that forwarders send.
package main

import (
	"os"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
)

func main() { os.Exit(lifecycle.Main(app.Main())) }
