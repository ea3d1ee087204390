package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// Grafana is neither a Debian package nor a Go module, so our own program stands in
// for it: it reads the same provisioning files, dashboards and secret from the same
// places, and answers as much of its HTTP API as the story asks. The story would read
// the same of a real one. What dashboards look like it cannot tell.

// Where the compose file puts them.
const (
	grafanaProvisioning = "/etc/grafana/provisioning"
	grafanaUser         = "admin"
)

// grafanaSources and grafanaProviders are Grafana's provisioning files, as far as we
// use them; anything else in there is refused.
type grafanaSources struct {
	APIVersion  int             `yaml:"apiVersion"`
	Datasources []grafanaSource `yaml:"datasources"`
}

type grafanaSource struct {
	Name      string `yaml:"name"`
	UID       string `yaml:"uid"`
	Type      string `yaml:"type"`
	Access    string `yaml:"access"`
	URL       string `yaml:"url"`
	IsDefault bool   `yaml:"isDefault"`
}

type grafanaProviders struct {
	APIVersion int `yaml:"apiVersion"`
	Providers  []struct {
		Name           string `yaml:"name"`
		Folder         string `yaml:"folder"`
		Type           string `yaml:"type"`
		AllowUIUpdates bool   `yaml:"allowUiUpdates"`
		Options        struct {
			Path string `yaml:"path"`
		} `yaml:"options"`
	} `yaml:"providers"`
}

func readYAML(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// dashboard is what matters of a dashboard's JSON.
type dashboard struct {
	UID           string           `json:"uid"`
	Title         string           `json:"title"`
	SchemaVersion int              `json:"schemaVersion"`
	Panels        []dashboardPanel `json:"panels"`
}

type dashboardPanel struct {
	ID         int    `json:"id"`
	Title      string `json:"title"`
	Type       string `json:"type"`
	Datasource *struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

// panelTypes are those of Grafana's own panels that we use.
var panelTypes = []string{"timeseries", "stat", "row", "text", "bargauge", "gauge", "table"}

// check says what Grafana would not take, or would show as an empty or hidden panel.
func (d *dashboard) check(sources []grafanaSource) error {
	const columns, longestUID = 24, 40
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if d.UID == "" || len(d.UID) > longestUID || d.Title == "" || d.SchemaVersion == 0 || len(d.Panels) == 0 {
		wrong("uid %q, title %q, schemaVersion %d, %d panels", d.UID, d.Title, d.SchemaVersion, len(d.Panels))
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			wrong("%s: id %d is none, or another panel's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if !slices.Contains(panelTypes, p.Type) {
			wrong("%s: type %q", p.Title, p.Type)
		}
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > columns {
			wrong("%s: place %+v", p.Title, g)
			continue
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					wrong("%s is over %s", p.Title, other)
					x = columns
					break
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" || p.Type == "text" {
			continue
		}
		if p.Datasource == nil || !slices.ContainsFunc(sources, func(s grafanaSource) bool {
			return s.UID == p.Datasource.UID && s.Type == p.Datasource.Type
		}) {
			wrong("%s: no such datasource", p.Title)
		}
		refs := map[string]bool{}
		for _, t := range p.Targets {
			if t.RefID == "" || refs[t.RefID] || t.Expr == "" {
				wrong("%s: query %q is none, or there are two: %q", p.Title, t.RefID, t.Expr)
			}
			refs[t.RefID] = true
		}
		if len(p.Targets) == 0 {
			wrong("%s: no query", p.Title)
		}
	}
	return errors.Join(all...)
}

func grafanaCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "grafana",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			handler, err := provisionGrafana(grafanaProvisioning)
			if err != nil {
				return err
			}
			return serveUntilStopped(cmd.Context(), ":3000", handler)
		},
	}
}

// provisionGrafana reads everything as Grafana does at its start.
func provisionGrafana(folder string) (http.Handler, error) {
	var sources grafanaSources
	if err := readYAML(filepath.Join(folder, "datasources/clair.yml"), &sources); err != nil {
		return nil, err
	}
	var providers grafanaProviders
	if err := readYAML(filepath.Join(folder, "dashboards/clair.yml"), &providers); err != nil {
		return nil, err
	}
	dashboards := map[string]json.RawMessage{}
	var found []map[string]string
	for _, p := range providers.Providers {
		files, err := filepath.Glob(filepath.Join(p.Options.Path, "*.json"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			var d dashboard
			if err := json.Unmarshal(text, &d); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if err := d.check(sources.Datasources); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			dashboards[d.UID] = text
			found = append(found, map[string]string{"uid": d.UID, "title": d.Title, "type": "dash-db"})
		}
	}
	password, err := os.ReadFile(os.Getenv("GF_SECURITY_ADMIN_PASSWORD__FILE"))
	if err != nil {
		return nil, err
	}
	root, err := url.Parse(strings.NewReplacer("%(protocol)s", "http").Replace(os.Getenv("GF_SERVER_ROOT_URL")))
	if err != nil {
		return nil, err
	}
	api := http.NewServeMux()
	api.HandleFunc("GET /api/search", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(found) })
	api.HandleFunc("GET /api/dashboards/uid/{uid}", func(w http.ResponseWriter, r *http.Request) {
		d, ok := dashboards[r.PathValue("uid")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"dashboard": d})
	})
	for _, source := range sources.Datasources {
		to, err := url.Parse(source.URL)
		if err != nil {
			return nil, err
		}
		prefix := "/api/datasources/proxy/uid/" + source.UID
		api.Handle(prefix+"/", http.StripPrefix(prefix, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Authorization")
		}}))
	}
	protected := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		if user != grafanaUser || subtle.ConstantTimeCompare([]byte(given), []byte(strings.TrimSpace(string(password)))) == 0 {
			http.Error(w, "Invalid username or password", http.StatusUnauthorized)
			return
		}
		api.ServeHTTP(w, r)
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, `{"database":"ok"}`) })
	mux.Handle(root.Path, http.StripPrefix(strings.TrimSuffix(root.Path, "/"), protected))
	return mux, nil
}

// wgetCommand is the one program of Grafana's image that its health check needs.
func wgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "wget",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no address")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			return get(ctx, http.DefaultClient, "", args[len(args)-1])
		},
	}
}
