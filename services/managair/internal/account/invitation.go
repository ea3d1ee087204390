package account

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// invitedBy names who invites, also when the account is gone.
func invitedBy(v *view, i identity.Invitation) string {
	if i.Inviter == "" {
		return v.T(words.InvitedBySomebody, i.Organization)
	}
	return v.T(words.InvitedBy, i.Inviter, i.Organization)
}

// here is the address of a page, to come back to after logging in.
func (v *view) here() string { return "/accounts/login/?next=" + url.QueryEscape(v.Path) }

func (p *Pages) showInvitation(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleInvitation)
	i, err := p.accounts.InvitedBy(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, invitedPage(v, i))
}

// answerInvitation takes yes and no. Who has the link may say no; a member becomes who is
// logged in.
func (p *Pages) answerInvitation(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	switch r.PostForm.Get("action") {
	case "accept":
		c, ok := session.CurrentFrom(r.Context())
		if !ok || c.Session == nil {
			return web.Redirect(w, r, newView(r, words.TitleInvitation).here())
		}
		_, err := p.accounts.Accept(r.Context(), c.User.ID, key)
		if full, ok := errors.AsType[*fault.Violation](err); ok {
			v := newView(r, words.TitleInvitation)
			v.Bad = full.Reason.In(v.Lang, full.Args...)
			return show(w, r, http.StatusConflict, v, messagePage(v))
		}
		if err != nil {
			return err
		}
		return web.Redirect(w, r, landing)
	case "decline":
		if err := p.accounts.Decline(r.Context(), key); err != nil {
			return err
		}
		v := newView(r, words.TitleInvitation)
		v.Note = v.T(words.InvitationDeclined)
		return show(w, r, http.StatusOK, v, messagePage(v))
	default:
		return fault.New(fault.NotFound, "no such action")
	}
}
