package app

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/airquality"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// addInsight adds to the API what is made of the samples: is the air good, and do
// the nodes report?
func addInsight(api *httpapi.API, pool *pgxpool.Pool) {
	api.AddAirQuality(airquality.Service{Rooms: postgres.AirQuality{Pool: pool}, Samples: postgres.NewTelemetry(pool)})
	nodes := postgres.Fidelity{Pool: pool}
	api.AddFidelity(nodes.NodeFidelity(), nodes.Outages())
}
