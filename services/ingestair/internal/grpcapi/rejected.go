package grpcapi

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// farAhead is later than any sample that is kept aside.
var farAhead = time.Unix(1<<45, 0)

func (s *service) rejudgeSamples(ctx context.Context, in *ingestv1.RejudgeSamplesRequest) (*ingestv1.RejudgeSamplesResponse, error) {
	if why := in.GetReason(); why != "" {
		if _, v := keeping.AsideFor.Clean(why); v != nil {
			return nil, fault.New(fault.Invalid, "reason: %s", v.Reason.In("en", v.Args...))
		}
	}
	total, err := s.ingester.Rejudge(ctx, s.rejected, ingest.RejectedQuery{
		Reason: in.GetReason(), DevEUI: lorawan.EUI64(in.GetDevEui()), Until: farAhead, ByArrival: in.GetByArrival(),
	})
	if err != nil {
		return nil, err
	}
	return &ingestv1.RejudgeSamplesResponse{
		Stored: uint64(total[keeping.Stored]), Duplicate: uint64(total[keeping.Duplicate]), Conflict: uint64(total[keeping.Conflict]),
		Parked: uint64(total[keeping.Parked]), Rejected: uint64(total[keeping.Rejected]),
	}, nil
}
