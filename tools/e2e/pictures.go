package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net"
	"net/http"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// servePictures serves an S3-compatible store outside of the nodes.
func servePictures(ctx context.Context) (*http.Server, error) {
	backend := s3mem.New()
	if err := backend.CreateBucket("pictures"); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(lanAddress, "9000"))
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: gofakes3.New(backend).Server(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // what fails is missed by those who ask it
	return server, nil
}

// sharePicture gives an installation a picture through one node, and looks at it
// through all of them.
func (c *cluster) sharePicture(ctx context.Context) error {
	var sketch, form bytes.Buffer
	if err := png.Encode(&sketch, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		return err
	}
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("image", "room.png")
	if err != nil {
		return err
	}
	if _, err := part.Write(sketch.Bytes()); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	body, _, err := c.balancer.do(ctx, request{
		method: http.MethodPut, path: "/api/v1/installations/9000/image/", body: form.Bytes(),
		header: map[string]string{"Content-Type": writer.FormDataContentType(), "Authorization": "Token " + c.token},
	})
	if err != nil {
		return err
	}
	var document struct {
		Data struct{ Attributes struct{ Image string } }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return err
	}
	path := document.Data.Attributes.Image
	if path == "" {
		return errors.New("the installation has no picture")
	}
	// Each proxy goes to its servers in turn, so each server is asked.
	const rounds = 6
	for range rounds {
		for _, e := range c.balancer.entries {
			_, content, header, err := e.do(ctx, request{method: http.MethodGet, path: path})
			if err != nil {
				return fmt.Errorf("through %s: %w", e.name, err)
			}
			if kind := header.Get("Content-Type"); kind != "image/jpeg" || len(content) == 0 {
				return fmt.Errorf("through %s: %d bytes of %s", e.name, len(content), kind)
			}
		}
	}
	c.report("a picture, uploaded through one node", "%d of %d times served through %d nodes, store S3",
		rounds*len(c.balancer.entries), rounds*len(c.balancer.entries), len(c.balancer.entries))
	return nil
}
