package load

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// Caller is a service in the stack's network that calls the ingestair.
type Caller struct {
	stack        *stack.Stack
	flags        []string  // of the service
	node         uuid.UUID // whose samples it sends
	container    string
	begun        int // how many times
	acknowledged int // samples
}

// Start starts the service.
func (c *Caller) Start(ctx context.Context) error {
	secret, err := c.stack.Docker(ctx, "service", "inspect", "--format",
		"{{range .Spec.TaskTemplate.ContainerSpec.Secrets}}{{.SecretName}}\n{{end}}", stack.Name+"_clairchen_forwarder")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(secret) {
		if strings.HasPrefix(name, stack.Name+"_ingest_token_") {
			secret = name
		}
	}
	// Each time has a week of the node's past to itself.
	from := time.Now().AddDate(0, 0, 7*(c.begun-5))
	c.begun++
	_, err = c.stack.Docker(ctx, slices.Concat([]string{
		"service", "create", "--quiet", "--detach", "--name", "calls", "--no-resolve-image",
		"--no-healthcheck", "--restart-condition", "none", "--network", stack.Name + "_backend",
		"--secret", "source=" + secret + ",target=ingest_token,mode=0444", "--env", "INGEST_TOKEN_FILE=/run/secrets/ingest_token",
		"--env", "INGESTAIR_ADDRESS=dns:///ingestair:50051",
	}, c.flags, []string{
		stack.Registry + "/e2e:one", "calls", "--node", c.node.String(), "--from", strconv.FormatInt(from.Unix(), 10),
	})...)
	if err != nil {
		return err
	}
	return play.Until(ctx, func() error {
		c.container, err = c.stack.Docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=calls")
		if err == nil && c.container == "" {
			err = errors.New("no container of the caller runs")
		}
		return err
	})
}

// SoFar is the newest report.
func (c *Caller) SoFar(ctx context.Context) (CallReport, error) {
	out, err := c.stack.Docker(ctx, "logs", "--tail", "2", c.container)
	if err != nil {
		return CallReport{}, err
	}
	return parseReport(strings.Split(out, "\n"))
}

// Stop ends the service and returns its last report.
func (c *Caller) Stop(ctx context.Context) (CallReport, error) {
	if _, err := c.stack.Docker(ctx, "stop", "--time", "40", c.container); err != nil {
		return CallReport{}, err
	}
	out, err := c.stack.Docker(ctx, "logs", c.container)
	if err != nil {
		return CallReport{}, err
	}
	r, err := parseReport(strings.Split(out, "\n"))
	if err == nil && !r.Ended {
		err = errors.New("the caller did not end by itself")
	}
	if err != nil {
		return r, err
	}
	c.acknowledged += r.Acknowledged
	_, err = c.stack.Docker(ctx, "service", "rm", "calls")
	return r, err
}
