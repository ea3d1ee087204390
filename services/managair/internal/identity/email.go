package identity

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckEmail checks the form of an e-mail address: one that mail can be sent to,
// without a display name or comments.
func CheckEmail(email string) error {
	parsed, err := mail.ParseAddress(email)
	_, domain, found := strings.Cut(email, "@")
	if err != nil || parsed.Address != email || !found || strings.ContainsAny(email, "\r\n\"<>") ||
		strings.Trim(domain, ".") != domain || utf8.RuneCountInString(email) > MaxEmail {
		return &FieldError{Field: "email", Code: "invalid"}
	}
	return nil
}

func notInUsername(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune("@.+-_", r)
}
