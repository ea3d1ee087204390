package account

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

func (p *Pages) home(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleHome)
	addresses, err := p.accounts.EmailAddresses(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	v.Data = addresses
	return p.show(w, r, http.StatusOK, "home", v)
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleLogin)
	if v.User != nil {
		return redirect(w, r, nextOf(r))
	}
	v.Data = nextOf(r)
	return p.show(w, r, http.StatusOK, "login", v)
}

func (p *Pages) logIn(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleLogin)
	v.Data = nextOf(r)
	// The predecessor's form calls the name "login".
	user, err := p.accounts.LogIn(r.Context(), r.PostForm.Get("login"), r.PostForm.Get("password"), session.ClientOf(r))
	if err != nil {
		return p.refuse(w, r, "login", v, err)
	}
	if _, err := p.doors.Begin(w, r, user); err != nil {
		return err
	}
	return redirect(w, r, nextOf(r))
}

func (p *Pages) showLogout(w http.ResponseWriter, r *http.Request) error {
	if _, ok := session.CurrentFrom(r.Context()); !ok {
		return redirect(w, r, "/")
	}
	return p.show(w, r, http.StatusOK, "logout", newView(r, words.TitleLogout))
}

func (p *Pages) logOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/accounts/login/?done=logout")
}

func (p *Pages) setLanguage(w http.ResponseWriter, r *http.Request) error {
	lang := r.PostForm.Get("language")
	if words.Known(lang) {
		p.doors.KeepLanguage(w, lang)
	}
	return redirect(w, r, nextOf(r))
}

func (p *Pages) showSignUp(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "signup", newView(r, words.TitleSignup))
}

func (p *Pages) signUp(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleSignup)
	form := r.PostForm
	if err := twice(form, "password1", "password2"); err != nil {
		return p.refuse(w, r, "signup", v, err)
	}
	if err := p.accounts.SignUp(r.Context(), form.Get("username"), form.Get("email"), form.Get("password1"), session.ClientOf(r)); err != nil {
		return p.refuse(w, r, "signup", v, err)
	}
	v = newView(r, words.TitleMailSent)
	v.Note = words.MailSent.In(v.Lang, form.Get("email"))
	return p.show(w, r, http.StatusOK, "message", v)
}

// twice checks a password that is entered twice.
func twice(form url.Values, first, second string) error {
	if form.Get(first) != form.Get(second) {
		return &fault.Violation{Field: "repeat", Code: "password_mismatch"}
	}
	return nil
}

func (p *Pages) showConfirm(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleConfirm)
	_, address, err := p.accounts.ConfirmedBy(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	v.Data = address.Email
	return p.show(w, r, http.StatusOK, "confirm", v)
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
		return redirect(w, r, "/accounts/email/?done=confirmed")
	}
	return redirect(w, r, "/accounts/login/?done=confirmed")
}

func (p *Pages) showReset(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "reset", newView(r, words.TitleReset))
}

func (p *Pages) requestReset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitleReset)
	email := r.PostForm.Get("email")
	if err := p.accounts.RequestReset(r.Context(), email, session.ClientOf(r)); err != nil {
		return p.refuse(w, r, "reset", v, err)
	}
	v = newView(r, words.TitleMailSent)
	v.Note = words.ResetSent.In(v.Lang, email)
	return p.show(w, r, http.StatusOK, "message", v)
}

func (p *Pages) showResetKey(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitlePassword)
	user, err := p.accounts.ResetOwner(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	tokens, err := p.namedTokens(r, user.ID)
	if err != nil {
		return err
	}
	v.Data = passwordData{user.Username, tokens}
	return p.show(w, r, http.StatusOK, "reset_key", v)
}

func (p *Pages) reset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.TitlePassword)
	user, err := p.accounts.ResetOwner(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	tokens, err := p.namedTokens(r, user.ID)
	if err != nil {
		return err
	}
	v.Data = passwordData{user.Username, tokens}
	if err = twice(r.PostForm, "password1", "password2"); err == nil {
		err = p.accounts.Reset(r.Context(), r.PathValue("key"), r.PostForm.Get("password1"), kept(r), session.ClientOf(r))
	}
	if err != nil {
		return p.refuse(w, r, "reset_key", v, err)
	}
	return redirect(w, r, "/accounts/login/?done=password")
}
