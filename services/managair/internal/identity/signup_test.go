package identity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
)

// slowStore takes its time for what it knows: one address has an account, one is invited.
type slowStore struct{ identity.Store }

func (slowStore) Attempt(context.Context, string, int, time.Duration, time.Time) (time.Duration, error) {
	return 0, nil
}

func (slowStore) UserByName(context.Context, string) (identity.User, error) {
	return identity.User{}, fault.New(fault.NotFound, "nobody")
}

func (slowStore) UserByEmail(_ context.Context, email string) (identity.User, error) {
	if email != "known@schule.example" {
		return identity.User{}, fault.New(fault.NotFound, "nobody")
	}
	return identity.User{Username: "vera"}, nil
}

func (slowStore) IsInvited(_ context.Context, email string, _ time.Time) (bool, error) {
	return email == "invited@schule.example", nil
}

func (slowStore) CreateUser(_ context.Context, n identity.NewUser) (identity.User, error) {
	time.Sleep(20 * time.Millisecond)
	return n.User, nil
}

func (slowStore) EmailAddresses(context.Context, int64) ([]identity.EmailAddress, error) {
	return []identity.EmailAddress{{}}, nil
}

func (slowStore) CreateKey(context.Context, identity.Digest, identity.Purpose, int64, *int64, time.Time) error {
	time.Sleep(5 * time.Millisecond)
	return nil
}

type slowMailer struct{}

func (slowMailer) Send(context.Context, identity.Mail) error {
	time.Sleep(10 * time.Millisecond)
	return nil
}

// How long the answer takes does not tell who is invited, nor who has an account.
func TestInvitedAddressesAreNotToldByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := identitytest.Limits(t)
		limits.SignUp = identity.SignUpInvitation
		accounts := identity.NewAccounts(slowStore{}, identity.NewHasher(), slowMailer{}, limits, time.Now)
		took := map[time.Duration]string{}
		for _, who := range []string{"stranger", "invited", "known"} {
			began := time.Now()
			if err := accounts.SignUp(t.Context(), who, who+"@schule.example", "ein langes Kennwort", identity.Client{}); err != nil {
				t.Fatal(err)
			}
			took[time.Since(began)] = who
		}
		if len(took) != 1 {
			t.Errorf("the answers took %v, want the same for all", took)
		}
	})
}
