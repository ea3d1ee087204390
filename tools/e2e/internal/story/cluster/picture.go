package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// sharePicture gives an installation a picture through one node, and looks at it
// through all of them.
func (c *cluster) sharePicture(ctx context.Context) error {
	form, header, err := visitor.Picture()
	if err != nil {
		return err
	}
	header.Set("Authorization", "Token "+c.token)
	body, _, err := c.balancer.Do(ctx, load.Request{Method: http.MethodPut, Path: visitor.PicturePath, Body: form, Header: header})
	if err != nil {
		return err
	}
	path, err := visitor.PictureOf(body)
	if err != nil {
		return err
	}
	// Each proxy goes to its servers in turn, so each server is asked.
	const rounds = 6
	var picture []byte
	for range rounds {
		for _, e := range c.balancer.Entries {
			_, content, header, err := e.Do(ctx, load.Request{Method: http.MethodGet, Path: path})
			if err != nil {
				return fmt.Errorf("through %s: %w", e.Name, err)
			}
			if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "image/") || len(content) == 0 {
				return fmt.Errorf("through %s: %d bytes of %s", e.Name, len(content), kind)
			}
			if picture == nil {
				picture = content
			}
			if !bytes.Equal(picture, content) {
				return fmt.Errorf("through %s: another picture", e.Name)
			}
		}
	}
	c.stack.Report("a picture, uploaded through one node", "%d of %d times served through %d nodes, store S3",
		rounds*len(c.balancer.Entries), rounds*len(c.balancer.Entries), len(c.balancer.Entries))
	return nil
}
