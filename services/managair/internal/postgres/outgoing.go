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

// OutgoingMail keeps mails until they are delivered.
type OutgoingMail struct{ Pool *pgxpool.Pool }

// Put keeps a mail and returns its number.
func (o OutgoingMail) Put(ctx context.Context, m mail.Message) (id int64, err error) {
	return keepMail(ctx, o.Pool, m)
}

// keepMail is Put, also in the transaction of what the mail tells of.
func keepMail(ctx context.Context, db querier, m mail.Message) (id int64, err error) {
	const insert = `
		INSERT INTO outgoing_mail (message_id, recipient, subject, text, html)
		VALUES (@message_id, @recipient, @subject, @text, @html)
		RETURNING id`
	err = db.QueryRow(ctx, insert, pgx.NamedArgs{
		"message_id": m.ID, "recipient": m.To, "subject": m.Subject, "text": m.Text, "html": m.HTML,
	}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep mail until it is sent: %w", pgdb.Translate(err))
	}
	return id, nil
}

// Get returns a mail. NotFound: it has been delivered, or was too old.
func (o OutgoingMail) Get(ctx context.Context, id int64) (m mail.Message, err error) {
	const query = `
		SELECT message_id, recipient, subject, text, html
		  FROM outgoing_mail
		 WHERE id = @id`
	err = o.Pool.QueryRow(ctx, query, pgx.NamedArgs{"id": id}).Scan(&m.ID, &m.To, &m.Subject, &m.Text, &m.HTML)
	if err != nil {
		return m, fmt.Errorf("read mail %d: %w", id, pgdb.Translate(err))
	}
	return m, nil
}

// Delete forgets a mail that was delivered.
func (o OutgoingMail) Delete(ctx context.Context, id int64) error {
	_, err := o.Pool.Exec(ctx, "DELETE FROM outgoing_mail WHERE id = @id", pgx.NamedArgs{"id": id})
	if err != nil {
		return fmt.Errorf("forget mail %d: %w", id, pgdb.Translate(err))
	}
	return nil
}

// Waiting returns the numbers of mails that were written before a time, the oldest
// first, and forgets those that were written before expired.
func (o OutgoingMail) Waiting(ctx context.Context, before, expired time.Time) ([]int64, error) {
	const query = `
		WITH old AS (
		    DELETE FROM outgoing_mail WHERE written_at < @expired
		)
		SELECT id
		  FROM outgoing_mail
		 WHERE written_at >= @expired
		   AND written_at < @before
		 ORDER BY id
		 LIMIT 1000`
	rows, err := o.Pool.Query(ctx, query, pgx.NamedArgs{"before": before, "expired": expired})
	if err != nil {
		return nil, fmt.Errorf("list mails that wait: %w", pgdb.Translate(err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list mails that wait: %w", pgdb.Translate(err))
	}
	return ids, nil
}
