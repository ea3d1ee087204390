package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/services/managair/internal/courier"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// reportMetrics counts reports that are mailed.
type reportMetrics struct {
	mails    *prometheus.CounterVec
	duration prometheus.Histogram
}

func newReportMetrics(r prometheus.Registerer) *reportMetrics {
	m := &reportMetrics{
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "managair_report_mails_total",
			Help: "Attempts to mail reports, by outcome: sent, skipped (not wanted any more, nothing measured), failed, retried.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "managair_report_mail_duration_seconds",
			Help:    "How long it takes to make a report and to mail it.",
			Buckets: prometheus.ExponentialBuckets(0.05, 3, 8),
		}),
	}
	for _, outcome := range reportmail.Outcomes {
		m.mails.WithLabelValues(outcome)
	}
	r.MustRegister(m.mails, m.duration)
	return m
}

// Mailed is part of reportmail.Observer.
func (m *reportMetrics) Mailed(outcome string, took time.Duration) {
	m.mails.WithLabelValues(outcome).Inc()
	m.duration.Observe(took.Seconds())
}

// judge judges the air of rooms.
func judge(log *slog.Logger, pool *pgxpool.Pool) roomair.Service {
	samples := postgres.NewTelemetry(pool)
	return roomair.Service{
		Rooms: postgres.AirQuality{Pool: pool}, Samples: samples, Log: log,
		Occupancy: timetable.Past{Store: postgres.Timetables{Pool: pool}, Samples: samples},
	}
}

// reportMailer mails reports.
func reportMailer(log *slog.Logger, pool *pgxpool.Pool, letters mail.Deliverer, publicURL string, grace time.Duration, r prometheus.Registerer) *reportmail.Mailer {
	return &reportmail.Mailer{
		Queue: postgres.ReportMails{Pool: pool}, Letters: courier.Reports{Letters: letters}, PublicURL: publicURL, Log: log,
		Reports:  report.Maker{Air: judge(log, pool), Inventory: postgres.NewInventory(pool), Store: postgres.Reports{Pool: pool}},
		Observer: newReportMetrics(r), Now: time.Now,
		Grace: grace / 2, // the other half is for the note of it, and for the other parts
	}
}

func mailReports(m *reportmail.Mailer) lifecycle.Part {
	return lifecycle.Part{Name: "reports", Run: func(ctx context.Context, ready func()) error {
		ready()
		m.Run(ctx)
		return nil
	}}
}
