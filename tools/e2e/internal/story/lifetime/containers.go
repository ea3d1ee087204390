package lifetime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
}

// forTests are the services that only the test has.
var forTests = []string{"mqtt_broker", "mail_viewer"}

// checkContainers looks at the bounds of all containers of the stack, and at what our
// own may do.
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

// standInPages reports whether a service is the pages, and they could not be built here.
func (s *lifetime) standInPages(service string) bool {
	return service == "static_frontend" && !stack.PagesBuilt()
}
