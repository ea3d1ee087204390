package app

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

// doors are where the service listens. http is nil without the HTTP doors, tls without
// encryption; gRPC speaks TLS itself.
type doors struct {
	at              Addresses
	tls             *tls.Config
	ops, grpc, http net.Listener
}

// openDoors listens at all of them. Those that are open are returned also with an error.
func (a *App) openDoors(ctx context.Context) (d doors, err error) {
	if d.tls, err = a.Config.TLS.config(); err != nil {
		return d, err
	}
	if d.ops, err = lifecycle.Listen(ctx, "OPS_ADDRESS", a.Ops.Address); err != nil {
		return d, err
	}
	d.at.Ops = d.ops.Addr()
	if d.grpc, err = lifecycle.Listen(ctx, "INGEST_ADDRESS", a.Config.Address); err != nil {
		return d, err
	}
	d.at.GRPC, d.grpc = d.grpc.Addr(), limit(d.grpc, maxConnections)
	if a.Config.HTTPAddress == "" {
		return d, nil
	}
	if d.http, err = lifecycle.Listen(ctx, "INGEST_HTTP_ADDRESS", a.Config.HTTPAddress); err != nil {
		return d, err
	}
	d.at.HTTP, d.http = d.http.Addr(), limit(d.http, maxConnections)
	if d.tls != nil {
		d.http = tls.NewListener(d.http, d.tls)
	}
	return d, nil
}

func (d doors) close() {
	for _, l := range []net.Listener{d.ops, d.grpc, d.http} {
		if l != nil {
			_ = l.Close()
		}
	}
}
