package stack

import (
	"context"
	"strings"
)

// tasks returns the ids of all tasks that run.
func (s *Stack) tasks(ctx context.Context) ([]string, error) {
	out, err := s.Docker(ctx, "stack", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", Name)
	return strings.Fields(out), err
}

// TasksOf returns the ids of the running tasks of a service.
func (s *Stack) TasksOf(ctx context.Context, service string) ([]string, error) {
	out, err := s.Docker(ctx, "service", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", Name+"_"+service)
	return strings.Fields(out), err
}

// Placement counts the running tasks of each service on each node.
func (s *Stack) Placement(ctx context.Context) (map[string]map[string]int, error) {
	out, err := s.Docker(ctx, "stack", "ps", "--filter", "desired-state=running", "--format", "{{.Name}} {{.Node}} {{.CurrentState}}", Name)
	if err != nil {
		return nil, err
	}
	placed := map[string]map[string]int{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "Running" {
			continue
		}
		service, _, _ := strings.Cut(strings.TrimPrefix(fields[0], Name+"_"), ".")
		if placed[service] == nil {
			placed[service] = map[string]int{}
		}
		placed[service][fields[1]]++
	}
	return placed, nil
}
