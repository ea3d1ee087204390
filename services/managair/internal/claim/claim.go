// Package claim knows who may register a device that sends already: its samples wait,
// and whoever registers it gets them. Device EUIs stand on the devices, run in sequence
// and are sent in the clear, so knowing one proves nothing.
package claim

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Policy says what it takes to register a device that sends already.
type Policy string

// The policies.
const (
	// Open: nothing, who comes first has it.
	Open Policy = "open"
	// Code: a claim code of the administrators, who may also register it themselves.
	// Where there is only one organization nobody else can claim, and none is needed.
	Code Policy = "code"
	// Application: that the administrators have assigned the application of the network
	// server, from which the device was heard last, to the organization; or a code.
	Application Policy = "application"
)

// UnmarshalText takes the value from the environment.
func (p *Policy) UnmarshalText(text []byte) error {
	switch v := Policy(text); v {
	case Open, Code, Application:
		*p = v
		return nil
	default:
		return fmt.Errorf("%q is none of open, code, application", text)
	}
}

// Config is what the environment says of claims.
type Config struct {
	Policy Policy `env:"CLAIM_POLICY" envDefault:"code" desc:"what it takes to register a device that sends already: open (nothing), code (a claim code of the administrators, where there are several organizations), application (that they assigned its application at the network server to the organization, or a code)"`
}

// Terms are those under which devices are registered.
type Terms struct {
	Policy Policy
	// Strangers says that anybody may make an account, and an organization.
	Strangers bool
}

// Request asks for a code. A device without a number (a script) is known by its node.
type Request struct {
	Node         uuid.UUID
	EUI64        string
	Organization int64 // that may use it; 0: any
}

// Lifetime is how long a code can be used.
const Lifetime = 30 * 24 * time.Hour

// MaxCode is the length of the longest text that is read as a code.
const MaxCode = 40

// NewCode returns a code of 65 random bits, as people write it, and its digest.
func NewCode() (code string, digest [sha256.Size]byte) {
	code = rand.Text()[:13]
	return code[:4] + "-" + code[4:8] + "-" + code[8:], DigestOf(code)
}

// DigestOf returns the digest under which a code is kept, however it was written.
func DigestOf(code string) [sha256.Size]byte {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(code))
	return sha256.Sum256([]byte(plain))
}

// Refuse says that a device cannot be registered with a code, or without one.
func (p Policy) Refuse(code string) *fault.Violation {
	v := &fault.Violation{Field: "claim_code", Reason: reason.ClaimNeeded, Conflict: true}
	switch {
	case code != "":
		v.Reason = reason.ClaimWrong
	case p == Application:
		v.Reason = reason.ClaimNeededApplication
	}
	return v
}
