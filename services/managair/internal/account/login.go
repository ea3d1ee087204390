package account

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

func (p *Pages) home(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleHome)
	addresses, err := p.accounts.EmailAddresses(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, homePage(v, addresses))
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleLogin)
	if v.User != nil {
		return web.Redirect(w, r, nextOf(r))
	}
	return show(w, r, http.StatusOK, v, loginPage(v, nextOf(r)))
}

func (p *Pages) logIn(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleLogin)
	// The predecessor's form calls the name "login".
	user, err := p.accounts.LogIn(r.Context(), r.PostForm.Get("login"), r.PostForm.Get("password"), session.ClientOf(r))
	if err != nil {
		return p.refuse(w, r, v, loginPage(v, nextOf(r)), err)
	}
	if _, err := p.doors.Begin(w, r, user); err != nil {
		return err
	}
	return web.Redirect(w, r, nextOf(r))
}

func (p *Pages) showLogout(w http.ResponseWriter, r *http.Request) error {
	if _, ok := session.CurrentFrom(r.Context()); !ok {
		return web.Redirect(w, r, "/")
	}
	v := newView(r, words.TitleLogout)
	return show(w, r, http.StatusOK, v, logoutPage(v))
}

func (p *Pages) logOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return web.Redirect(w, r, "/accounts/login/?done=logout")
}

func (p *Pages) setLanguage(w http.ResponseWriter, r *http.Request) error {
	lang := r.PostForm.Get("language")
	if words.Known(lang) {
		p.doors.KeepLanguage(w, lang)
	}
	return web.Redirect(w, r, nextOf(r))
}

func (p *Pages) showSignUp(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleSignup)
	return show(w, r, http.StatusOK, v, signupPage(v, p.accounts.SigningUp()))
}

func (p *Pages) signUp(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleSignup)
	form := r.PostForm
	page := signupPage(v, p.accounts.SigningUp())
	if err := twice(form, "password1", "password2"); err != nil {
		return p.refuse(w, r, v, page, err)
	}
	if err := p.accounts.SignUp(r.Context(), form.Get("username"), form.Get("email"), form.Get("password1"), session.ClientOf(r)); err != nil {
		if errors.Is(err, identity.ErrSignUpClosed) {
			return show(w, r, http.StatusForbidden, v, page)
		}
		return p.refuse(w, r, v, page, err)
	}
	v = newView(r, words.TitleMailSent)
	note := words.MailSent
	if p.accounts.SigningUp() == identity.SignUpInvitation {
		note = words.MailSentIfInvited
	}
	v.Note = p.written(v.Lang, note.In(v.Lang, identity.ReadableEmail(form.Get("email"))))
	return show(w, r, http.StatusOK, v, messagePage(v))
}

// twice checks a password that is entered twice.
func twice(form url.Values, first, second string) error {
	if form.Get(first) != form.Get(second) {
		return &fault.Violation{Field: "repeat", Reason: reason.PasswordMismatch}
	}
	return nil
}

func (p *Pages) showConfirm(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleConfirm)
	_, address, err := p.accounts.ConfirmedBy(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, confirmPage(v, identity.ReadableEmail(address.Email)))
}

func (p *Pages) confirm(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.accounts.ConfirmEmail(r.Context(), r.PathValue("key")); err != nil {
		// Somebody else may have confirmed the address in the meantime.
		if _, taken := errors.AsType[*fault.Violation](err); taken {
			return identity.ErrUnknownKey
		}
		return err
	}
	if _, ok := session.CurrentFrom(r.Context()); ok {
		return web.Redirect(w, r, "/accounts/email/?done=confirmed")
	}
	return web.Redirect(w, r, "/accounts/login/?done=confirmed")
}

func (p *Pages) showReset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleReset)
	return show(w, r, http.StatusOK, v, resetPage(v))
}

func (p *Pages) requestReset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleReset)
	email := r.PostForm.Get("email")
	if err := p.accounts.RequestReset(r.Context(), email, session.ClientOf(r)); err != nil {
		return p.refuse(w, r, v, resetPage(v), err)
	}
	v = newView(r, words.TitleMailSent)
	v.Note = p.written(v.Lang, words.ResetSent.In(v.Lang, identity.ReadableEmail(email)))
	return show(w, r, http.StatusOK, v, messagePage(v))
}

func (p *Pages) showResetKey(w http.ResponseWriter, r *http.Request) error {
	v, page, err := p.resetKey(r)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, v, page)
}

// resetKey finds whose password the key in a mail resets, and makes the page that asks
// for a new one.
func (p *Pages) resetKey(r *http.Request) (*view, templ.Component, error) {
	v := newView(r, words.TitlePassword)
	user, err := p.accounts.ResetOwner(r.Context(), r.PathValue("key"))
	if err != nil {
		return nil, nil, err
	}
	tokens, err := p.namedTokens(r, user.ID)
	if err != nil {
		return nil, nil, err
	}
	return v, resetKeyPage(v, user.Username, tokens), nil
}

func (p *Pages) reset(w http.ResponseWriter, r *http.Request) error {
	v, page, err := p.resetKey(r)
	if err != nil {
		return err
	}
	if err = twice(r.PostForm, "password1", "password2"); err == nil {
		err = p.accounts.Reset(r.Context(), r.PathValue("key"), r.PostForm.Get("password1"), kept(r), session.ClientOf(r))
	}
	if err != nil {
		return p.refuse(w, r, v, page, err)
	}
	return web.Redirect(w, r, "/accounts/login/?done=password")
}
