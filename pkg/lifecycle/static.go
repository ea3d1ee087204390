package lifecycle

// Images hold nothing but the binary, so what a system would lend comes with it.
import (
	// Time zones.
	_ "time/tzdata"

	// Certificate authorities, used where the system has none (or SSL_CERT_FILE
	// names others).
	_ "golang.org/x/crypto/x509roots/fallback"
)
