package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/place"
)

// GuardConfig is what the environment says about strangers and the way to us.
type GuardConfig struct {
	TrustedProxies []place.Network `env:"TRUSTED_PROXIES" desc:"addresses or networks of proxies before the nearest one, comma-separated; the nearest is trusted if its address is private"`
	Contact        Contact         `env:"SECURITY_CONTACT" desc:"whom to tell of a weakness: an e-mail address or https:// link, served as /.well-known/security.txt; default: nobody"`
}

// SecurityPath is where finders of a weakness look for whom to tell (RFC 9116).
const SecurityPath = "/.well-known/security.txt"

// ChangePasswordPath is where managers of passwords send their owners
// (https://www.w3.org/TR/change-password-url/).
const ChangePasswordPath = "/.well-known/change-password"

// Guard stands before all that managair serves: it finds out where a request comes
// from, gives every answer the headers that bound what browsers do with it, and ends
// bodies that come too slowly.
func Guard(cfg GuardConfig, publicURL string, next http.Handler) http.Handler {
	contact := cfg.Contact.handler(publicURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		r.RemoteAddr = place.AddressOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), cfg.TrustedProxies)
		pace(w, r)
		switch r.URL.Path {
		case SecurityPath:
			contact(w, r)
			return
		case ChangePasswordPath:
			http.Redirect(w, r, "/accounts/password/change/", http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Contact is whom to tell of a weakness, as a URI.
type Contact string

// UnmarshalText takes an e-mail address, or a mailto: or https: URI.
func (c *Contact) UnmarshalText(text []byte) error {
	s := string(text)
	if !strings.Contains(s, ":") && strings.Contains(s, "@") {
		s = "mailto:" + s
	}
	if !strings.HasPrefix(s, "mailto:") && !strings.HasPrefix(s, "https://") || strings.ContainsAny(s, " \r\n") {
		return fmt.Errorf("%q is neither an e-mail address nor an https:// link", text)
	}
	*c = Contact(s)
	return nil
}

// contactAge is for how long finders may take what they read for true.
const contactAge = 30 * 24 * time.Hour

func (c Contact) handler(publicURL string) http.HandlerFunc {
	if c == "" {
		return http.NotFound
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		text := fmt.Sprintf("Contact: %s\nExpires: %s\nPreferred-Languages: de, en\n", c,
			time.Now().Add(contactAge).UTC().Format(time.RFC3339))
		if publicURL != "" {
			text += "Canonical: " + strings.TrimSuffix(publicURL, "/") + SecurityPath + "\n"
		}
		_, _ = w.Write([]byte(text))
	}
}
