package swarm

import (
	"context"
	"errors"
	"os"
	"strings"
)

// The network that the nodes of a cluster are in, and our own address there.
const (
	lan        = "lan"
	LANAddress = "10.99.0.254"
)

// settle prepares the namespaces that we are in: a host name, and a bridge with an
// address of ours.
func settle(ctx context.Context, shell *Shell, host, bridge, address string) error {
	if os.Getpid() > 100 {
		return errors.New("not in a process namespace of its own; start it with tools/dev/e2e.sh")
	}
	for _, command := range []string{
		"ip link set lo up",
		"ip link add " + bridge + " type bridge",
		"ip address add " + address + "/24 dev " + bridge,
		"ip link set " + bridge + " up",
		"hostname " + host,
		// Sockets and process ids of an engine on the host stay out of sight.
		"mount -t tmpfs tmpfs /run",
	} {
		if _, err := shell.Run(ctx, strings.Fields(command)...); err != nil {
			return err
		}
	}
	return nil
}
