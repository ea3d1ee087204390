// Package ingestclient calls the ingestion service.
//
// A caller that holds many uplinks holds them as the bytes in which they travel:
// Append encodes one, and any number of such bytes one after the other are a
// request. Waiting uplinks are small that way, and sending them is free.
package ingestclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that ours builds on
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/resolver/dns"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/correlation"
	"github.com/clairberlin/clair-stack/pkg/fault"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// Config is what the environment says about the ingestion service.
type Config struct {
	Address string        `env:"INGESTAIR_ADDRESS" envDefault:"localhost:50051" desc:"host:port of the ingestair; dns:///tasks.ingestair:50051 balances over its replicas"`
	Token   config.Secret `env:"INGEST_TOKEN,required" desc:"token that the ingestair knows; of two lines, the first"`
	TLS     bool          `env:"INGEST_TLS" envDefault:"false" desc:"whether the ingestair speaks TLS"`
	CA      string        `env:"INGEST_CA" desc:"certificates (PEM) that the ingestair's is checked against; default: those of the system"`
}

// A rolling update replaces all addresses within seconds. By default gRPC asks for
// names at most twice a minute, and calls would wait for that.
func init() { dns.SetMinResolutionInterval(time.Second) }

// Client is a connection to the ingestion service.
type Client struct {
	conn *grpc.ClientConn
	// Service has the calls that take messages.
	Service ingestv1.IngestServiceClient
}

// New returns a client. It connects when it is first used.
func New(cfg Config, options ...grpc.DialOption) (*Client, error) {
	transport := insecure.NewCredentials()
	if cfg.TLS {
		tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
		if cfg.CA != "" {
			tlsConfig.RootCAs = x509.NewCertPool()
			if !tlsConfig.RootCAs.AppendCertsFromPEM([]byte(cfg.CA)) {
				return nil, errors.New("INGEST_CA has no certificate")
			}
		}
		transport = credentials.NewTLS(tlsConfig)
	}
	options = append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer{cfg.Token, cfg.TLS}),
		// The resolver would ask for a TXT record too, for settings that we do not publish,
		// and each look-up would wait until a name server without an answer gives up.
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		// The server allows a ping every 30 seconds. The timeout is also that of what was
		// sent and is not acknowledged: a server whose machine is lost does not say so.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 5 * time.Second}),
	}, options...)
	conn, err := grpc.NewClient(cfg.Address, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the ingestair: %w", err)
	}
	return &Client{conn: conn, Service: ingestv1.NewIngestServiceClient(conn)}, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// fieldUplinks is the number of the repeated field uplinks in StoreRequest and in
// KeepUndecodedRequest; that both have the same lets Append serve both.
const fieldUplinks = 1

// Append appends an *ingestv1.Uplink or *ingestv1.UndecodedUplink to a request.
func Append(request []byte, uplink proto.Message) ([]byte, error) {
	size := proto.Size(uplink)
	request = protowire.AppendTag(request, fieldUplinks, protowire.BytesType)
	request = protowire.AppendVarint(request, uint64(size))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(request, uplink)
}

// Store sends a request made by Append from *ingestv1.Uplink. The error has a
// fault kind.
func (c *Client) Store(ctx context.Context, request []byte) (*ingestv1.StoreResponse, error) {
	response := new(ingestv1.StoreResponse)
	return response, c.invoke(ctx, ingestv1.IngestService_Store_FullMethodName, request, response)
}

// KeepUndecoded sends a request made by Append from *ingestv1.UndecodedUplink.
// The error has a fault kind.
func (c *Client) KeepUndecoded(ctx context.Context, request []byte) error {
	return c.invoke(ctx, ingestv1.IngestService_KeepUndecoded_FullMethodName, request, new(ingestv1.KeepUndecodedResponse))
}

func (c *Client) invoke(ctx context.Context, method string, request []byte, response proto.Message) error {
	return fault.FromGRPC(c.conn.Invoke(correlation.Outgoing(ctx), method, request, response, grpc.ForceCodecV2(encoded{encoding.GetCodecV2("proto")})))
}

// encoded is the codec for requests that are encoded already.
type encoded struct{ encoding.CodecV2 }

// Marshal takes []byte as it is.
func (c encoded) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// bearer sends the token with each call.
type bearer struct {
	token config.Secret
	tls   bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	// The ingestair's own file may hold a second one, while tokens are changed.
	token, _, _ := strings.Cut(b.token.Reveal(), "\n")
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(token)}, nil
}

// RequireTransportSecurity is false without TLS: inside one machine or an
// encrypted overlay network the token may travel as it is.
func (b bearer) RequireTransportSecurity() bool { return b.tls }

// Split returns the uplinks of a request made by Append, each a request of its own.
func Split(request []byte) ([][]byte, error) {
	var uplinks [][]byte
	for len(request) > 0 {
		_, _, n := protowire.ConsumeField(request)
		if n < 0 {
			return nil, fmt.Errorf("split a request: %w", protowire.ParseError(n))
		}
		uplinks = append(uplinks, request[:n:n])
		request = request[n:]
	}
	return uplinks, nil
}

// Check reports whether the ingestion service can be reached.
func (c *Client) Check(ctx context.Context) error {
	for {
		state := c.conn.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Idle:
			c.conn.Connect()
		case connectivity.TransientFailure, connectivity.Shutdown:
			return fmt.Errorf("connection is in state %s", state)
		case connectivity.Connecting:
		}
		if !c.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("connection is in state %s", state)
		}
	}
}
