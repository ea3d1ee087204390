package app

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func sendTestEmailCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "sendtestemail ADDRESS...",
		Short: "Send a mail at once, to see whether the settings are right",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var cfg mail.Config
			if err := env.Load(&cfg); err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				for _, to := range args {
					err := deliverer(cfg, pool).Deliver(ctx, mail.Message{
						To: to, Subject: "Clair: test",
						Text: "This mail was sent by managair sendtestemail. The settings are right.\n",
					})
					if err != nil {
						return err
					}
					if cfg.Kept() {
						cmd.Printf("kept for %s: EMAIL_HOST is not set, so mails stay in the database\n", to)
					} else {
						cmd.Printf("sent to %s\n", to)
					}
				}
				return nil
			})
		},
	}
}

// deliverer brings mails to the mail server, and keeps them when there is none.
func deliverer(cfg mail.Config, pool *pgxpool.Pool) mail.Deliverer {
	if cfg.Kept() {
		return postgres.KeptMail{Pool: pool}
	}
	return mail.SMTP{Config: cfg}
}
