package grpcapi

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const (
	usualUndecoded = 100
	// A page stays below what callers accept by default, which is 4 MB.
	maxPageBytes = 2 << 20
)

func (s *service) listUndecoded(ctx context.Context, in *ingestv1.ListUndecodedRequest) (*ingestv1.ListUndecodedResponse, error) {
	limit := int(in.GetLimit())
	if limit == 0 {
		limit = usualUndecoded
	}
	if limit > maxUndecoded {
		return nil, fault.New(fault.Invalid, "limit: %d is more than %d", limit, maxUndecoded)
	}
	kept, err := s.undecoded.ListUndecoded(ctx, ingest.UndecodedQuery{
		AfterID: in.GetAfterId(), Limit: limit, Forwarder: in.GetForwarder(), DevEUI: lorawan.EUI64(in.GetDevEui()),
	})
	if err != nil {
		return nil, err
	}
	response, size := new(ingestv1.ListUndecodedResponse), 0
	for _, u := range kept {
		if size += len(u.Envelope) + len(u.Payload); size > maxPageBytes && len(response.Uplinks) > 0 {
			break
		}
		response.Uplinks = append(response.Uplinks, &ingestv1.KeptUplink{
			Id: u.ID, KeptAt: timestamppb.New(u.KeptAt),
			Uplink: &ingestv1.UndecodedUplink{
				Metadata: metadataOf(&u.Meta), Forwarder: u.Forwarder, Payload: u.Payload, Envelope: u.Envelope, Reason: u.Reason,
			},
		})
	}
	return response, nil
}

// metadataOf has what is kept of an undecoded uplink's.
func metadataOf(m *keeping.Metadata) *ingestv1.UplinkMetadata {
	to := &ingestv1.UplinkMetadata{
		DevEui: uint64(m.DevEUI), DeviceId: m.DeviceID,
		FPort: optional(m.FPort), FCnt: optional(m.FCnt), DataRateIndex: optional(m.DataRateIndex),
	}
	if !m.ReceivedAt.IsZero() {
		to.ReceivedAt = timestamppb.New(m.ReceivedAt)
	}
	return to
}

func optional(r measurement.Reading) *uint32 {
	if !r.Known {
		return nil
	}
	return new(uint32(r.Value))
}

func (s *service) forgetUndecoded(ctx context.Context, in *ingestv1.ForgetUndecodedRequest) (*ingestv1.ForgetUndecodedResponse, error) {
	if len(in.GetIds()) > maxUndecoded {
		return nil, fault.New(fault.Invalid, "ids: %d are more than %d", len(in.GetIds()), maxUndecoded)
	}
	n, err := s.undecoded.ForgetUndecoded(ctx, in.GetIds())
	if err != nil {
		return nil, err
	}
	return &ingestv1.ForgetUndecodedResponse{Forgotten: uint32(n)}, nil
}
