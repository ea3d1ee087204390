package lifetime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// What is said of containers in docs and compose files is looked at where it holds or
// does not: in the containers.

// container is what the engine says of one.
type container struct {
	Config struct {
		User   string
		Labels map[string]string
		Image  string
	}
	HostConfig struct {
		ReadonlyRootfs bool
		Memory         int64
		CapDrop        []string
		LogConfig      struct{ Config map[string]string }
	}
	Mounts          []struct{ Destination string }
	NetworkSettings struct{ Networks map[string]json.RawMessage }
}

// forTests are the services that only the test has.
var forTests = []string{"mqtt_broker", "mail_viewer"}

// networks are those of the services that strangers reach first, without the stack's name.
var networks = map[string][]string{
	"reverse_proxy":       {"engine", "frontend", "uplinks"},
	"socket_proxy":        {"engine"},
	"static_frontend":     {"frontend"},
	"clairchen_forwarder": {"ingest", "uplinks"},
	"ers_forwarder":       {"ingest", "uplinks"},
}

// checkContainers looks at the bounds of all containers of the stack, whom they reach, and
// at what our own may do.
func (s *lifetime) checkContainers(ctx context.Context) error {
	ids, err := s.stack.Docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.stack.namespace="+stack.Name)
	if err != nil {
		return err
	}
	text, err := s.stack.Docker(ctx, append([]string{"inspect"}, strings.Fields(ids)...)...)
	if err != nil {
		return err
	}
	var containers []container
	if err := json.Unmarshal([]byte(text), &containers); err != nil {
		return err
	}
	var all []error
	own := 0
	for _, c := range containers {
		name := strings.TrimPrefix(c.Config.Labels["com.docker.swarm.service.name"], stack.Name+"_")
		if slices.Contains(forTests, name) {
			continue
		}
		wrong := func(what string) { all = append(all, fmt.Errorf("%s %s", name, what)) }
		if c.HostConfig.Memory == 0 {
			wrong("may use all memory")
		}
		if c.HostConfig.LogConfig.Config["max-size"] == "" || c.HostConfig.LogConfig.Config["max-file"] == "" {
			wrong("may log without end")
		}
		if err := c.checkReach(name); err != nil {
			all = append(all, err)
		}
		if !strings.HasPrefix(c.Config.Image, stack.Registry+"/") {
			continue
		}
		own++
		if !c.HostConfig.ReadonlyRootfs {
			wrong("may write to its root file system")
		}
		if user := c.Config.User; user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root") {
			wrong("runs as root")
		}
		if !slices.Contains(c.HostConfig.CapDrop, "ALL") && !slices.Contains(c.HostConfig.CapDrop, "CAP_ALL") {
			wrong("has capabilities")
		}
		for _, label := range []string{"title", "version", "revision", "created", "source", "licenses"} {
			if c.Config.Labels["org.opencontainers.image."+label] == "" && !s.standInPages(name) {
				wrong("has no label " + label)
			}
		}
	}
	if own == 0 {
		all = append(all, errors.New("no container of ours runs"))
	}
	return errors.Join(all...)
}

// checkReach looks at what the container of a service reaches.
func (c *container) checkReach(service string) error {
	for _, mount := range c.Mounts {
		if strings.HasSuffix(mount.Destination, "docker.sock") && service != "socket_proxy" {
			return fmt.Errorf("%s has the engine's socket", service)
		}
	}
	want, bounded := networks[service]
	if !bounded {
		return nil
	}
	var got []string
	for name := range c.NetworkSettings.Networks {
		got = append(got, strings.TrimPrefix(name, stack.Name+"_"))
	}
	slices.Sort(got)
	// A port of the node is published through this one.
	got = slices.DeleteFunc(got, func(name string) bool { return name == "ingress" || name == "docker_gwbridge" })
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s is in the networks %v, want %v", service, got, want)
	}
	return nil
}

// refusal is how the socket proxy answers what it does not let pass.
var refusal = regexp.MustCompile(`^HTTP/1\.1 40[035] `)

// askEngine asks the engine through the socket proxy, as somebody who has taken over the
// reverse proxy would.
func (s *lifetime) askEngine(ctx context.Context) error {
	door, err := s.stack.Container(ctx, "socket_proxy")
	if err != nil {
		return err
	}
	for _, q := range []struct {
		request string
		allowed bool
	}{
		{"GET /_ping", true},
		{"GET /services", true},
		{"GET /tasks?filters=%7B%7D", true},
		{"GET /v1.44/secrets", false},
		{"GET /v1.44/configs", false},
		{"GET /v1.44/containers/json", false},
		{"GET /v1.44/services/../containers/json", false},
		{"GET /v1.44/services%2F..%2Fcontainers/json", false},
		{"GET //v1.44/services/../../secrets", false},
		{"GET /v1.44/swarm/unlockkey", false},
		{"POST /v1.44/services/create", false},
		{"POST /v1.44/services", false},
		{"PUT /v1.44/services", false},
		{"DELETE /v1.44/nodes/x", false},
		{"POST /v1.44/swarm/leave?force=1", false},
		{"POST /session", false},
		{"CONNECT engine:2375", false},
	} {
		answer, err := s.stack.Docker(ctx, "exec", door, "bash", "-c",
			`exec 3<>/dev/tcp/127.0.0.1/2375; printf '%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n' "$0" >&3; head -n 1 <&3`, q.request)
		if err != nil {
			return err
		}
		allowed, refused := strings.Contains(answer, " 200 "), refusal.MatchString(answer)
		if allowed != q.allowed || refused == q.allowed {
			return fmt.Errorf("%s: the socket proxy answers %q", q.request, answer)
		}
	}
	return nil
}

// standInPages reports whether a service is the pages, and they could not be built here.
func (s *lifetime) standInPages(service string) bool {
	return service == "static_frontend" && !stack.PagesBuilt()
}
