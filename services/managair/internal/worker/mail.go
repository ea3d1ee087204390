package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
)

// Types of the tasks that deliver a mail. The payload is the number of a kept mail;
// that of the old one, which yesterday's version enqueues, is the whole mail.
const (
	mailTask    = "mail:deliver"
	oldMailTask = "mail:send"
)

const (
	// mailPatience is how long a mail has a task already, or will get one at once.
	mailPatience = time.Minute
	// mailLife is how long a mail is kept that cannot be delivered. Its links are no
	// longer good then.
	mailLife = 3 * 24 * time.Hour
)

// MailStore keeps mails until they are delivered.
type MailStore interface {
	Put(ctx context.Context, m mail.Message) (id int64, err error)
	// Get returns NotFound when the mail has been delivered.
	Get(ctx context.Context, id int64) (mail.Message, error)
	Delete(ctx context.Context, id int64) error
	// Waiting lists mails written before a time, and forgets the expired ones.
	Waiting(ctx context.Context, before, expired time.Time) ([]int64, error)
}

// Mails writes mails and leaves their delivery to the worker.
type Mails struct {
	// Client enqueues. Without one, as in commands, which may run where the queue is
	// not, the worker finds the mails itself within a minute.
	Client Enqueuer
	Store  MailStore
	Log    *slog.Logger
	// PublicURL is scheme and host of the links in mails.
	PublicURL string
}

var _ identity.Mailer = Mails{}

// Send keeps a mail and enqueues its delivery, which is tried for about a day. When
// Redis is away it is enqueued later.
func (m Mails) Send(ctx context.Context, what identity.Mail) error {
	message, err := mail.Write(what, m.PublicURL)
	if err != nil {
		return err
	}
	id, err := m.Store.Put(ctx, message)
	if err != nil {
		return err
	}
	if m.Client == nil {
		return nil
	}
	if err := enqueueMail(ctx, m.Client, id); err != nil {
		m.Log.WarnContext(ctx, "a mail waits until Redis is back", "mail", id, "err", err)
	}
	return nil
}

func enqueueMail(ctx context.Context, client Enqueuer, id int64) error {
	number := strconv.FormatInt(id, 10)
	_, err := client.EnqueueContext(ctx, asynq.NewTask(mailTask, []byte(number)), asynq.TaskID("mail:"+number),
		asynq.Queue(Queue), asynq.MaxRetry(14), asynq.Timeout(time.Minute))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// HandleMail lets the worker deliver mails.
func (t *Tasks) HandleMail(store MailStore, client Enqueuer, d mail.Deliverer) {
	t.Handle(mailTask, func(ctx context.Context, payload []byte) error {
		id, err := strconv.ParseInt(string(payload), 10, 64)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "a mail task without a number")
		}
		m, err := store.Get(ctx, id)
		if fault.Is(err, fault.NotFound) {
			return nil // delivered, by the same task when it came before
		}
		if err != nil {
			return err
		}
		if err := d.Deliver(ctx, m); err != nil {
			return err
		}
		return store.Delete(ctx, id)
	})
	t.Handle(oldMailTask, func(ctx context.Context, payload []byte) error {
		var m mail.Message
		if err := json.Unmarshal(payload, &m); err != nil {
			return fault.Wrap(fault.Invalid, err, "a mail task that cannot be read")
		}
		return d.Deliver(ctx, m)
	})
	t.HandlePeriodic(Periodic{
		Type: "mail:enqueue", Every: time.Minute,
		Summary: "Enqueues mails that were written while Redis was away, and forgets those that could not be delivered for days.",
	}, func(ctx context.Context) error {
		now := time.Now()
		ids, err := store.Waiting(ctx, now.Add(-mailPatience), now.Add(-mailLife))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := enqueueMail(ctx, client, id); err != nil {
				return fmt.Errorf("enqueue mail %d: %w", id, err)
			}
		}
		return nil
	})
}
