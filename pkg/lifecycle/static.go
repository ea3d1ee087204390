package lifecycle

import (
	// Images hold nothing but the binary, so what a system would lend comes with it:
	// certificate authorities, used where the system has none (or SSL_CERT_FILE
	// names others), and time zones.
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)
