package standin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Grafana is neither a Debian package nor a Go module, so our own program stands in
// for it: it reads the same provisioning files, dashboards and secret from the same
// places, and answers as much of its HTTP API as the story asks. The story would read
// the same of a real one. What dashboards look like it cannot tell.

// Where the compose file puts them.
const (
	grafanaProvisioning = "/etc/grafana/provisioning"
	GrafanaUser         = "admin"
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

// ReadYAML reads a file, in which nothing may be that the value has no place for.
func ReadYAML(path string, into any) error {
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

func serveGrafana(ctx context.Context) error {
	handler, err := provisionGrafana(grafanaProvisioning)
	if err != nil {
		return err
	}
	return serve(ctx, ":3000", handler)
}

// provisionGrafana reads everything as Grafana does at its start.
func provisionGrafana(folder string) (http.Handler, error) {
	var sources grafanaSources
	if err := ReadYAML(filepath.Join(folder, "datasources/clair.yml"), &sources); err != nil {
		return nil, err
	}
	var providers grafanaProviders
	if err := ReadYAML(filepath.Join(folder, "dashboards/clair.yml"), &providers); err != nil {
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
			var d Dashboard
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
		if user != GrafanaUser || subtle.ConstantTimeCompare([]byte(given), []byte(strings.TrimSpace(string(password)))) == 0 {
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
