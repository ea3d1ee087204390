// Package visitor has those who come to a stack through its proxy: browsers, people
// who sign up and log in, and plain requests.
package visitor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// RoomPath is a public page of the API, the one that is asked for all the time.
const RoomPath = "/api/v1/rooms/9000/"

// Get asks for a page of a host, which must be there. An empty host is that of the
// address.
func Get(ctx context.Context, client *http.Client, host, address string) error {
	_, err := read(ctx, client, host, address)
	return err
}

// Read returns a page, which must be there.
func Read(ctx context.Context, address string) ([]byte, error) {
	return read(ctx, http.DefaultClient, "", address)
}

// ReadJSON reads a page into a value.
func ReadJSON(ctx context.Context, address string, into any) error {
	body, err := Read(ctx, address)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s: %w: %.300s", address, err, body)
	}
	return nil
}

func read(ctx context.Context, client *http.Client, host, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", address, resp.Status, body)
	}
	return body, err
}

// ThroughProxy makes connections to the proxy at an address, whatever the name of the
// host is.
func ThroughProxy(entry string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(entry, port))
	}}
}
