package web

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Link leads somewhere.
type Link struct{ Address, Text string }

// Frame is what stands around a page.
type Frame struct {
	Lang   string
	Title  string   // in the browser's tab
	Sheets []string // addresses of stylesheets beside the common one
	Brand  Link     // on the left of the bar
	// Bar is the links on the right of the bar, BarName what they are called to those
	// who do not see them.
	Bar     []Link
	BarName string
}

// View is what each page of accounts and administration has.
type View struct {
	Lang  string
	Title string
	Path  string
	User  *identity.User // nil: nobody is logged in
	Note  string         // what was done
	Bad   string         // what went wrong, with no field to blame
}

// NewView returns the view of a page that answers a request.
func NewView(r *http.Request, title words.Text, user *identity.User) View {
	lang := LanguageOf(r)
	return View{Lang: lang, Title: title.In(lang), Path: r.URL.Path, User: user}
}

// T returns a text in the page's language.
func (v *View) T(text words.Text, args ...any) string { return text.In(v.Lang, args...) }

// Show answers with a page, once all of it could be made.
func Show(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	var out bytes.Buffer
	if err := page.Render(r.Context(), &out); err != nil {
		return fmt.Errorf("page %s: %w", r.Pattern, err)
	}
	Headers(w.Header())
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = out.WriteTo(w) // the browser may be gone
	}
	return nil
}

// Redirect goes to a page after a form was taken, so that reloading repeats nothing.
func Redirect(w http.ResponseWriter, r *http.Request, to string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
