package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
)

// mailTask is the type of the tasks that deliver a mail.
const mailTask = "mail:send"

// Mails writes mails and leaves their delivery to the worker.
type Mails struct {
	Client *asynq.Client
	// PublicURL is scheme and host of the links in mails.
	PublicURL string
}

var _ identity.Mailer = Mails{}

// Send enqueues a mail. It is tried for about a day.
func (m Mails) Send(ctx context.Context, what identity.Mail) error {
	message, err := mail.Write(what, m.PublicURL)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("enqueue mail: %w", err)
	}
	_, err = m.Client.EnqueueContext(ctx, asynq.NewTask(mailTask, payload),
		asynq.Queue(Queue), asynq.MaxRetry(14), asynq.Timeout(time.Minute))
	return fault.Wrap(fault.Unavailable, err, "mails cannot be sent at the moment")
}

// HandleMail lets the worker deliver mails.
func (t *Tasks) HandleMail(d mail.Deliverer) {
	t.Handle(mailTask, func(ctx context.Context, payload []byte) error {
		var m mail.Message
		if err := json.Unmarshal(payload, &m); err != nil {
			return fault.Wrap(fault.Invalid, err, "a mail task that cannot be read")
		}
		return d.Deliver(ctx, m)
	})
}
