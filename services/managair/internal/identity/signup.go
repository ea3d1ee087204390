package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// SignUp says who may make an account.
type SignUp string

// The ways of signing up.
const (
	// SignUpOpen lets anybody sign up.
	SignUpOpen SignUp = "open"
	// SignUpInvitation lets those sign up at whose address an invitation waits.
	SignUpInvitation SignUp = "invitation"
	// SignUpClosed lets nobody sign up: administrators make the accounts.
	SignUpClosed SignUp = "closed"
)

// UnmarshalText takes the value from the environment.
func (s *SignUp) UnmarshalText(text []byte) error {
	switch v := SignUp(text); v {
	case SignUpOpen, SignUpInvitation, SignUpClosed:
		*s = v
		return nil
	default:
		return fmt.Errorf("%q is none of open, invitation, closed", text)
	}
}

// ErrSignUpClosed refuses whoever signs up where nobody may.
var ErrSignUpClosed = fault.New(fault.Forbidden, "accounts are made by the administrators")

// SigningUp returns who may make an account.
func (a *Accounts) SigningUp() SignUp { return a.limits.SignUp }

// settling is longer than anything takes that depends on whether an address is invited
// or known, on a machine that is not overloaded.
const settling = 500 * time.Millisecond

// settle lets what began with it end no sooner than after that time.
func settle(ctx context.Context) (end func()) {
	timer := time.NewTimer(settling)
	return func() {
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// admitted reports whether somebody may sign up with an address, which has no account.
// That they may not is not told to them: they could ask who has been invited.
func (a *Accounts) admitted(ctx context.Context, email string) (bool, error) {
	if a.limits.SignUp != SignUpInvitation {
		return true, nil
	}
	return a.store.IsInvited(ctx, email, a.now())
}
