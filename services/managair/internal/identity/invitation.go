package identity

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

const (
	// invitationLifetime is how long one can think it over.
	invitationLifetime = 14 * 24 * time.Hour
	// MaxInvitations bounds those of an organization that wait for an answer.
	MaxInvitations = 100
)

// Invitation asks somebody to become a member of an organization. Nobody is made a
// member without saying yes, and nothing of it says whether the address has an account.
type Invitation struct {
	ID             int64
	OrganizationID int64
	Organization   string // its name
	Email          string
	Role           string
	Inviter        string // their username, "" when the account is gone
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

// Invited is who shall become a member of what. Email or UserID says who; by the id
// those are named whom the inviter shares an organization with.
type Invited struct {
	OrganizationID int64
	Email          string
	UserID         int64
	Role           string
}

// InvitationRole is what the role of an invitation must be like: as of memberships.
var InvitationRole = rule.Choice{inventory.Owner, inventory.Inspector}

// InvitationStore keeps invitations. What the caller is no OWNER of is not there.
type InvitationStore interface {
	// Fellow returns the address of somebody with whom the caller shares an organization.
	Fellow(ctx context.Context, callerID, userID int64) (email string, err error)
	// Invite makes an invitation, in the place of one to the same address.
	Invite(ctx context.Context, callerID int64, i Invitation, digest Digest) (Invitation, error)
	// Invitations lists those of an organization, or of all for 0.
	Invitations(ctx context.Context, callerID, organizationID int64, now time.Time) ([]Invitation, error)
	Invitation(ctx context.Context, callerID, id int64, now time.Time) (Invitation, error)
	Withdraw(ctx context.Context, callerID, id int64) error

	// InvitationByKey returns the invitation with that key.
	InvitationByKey(ctx context.Context, digest Digest, now time.Time) (Invitation, error)
	// IsInvited reports whether an invitation to the address waits.
	IsInvited(ctx context.Context, email string, now time.Time) (bool, error)
	// Accept makes the user a member and uses the invitation up. Who is a member already
	// stays what they are, and who is OWNER of as many organizations as the limit is not
	// made one more; 0: no limit.
	Accept(ctx context.Context, digest Digest, userID int64, now time.Time, limit int) (Invitation, error)
	Decline(ctx context.Context, digest Digest) error
}

// invitedAddress returns where the invitation goes: to the address that was given, or to
// that of a fellow member.
func (a *Accounts) invitedAddress(ctx context.Context, inviterID int64, who Invited) (string, error) {
	if who.UserID == 0 {
		return CleanEmail(who.Email)
	}
	email, err := a.store.Fellow(ctx, inviterID, who.UserID)
	if fault.Is(err, fault.NotFound) {
		return "", &fault.Violation{Reference: true, Field: "user", Reason: reason.DoesNotExist, Args: []any{who.UserID}}
	}
	return email, err
}

// Invite mails an invitation. Whether the address has an account makes no difference.
func (a *Accounts) Invite(ctx context.Context, inviterID int64, who Invited, c Client) (Invitation, error) {
	email, err := a.invitedAddress(ctx, inviterID, who)
	if err != nil {
		return Invitation{}, err
	}
	secret, digest := NewSecret()
	made, err := a.store.Invite(ctx, inviterID, Invitation{
		OrganizationID: who.OrganizationID, Email: email, Role: who.Role, CreatedAt: a.now(), ExpiresAt: a.now().Add(invitationLifetime),
	}, digest)
	if err != nil {
		return Invitation{}, err
	}
	if err = a.limitMail(ctx, inviting, email, c); err == nil {
		err = a.mailer.Send(ctx, Mail{
			Kind: MailInvitation, To: email, Language: c.Language, Username: made.Inviter, Organization: made.Organization, Key: secret,
		})
	}
	if err != nil {
		// Without a mail nobody can accept it.
		_ = a.store.Withdraw(context.WithoutCancel(ctx), inviterID, made.ID)
		return Invitation{}, err
	}
	return made, nil
}

// Invitations lists the invitations of organizations that the user is OWNER of.
func (a *Accounts) Invitations(ctx context.Context, userID, organizationID int64) ([]Invitation, error) {
	return a.store.Invitations(ctx, userID, organizationID, a.now())
}

// Invitation returns one of them.
func (a *Accounts) Invitation(ctx context.Context, userID, id int64) (Invitation, error) {
	return a.store.Invitation(ctx, userID, id, a.now())
}

// Withdraw takes an invitation back.
func (a *Accounts) Withdraw(ctx context.Context, userID, id int64) error {
	return a.store.Withdraw(ctx, userID, id)
}

// InvitedBy returns the invitation with the key of a mail.
func (a *Accounts) InvitedBy(ctx context.Context, key string) (Invitation, error) {
	i, err := a.store.InvitationByKey(ctx, DigestOf(key), a.now())
	return i, unknownKey(err)
}

// Accept makes the user a member.
func (a *Accounts) Accept(ctx context.Context, userID int64, key string) (Invitation, error) {
	i, err := a.store.Accept(ctx, DigestOf(key), userID, a.now(), a.limits.organizations)
	return i, unknownKey(err)
}

// Decline forgets an invitation.
func (a *Accounts) Decline(ctx context.Context, key string) error {
	return unknownKey(a.store.Decline(ctx, DigestOf(key)))
}
