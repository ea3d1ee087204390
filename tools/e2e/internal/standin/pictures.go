package standin

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// ServePictures serves an S3-compatible store with a bucket for pictures, until it is closed.
func ServePictures(ctx context.Context, address string) (*http.Server, error) {
	backend := s3mem.New()
	if err := backend.CreateBucket("pictures"); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: gofakes3.New(backend).Server(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // what fails is missed by those who ask it
	return server, nil
}
