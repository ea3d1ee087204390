package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composeFile is what the tests look at of a compose file.
type composeFile struct {
	Services map[string]map[string]any `yaml:"services"`
}

func readCompose(t *testing.T, name string) composeFile {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../compose", name))
	if err != nil {
		t.Fatal(err)
	}
	var f composeFile
	if err := yaml.Unmarshal(content, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// flatten has all values of a service by their paths, with the kind of sensor replaced.
func flatten(prefix string, v any, kind string, into map[string]string) {
	neutral := strings.NewReplacer(kind, "KIND", strings.ToUpper(kind), "KIND")
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			flatten(prefix+"/"+neutral.Replace(name), value, kind, into)
		}
	case []any:
		for _, value := range v {
			text, err := yaml.Marshal(value)
			if err != nil {
				panic(err) // it was read from YAML
			}
			into[prefix+"/"+neutral.Replace(strings.TrimSpace(string(text)))] = ""
		}
	default:
		text, err := yaml.Marshal(v)
		if err != nil {
			panic(err) // it was read from YAML
		}
		into[prefix] = neutral.Replace(strings.TrimSpace(string(text)))
	}
}

// A compose file cannot refer to another one: what the optional forwarder repeats is what the
// others have.
func TestForwardersAreDeployedAlike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, model, optional string
		only                  []string // what one of the two has
	}{
		{
			"the stack", "docker-compose.yml", "docker-compose.lorawan.yml", []string{
				"/configs/source: lorawan_mappings\ntarget: /mappings/mappings.json", "/environment/MAPPINGS_FOLDER",
			},
		},
		{"at the broker", "docker-compose.broker.yml", "docker-compose.lorawan-broker.yml", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			model, optional := map[string]string{}, map[string]string{}
			flatten("", readCompose(t, tt.model).Services["clairchen_forwarder"], "clairchen", model)
			flatten("", readCompose(t, tt.optional).Services["lorawan_forwarder"], "lorawan", optional)
			all := slices.Sorted(maps.Keys(model))
			all = slices.AppendSeq(all, maps.Keys(optional))
			for _, path := range slices.Compact(slices.Sorted(slices.Values(all))) {
				a, inModel := model[path]
				b, inOptional := optional[path]
				switch {
				case slices.ContainsFunc(tt.only, func(s string) bool { return strings.ReplaceAll(s, "lorawan", "KIND") == path }):
					if inModel == inOptional {
						t.Errorf("%s: said to be of one, and is of both or none", path)
					}
				case a != b || inModel != inOptional:
					t.Errorf("%s: %q (%t) and %q (%t)", path, a, inModel, b, inOptional)
				}
			}
		})
	}
}

// Whom managair asks with the optional forwarder are all whom it asks without, and it.
func TestOptionalForwarderIsAsked(t *testing.T) {
	t.Parallel()
	asked := func(file, service string) any {
		return readCompose(t, file).Services[service]["environment"].(map[string]any)["SERVICES"]
	}
	for _, service := range []string{"managair_server", "managair_worker"} {
		without, with := asked("docker-compose.yml", service), asked("docker-compose.lorawan.yml", service)
		if want := without.(string) + ",lorawan_forwarder=http://lorawan_forwarder:9090"; with != want {
			t.Errorf("%s: got %v, want %s", service, with, want)
		}
	}
}
