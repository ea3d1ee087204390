package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

func (p *Pages) emails(r *http.Request) (*view, []identity.EmailAddress, error) {
	v := newView(r, words.TitleEmail)
	v.Wide, v.AskPassword = true, p.accounts.NeedsPassword(*person(r).Session)
	addresses, err := p.accounts.EmailAddresses(r.Context(), v.User.ID)
	return v, addresses, err
}

func (p *Pages) showEmail(w http.ResponseWriter, r *http.Request) error {
	v, addresses, err := p.emails(r)
	if err != nil {
		return err
	}
	if done := r.URL.Query().Get("done"); done == "email_add" || done == "email_send" {
		v.Note = p.written(v.Lang, v.Note)
	}
	return show(w, r, http.StatusOK, v, emailPage(v, addresses))
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
		if err = p.confirmPerson(r); err != nil {
			break
		}
		err = p.accounts.RemoveEmail(r.Context(), user, id, client)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
	if err != nil {
		v, addresses, viewErr := p.emails(r)
		if viewErr != nil {
			return viewErr
		}
		page := emailPage(v, addresses)
		// The buttons of single addresses have no field for the password beside them.
		if i := slices.IndexFunc(addresses, func(e identity.EmailAddress) bool { return e.ID == id }); i >= 0 && v.AskPassword && done != "send" {
			page = addressPage(v, addresses[i], done)
			if !r.PostForm.Has("password") { // nobody has been asked yet, so nothing is wrong
				return show(w, r, http.StatusOK, v, page)
			}
		}
		return p.refuse(w, r, v, page, err)
	}
	return web.Redirect(w, r, "/accounts/email/?done=email_"+done)
}

// confirmPerson asks for the password before a new way into the account is made, or one
// is taken away, if the log-in is some time ago: sessions are left open, and stolen.
func (p *Pages) confirmPerson(r *http.Request) error {
	c := person(r)
	return p.accounts.ConfirmPerson(r.Context(), c.User, *c.Session, r.PostForm.Get("password"), session.ClientOf(r))
}

func (p *Pages) showProfile(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleProfile)
	v.Form = url.Values{"username": {v.User.Username}, "first_name": {v.User.FirstName}, "last_name": {v.User.LastName}}
	return show(w, r, http.StatusOK, v, profilePage(v))
}

func (p *Pages) changeProfile(w http.ResponseWriter, r *http.Request) error {
	user := person(r).User
	user.Username, user.FirstName, user.LastName = r.PostForm.Get("username"), r.PostForm.Get("first_name"), r.PostForm.Get("last_name")
	if _, err := p.accounts.UpdateProfile(r.Context(), user); err != nil {
		v := newView(r, words.TitleProfile)
		return p.refuse(w, r, v, profilePage(v), err)
	}
	return web.Redirect(w, r, "/accounts/?done=profile")
}

// namedTokens returns the tokens that end with a password unless they are kept.
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

func (p *Pages) password(r *http.Request) (*view, templ.Component, error) {
	v := newView(r, words.TitlePassword)
	tokens, err := p.namedTokens(r, v.User.ID)
	return v, passwordPage(v, tokens), err
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request) error {
	v, page, err := p.password(r)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, page)
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request) error {
	v, page, err := p.password(r)
	if err != nil {
		return err
	}
	c, form := person(r), r.PostForm
	if err = twice(form, "password1", "password2"); err == nil {
		err = p.accounts.ChangePassword(r.Context(), c.User, form.Get("oldpassword"), form.Get("password1"),
			identity.Kept{Secret: c.Secret(), Tokens: kept(r)}, session.ClientOf(r))
	}
	if err != nil {
		return p.refuse(w, r, v, page, err)
	}
	return web.Redirect(w, r, "/accounts/?done=password")
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

func (p *Pages) sessions(r *http.Request, secret string) (*view, templ.Component, error) {
	v := newView(r, words.TitleSessions)
	c := person(r)
	v.Wide, v.AskPassword = true, p.accounts.NeedsPassword(*c.Session)
	data := sessionsData{Current: c.Session.ID, Secret: secret}
	var err error
	if data.Sessions, err = p.accounts.Sessions(r.Context(), c.User.ID); err != nil {
		return nil, nil, err
	}
	if data.Tokens, err = p.accounts.Tokens(r.Context(), c.User.ID); err != nil {
		return nil, nil, err
	}
	return v, sessionsPage(v, data), nil
}

func (p *Pages) showSessions(w http.ResponseWriter, r *http.Request) error {
	v, page, err := p.sessions(r, "")
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, page)
}

func (p *Pages) changeSessions(w http.ResponseWriter, r *http.Request) error {
	c, form := person(r), r.PostForm
	id, _ := strconv.ParseInt(form.Get("id"), 10, 64) // 0 is nobody's
	switch form.Get("action") {
	case "end":
		if err := p.accounts.EndSession(r.Context(), c.User.ID, id); err != nil {
			return err
		}
		return web.Redirect(w, r, "/accounts/sessions/?done=session_ended")
	case "revoke":
		if err := p.accounts.EndToken(r.Context(), c.User.ID, id); err != nil {
			return err
		}
		return web.Redirect(w, r, "/accounts/sessions/?done=token_revoked")
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
		v, page, viewErr := p.sessions(r, secret)
		if viewErr != nil {
			return viewErr
		}
		if err != nil {
			return p.refuse(w, r, v, page, err)
		}
		v.Form = nil
		return show(w, r, http.StatusOK, v, page)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
}

func (p *Pages) showDelete(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleDelete)
	return show(w, r, http.StatusOK, v, deletePage(v))
}

func (p *Pages) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleDelete)
	organizations, err := p.accounts.DeleteAccount(r.Context(), person(r).User, r.PostForm.Get("password"), session.ClientOf(r))
	if err != nil {
		if len(organizations) > 0 {
			v.Bad = words.LastOwner.In(v.Lang, strings.Join(organizations, ", "))
			return show(w, r, http.StatusConflict, v, deletePage(v))
		}
		return p.refuse(w, r, v, deletePage(v), err)
	}
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return web.Redirect(w, r, "/accounts/login/?done=deleted")
}
