package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

func (p *Pages) emailView(r *http.Request) (*view, error) {
	v := newView(r, words.TitleEmail)
	v.Wide, v.AskPassword = true, p.accounts.NeedsPassword(*person(r).Session)
	addresses, err := p.accounts.EmailAddresses(r.Context(), v.User.ID)
	v.Data = addresses
	return v, err
}

func (p *Pages) showEmail(w http.ResponseWriter, r *http.Request) error {
	v, err := p.emailView(r)
	if err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "email", v)
}

func (p *Pages) changeEmail(w http.ResponseWriter, r *http.Request) error {
	user, client := person(r).User, session.ClientOf(r)
	id, _ := strconv.ParseInt(r.PostForm.Get("id"), 10, 64) // 0 is nobody's
	var err error
	done := r.PostForm.Get("action")
	switch done {
	case "add":
		if err = p.confirmPerson(r); err != nil {
			break
		}
		err = p.accounts.AddEmail(r.Context(), user, r.PostForm.Get("email"), client)
	case "primary":
		if err = p.confirmPerson(r); err != nil {
			break
		}
		err = p.accounts.SetPrimaryEmail(r.Context(), user, id, client)
	case "send":
		err = p.accounts.ResendConfirmation(r.Context(), user, id, client)
	case "remove":
		err = p.accounts.RemoveEmail(r.Context(), user.ID, id)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
	if err != nil {
		v, viewErr := p.emailView(r)
		if viewErr != nil {
			return viewErr
		}
		return p.refuse(w, r, "email", v, err)
	}
	return redirect(w, r, "/accounts/email/?done=email_"+done)
}

// confirmPerson asks for the password before a new way into the account is made, if
// the log-in is some time ago: sessions are left open, and stolen.
func (p *Pages) confirmPerson(r *http.Request) error {
	c := person(r)
	return p.accounts.ConfirmPerson(r.Context(), c.User, *c.Session, r.PostForm.Get("password"), session.ClientOf(r))
}

func (p *Pages) showProfile(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleProfile)
	v.Form = url.Values{"username": {v.User.Username}, "first_name": {v.User.FirstName}, "last_name": {v.User.LastName}}
	return p.show(w, r, http.StatusOK, "profile", v)
}

func (p *Pages) changeProfile(w http.ResponseWriter, r *http.Request) error {
	user := person(r).User
	user.Username, user.FirstName, user.LastName = r.PostForm.Get("username"), r.PostForm.Get("first_name"), r.PostForm.Get("last_name")
	if _, err := p.accounts.UpdateProfile(r.Context(), user); err != nil {
		return p.refuse(w, r, "profile", newView(r, words.TitleProfile), err)
	}
	return redirect(w, r, "/accounts/?done=profile")
}

// passwordData is what the pages for a new password show: whose it is, and the tokens
// that end with the old one unless they are kept.
type passwordData struct {
	Username string
	Tokens   []identity.Token
}

func (p *Pages) namedTokens(r *http.Request, userID int64) ([]identity.Token, error) {
	tokens, err := p.accounts.Tokens(r.Context(), userID)
	return slices.DeleteFunc(tokens, func(t identity.Token) bool { return t.Name == "" }), err
}

// kept returns the ids of the tokens that the form says are to stay.
func kept(r *http.Request) []int64 {
	ids := []int64{}
	for _, raw := range r.PostForm["keep"] {
		if id, err := strconv.ParseInt(raw, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *Pages) passwordView(r *http.Request) (*view, error) {
	v, user := newView(r, words.TitlePassword), person(r).User
	tokens, err := p.namedTokens(r, user.ID)
	v.Data = passwordData{user.Username, tokens}
	return v, err
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request) error {
	v, err := p.passwordView(r)
	if err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "password", v)
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request) error {
	v, err := p.passwordView(r)
	if err != nil {
		return err
	}
	c, form := person(r), r.PostForm
	if err = twice(form, "password1", "password2"); err == nil {
		err = p.accounts.ChangePassword(r.Context(), c.User, form.Get("oldpassword"), form.Get("password1"),
			identity.Kept{Secret: c.Secret(), Tokens: kept(r)}, session.ClientOf(r))
	}
	if err != nil {
		return p.refuse(w, r, "password", v, err)
	}
	return redirect(w, r, "/accounts/?done=password")
}

// validities are how long a token may be valid.
var validities = []struct {
	days string
	text words.Text
}{
	{"30", words.TokenDays30}, {"90", words.TokenDays90}, {"365", words.TokenDays365}, {"0", words.TokenDays0},
}

func scopeText(s identity.Scope) words.Text {
	if s == identity.ScopeRead {
		return words.ScopeRead
	}
	return words.ScopeWrite
}

// sessionsData is what the page of sessions and tokens shows.
type sessionsData struct {
	Sessions []identity.Session
	Current  int64
	Tokens   []identity.Token
	Secret   string // of a token just made
}

func (p *Pages) sessionsView(r *http.Request, secret string) (*view, error) {
	v := newView(r, words.TitleSessions)
	c := person(r)
	v.Wide, v.AskPassword = true, p.accounts.NeedsPassword(*c.Session)
	data := sessionsData{Current: c.Session.ID, Secret: secret}
	var err error
	if data.Sessions, err = p.accounts.Sessions(r.Context(), c.User.ID); err != nil {
		return nil, err
	}
	if data.Tokens, err = p.accounts.Tokens(r.Context(), c.User.ID); err != nil {
		return nil, err
	}
	v.Data = data
	return v, nil
}

func (p *Pages) showSessions(w http.ResponseWriter, r *http.Request) error {
	v, err := p.sessionsView(r, "")
	if err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "sessions", v)
}

func (p *Pages) changeSessions(w http.ResponseWriter, r *http.Request) error {
	c, form := person(r), r.PostForm
	id, _ := strconv.ParseInt(form.Get("id"), 10, 64) // 0 is nobody's
	switch form.Get("action") {
	case "end":
		if err := p.accounts.EndSession(r.Context(), c.User.ID, id); err != nil {
			return err
		}
		return redirect(w, r, "/accounts/sessions/?done=session_ended")
	case "revoke":
		if err := p.accounts.EndToken(r.Context(), c.User.ID, id); err != nil {
			return err
		}
		return redirect(w, r, "/accounts/sessions/?done=token_revoked")
	case "create":
		days, err := strconv.Atoi(form.Get("days"))
		if err != nil || days < 0 || days > 3650 {
			days = -1
		}
		secret := ""
		if err = p.confirmPerson(r); err == nil {
			secret, _, err = p.accounts.CreateToken(r.Context(), c.User, form.Get("name"),
				identity.Scope(form.Get("scope")), time.Duration(days)*24*time.Hour, session.ClientOf(r))
		}
		v, viewErr := p.sessionsView(r, secret)
		if viewErr != nil {
			return viewErr
		}
		if err != nil {
			return p.refuse(w, r, "sessions", v, err)
		}
		v.Form = nil
		return p.show(w, r, http.StatusOK, "sessions", v)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
}

func (p *Pages) showDelete(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "delete", newView(r, words.TitleDelete))
}

func (p *Pages) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleDelete)
	organizations, err := p.accounts.DeleteAccount(r.Context(), person(r).User, r.PostForm.Get("password"), session.ClientOf(r))
	if err != nil {
		if len(organizations) > 0 {
			v.Bad = words.LastOwner.In(v.Lang, strings.Join(organizations, ", "))
			return p.show(w, r, http.StatusConflict, "delete", v)
		}
		return p.refuse(w, r, "delete", v, err)
	}
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/accounts/login/?done=deleted")
}
