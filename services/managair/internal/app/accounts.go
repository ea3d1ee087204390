package app

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/account"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// defaultPublicURL is where links in mails lead when PUBLIC_URL is not set. Unlike
// an answer, a mail has no request to take scheme and host from, and taking them
// from the request that causes a mail would let anybody choose them.
const defaultPublicURL = "http://localhost:8888"

// people is everything about accounts that serves HTTP.
type people struct {
	accounts *identity.Accounts
	sessions *session.Authenticator
	pages    *account.Pages
}

func newPeople(log *slog.Logger, pool *pgxpool.Pool, queue *asynq.Client, publicURL string, mails mail.Way, limits identity.Limits) people {
	publicURL = cmp.Or(publicURL, defaultPublicURL)
	accounts := newAccounts(pool, worker.Mails{
		Client: queue, Store: postgres.OutgoingMail{Pool: pool}, Log: log, PublicURL: publicURL,
	}, limits)
	sessions := session.NewAuthenticator(accounts, log, publicURL, func(w http.ResponseWriter, r *http.Request, err error) {
		httpapi.WriteRefusal(w, r, log, err)
	})
	return people{accounts, sessions, account.NewPages(accounts, sessions, mails, postgres.Notifications{Pool: pool}, postgres.ReportMails{Pool: pool}, log)}
}

func newAccounts(pool *pgxpool.Pool, mails worker.Mails, limits identity.Limits) *identity.Accounts {
	return identity.NewAccounts(postgres.NewIdentity(pool), identity.NewHasher(), mails, limits, time.Now)
}
