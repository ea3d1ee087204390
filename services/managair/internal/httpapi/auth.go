package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// auth is /api/v1/auth/: logging in and out, one's own account, and passwords.
type auth struct {
	api      *API
	accounts *identity.Accounts
	sessions *session.Authenticator
}

// addAuth adds the routes of accounts and of invitations.
func (a *API) addAuth(accounts *identity.Accounts, sessions *session.Authenticator) {
	h := &auth{a, accounts, sessions}
	const base = Base + "/auth"
	a.add(
		Route{Method: http.MethodPost, Pattern: base + "/login", Audience: access.Everyone, Handler: h.logIn},
		Route{Method: http.MethodPost, Pattern: base + "/logout", Audience: access.Everyone, Handler: h.logOut},
		Route{Method: http.MethodGet, Pattern: base + "/user", Audience: access.Accounts, Handler: h.user},
		Route{Method: http.MethodPatch, Pattern: base + "/user", Audience: access.Accounts, Handler: h.changeUser},
		Route{Method: http.MethodPut, Pattern: base + "/user", Audience: access.Accounts, Handler: h.changeUser},
		Route{Method: http.MethodPost, Pattern: base + "/password/change", Audience: access.Accounts, Handler: h.changePassword},
		Route{Method: http.MethodPost, Pattern: base + "/password/reset", Audience: access.Everyone, Handler: h.requestReset},
		Route{Method: http.MethodPost, Pattern: base + "/password/reset/confirm", Audience: access.Everyone, Handler: h.reset},
	)
	h.addInvitations()
}

// WriteRefusal answers a request whose credentials are not accepted. Missing ones
// have another code.
func WriteRefusal(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	if e, ok := errors.AsType[*identity.TooManyAttempts](err); ok {
		err = throttled(w, e)
	}
	if fault.Is(err, fault.Unauthenticated) {
		err = jsonapi.Errors{{Status: http.StatusUnauthorized, Reason: reason.AuthenticationFailed}}
	}
	for refusal, why := range map[error]reason.Reason{session.ErrCSRF: reason.CSRFNotRepeated, session.ErrCrossOrigin: reason.CrossOrigin} {
		if errors.Is(err, refusal) {
			err = jsonapi.Errors{{Status: http.StatusForbidden, Reason: why}}
		}
	}
	WriteError(w, r, log, err)
}

// secretText returns an attribute as it is: blanks belong to a password.
func secretText(f *jsonapi.Fields, b jsonapi.Body, name string) string {
	var s string
	switch raw, ok := b.Attributes[name]; {
	case !ok:
		f.Fail(&fault.Violation{Field: name, Reason: reason.Required})
	case string(raw) == "null":
		f.Fail(&fault.Violation{Field: name, Reason: reason.Null})
	case json.Unmarshal(raw, &s) != nil:
		f.Fail(&fault.Violation{Field: name, Reason: reason.InvalidText})
	case s == "":
		f.Fail(&fault.Violation{Field: name, Reason: reason.Blank})
	}
	return s
}

func optionalText(b jsonapi.Body, name string) string {
	var s string
	_ = json.Unmarshal(b.Attributes[name], &s) // what is no text is as good as missing
	return s
}

func (h *auth) logIn(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, "LoginView", "")
	if err != nil {
		return err
	}
	f := jsonapi.NewFields(body, true)
	name := optionalText(body, "username")
	if name == "" {
		name = optionalText(body, "email")
	}
	password := secretText(f, body, "password")
	if err := f.Err(); err != nil {
		return err
	}
	user, err := h.accounts.LogIn(r.Context(), name, password, session.ClientOf(r))
	switch {
	case errors.Is(err, identity.ErrWrongCredentials):
		return nonFieldError(reason.WrongCredentials)
	case errors.Is(err, identity.ErrNotConfirmed):
		return nonFieldError(reason.EmailNotVerified)
	case err != nil:
		return authError(w, err)
	}
	began, err := h.sessions.Begin(w, r, user)
	if err != nil {
		return err
	}
	key, err := h.accounts.StartToken(r.Context(), user.ID, began.ID)
	if err != nil {
		return err
	}
	return respond(w, r, &jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: "LoginView", ID: key},
		Attributes: []jsonapi.Attribute{{Name: "key", Value: jsonapi.String(key)}},
	})
}

func nonFieldError(why reason.Reason) error {
	return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: why, Pointer: jsonapi.AttributePointer("non_field_errors")}}
}

// authError shows what the accounts refuse.
func authError(w http.ResponseWriter, err error) error {
	if e, ok := errors.AsType[*fault.Violation](err); ok {
		field := e.Field
		if field == "new_password" {
			field = "new_password2" // where the predecessor reports it
		}
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: e.Reason, Args: e.Args, Pointer: jsonapi.AttributePointer(field)}}
	}
	if e, ok := errors.AsType[*identity.TooManyAttempts](err); ok {
		return throttled(w, e)
	}
	return err
}

func throttled(w http.ResponseWriter, e *identity.TooManyAttempts) error {
	seconds := int(math.Ceil(e.Wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return jsonapi.Errors{{Status: http.StatusTooManyRequests, Reason: reason.Throttled, Args: []any{seconds}}}
}

// respond answers 200 with one resource, which no cache keeps.
func respond(w http.ResponseWriter, r *http.Request, res *jsonapi.Resource) error {
	w.Header().Set("Cache-Control", "no-store")
	doc := jsonapi.Document{One: res}
	writeBody(w, r, http.StatusOK, doc.Append(nil))
	return nil
}

// respondDetail answers 200 with a text, as the predecessor does: data without
// type and id.
func respondDetail(w http.ResponseWriter, r *http.Request, text words.Text) error {
	w.Header().Set("Cache-Control", "no-store")
	body := jsonapi.AppendString([]byte(`{"data":{"detail":`), text.In(web.LanguageOf(r)))
	writeBody(w, r, http.StatusOK, append(body, "}}"...))
	return nil
}

func (h *auth) logOut(w http.ResponseWriter, r *http.Request) error {
	if err := h.sessions.End(w, r); err != nil {
		return err
	}
	return respondDetail(w, r, words.APILoggedOut)
}

func showUser(u identity.User) *jsonapi.Resource {
	id := strconv.FormatInt(u.ID, 10)
	return &jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: "User", ID: id},
		Attributes: []jsonapi.Attribute{
			{Name: "pk", Value: jsonapi.Int(u.ID)},
			{Name: "username", Value: jsonapi.String(u.Username)},
			{Name: "email", Value: jsonapi.String(u.Email)},
			{Name: "first_name", Value: jsonapi.String(u.FirstName)},
			{Name: "last_name", Value: jsonapi.String(u.LastName)},
		},
	}
}

func (h *auth) user(w http.ResponseWriter, r *http.Request) error {
	c, err := current(r.Context())
	if err != nil {
		return err
	}
	return respond(w, r, showUser(c.User))
}

// current returns who is logged in.
func current(ctx context.Context) (*session.Current, error) {
	if c, ok := session.CurrentFrom(ctx); ok {
		return c, nil
	}
	return nil, errNotAuthenticated()
}

func (h *auth) changeUser(w http.ResponseWriter, r *http.Request) error {
	c, err := current(r.Context())
	if err != nil {
		return err
	}
	body, err := readBody(w, r, "User", strconv.FormatInt(c.User.ID, 10))
	if err != nil {
		return err
	}
	user := c.User
	f := jsonapi.NewFields(body, r.Method == http.MethodPut)
	f.Text("username", &user.Username, identity.MaxUsername, jsonapi.Required)
	for name, dst := range map[string]*string{"first_name": &user.FirstName, "last_name": &user.LastName} {
		old := *dst
		value := &old
		f.OptText(name, &value, identity.MaxName)
		*dst = ""
		if value != nil {
			*dst = *value
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	changed, err := h.accounts.UpdateProfile(r.Context(), user)
	if err != nil {
		return authError(w, err)
	}
	return respond(w, r, showUser(changed))
}

// newPassword reads a password that is given twice.
func newPassword(f *jsonapi.Fields, body jsonapi.Body) string {
	first, second := secretText(f, body, "new_password1"), secretText(f, body, "new_password2")
	if f.Err() == nil && first != second {
		f.Fail(&fault.Violation{Field: "new_password2", Reason: reason.PasswordMismatch})
	}
	return first
}

func (h *auth) changePassword(w http.ResponseWriter, r *http.Request) error {
	c, err := current(r.Context())
	if err != nil {
		return err
	}
	body, err := readBody(w, r, "PasswordChangeView", "")
	if err != nil {
		return err
	}
	f := jsonapi.NewFields(body, true)
	old, password := secretText(f, body, "old_password"), newPassword(f, body)
	if err := f.Err(); err != nil {
		return err
	}
	if err := h.accounts.ChangePassword(r.Context(), c.User, old, password, identity.Kept{Secret: c.Secret()}, session.ClientOf(r)); err != nil {
		return authError(w, err)
	}
	return respondDetail(w, r, words.APIPasswordChanged)
}

func (h *auth) requestReset(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, "PasswordResetView", "")
	if err != nil {
		return err
	}
	f := jsonapi.NewFields(body, true)
	var email string
	f.Text("email", &email, identity.MaxEmail, jsonapi.Required)
	if err := f.Err(); err != nil {
		return err
	}
	if err := h.accounts.RequestReset(r.Context(), email, session.ClientOf(r)); err != nil {
		return authError(w, err)
	}
	return respondDetail(w, r, words.APIResetMailSent)
}

func (h *auth) reset(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, "PasswordResetConfirmView", "")
	if err != nil {
		return err
	}
	f := jsonapi.NewFields(body, true)
	uid, token, password := secretText(f, body, "uid"), secretText(f, body, "token"), newPassword(f, body)
	if err := f.Err(); err != nil {
		return err
	}
	err = h.accounts.Reset(r.Context(), uid+"-"+token, password, nil, session.ClientOf(r))
	if errors.Is(err, identity.ErrUnknownKey) {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.KeyUnknown, Pointer: jsonapi.AttributePointer("token")}}
	}
	if err != nil {
		return authError(w, err)
	}
	return respondDetail(w, r, words.APIPasswordChanged)
}
