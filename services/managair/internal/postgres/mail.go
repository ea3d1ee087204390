package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
)

// KeptMail keeps mails instead of sending them.
type KeptMail struct{ Pool *pgxpool.Pool }

// maxKeptMails bounds the table; the oldest go.
const maxKeptMails = 1000

// Deliver keeps the message, and of what is attached the names.
func (k KeptMail) Deliver(ctx context.Context, m mail.Message) error {
	for _, a := range m.Attached {
		m.Text += fmt.Sprintf("\n[%s, %d bytes]\n", a.Name, len(a.Content))
	}
	_, err := k.Pool.Exec(ctx, `
		WITH old AS (
		    DELETE FROM kept_mail WHERE id <= (SELECT max(id) FROM kept_mail) - @max::bigint
		)
		INSERT INTO kept_mail (recipient, subject, text, html) VALUES (@recipient, @subject, @text, @html)`,
		pgx.NamedArgs{"max": maxKeptMails, "recipient": m.To, "subject": m.Subject, "text": m.Text, "html": m.HTML})
	if err != nil {
		return fmt.Errorf("keep mail: %w", pgdb.Translate(err))
	}
	return nil
}

// Kept is a mail that was kept.
type Kept struct {
	mail.Message
	ID int64
	At time.Time
}
