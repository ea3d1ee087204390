package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// Images is where the images that a stack needs come from.
type Images struct {
	Own             string // archive of our own
	Debian          string // archive of a root file system with the servers
	Traefik, Pebble string // static binaries
	Monitoring      string // folder of binaries; may be empty
}

// standIns is the folder with the Dockerfiles of images that stand in for those of
// other projects.
const standIns = "tools/e2e/standins"

// Make gives the engine all images that the stack needs.
func (i *Images) Make(ctx context.Context, shell *swarm.Shell) error {
	if err := i.importOthers(ctx, shell); err != nil {
		return err
	}
	if _, err := shell.Docker(ctx, "load", "--quiet", "--input", i.Own); err != nil {
		return err
	}
	// Our own program plays the viewers.
	for _, name := range []string{"mail", "pgadmin"} {
		if err := shell.Build(ctx, "clair-standin/"+name, "FROM "+Registry+"/e2e:one\nHEALTHCHECK NONE\nCMD [\""+name+"\"]\n"); err != nil {
			return err
		}
	}
	if err := buildStandIn(ctx, shell, "grafana", standIns); err != nil {
		return err
	}
	return makeFrontend(ctx, shell)
}

// importOthers makes the images of other projects that the stack stands on.
func (i *Images) importOthers(ctx context.Context, shell *swarm.Shell) error {
	if _, err := shell.Docker(ctx, "import", i.Debian, "clair-standin/debian"); err != nil {
		return err
	}
	for _, name := range []string{"postgres", "redis", "nginx", "mosquitto", "redis_exporter"} {
		if err := buildStandIn(ctx, shell, name, standIns); err != nil {
			return err
		}
	}
	if err := importBinary(ctx, shell, "traefik", i.Traefik); err != nil {
		return err
	}
	if err := importBinary(ctx, shell, "pebble", i.Pebble); err != nil {
		return err
	}
	if i.Monitoring == "" {
		return nil
	}
	if err := importBinary(ctx, shell, "postgres_exporter", filepath.Join(i.Monitoring, "postgres_exporter")); err != nil {
		return err
	}
	return buildStandIn(ctx, shell, "prometheus", i.Monitoring)
}

// buildStandIn builds one of the Dockerfiles with the files of a folder.
func buildStandIn(ctx context.Context, shell *swarm.Shell, name, folder string) error {
	_, err := shell.Docker(ctx, "build", "--quiet", "--network", "none", "--tag", "clair-standin/"+name,
		"--file", filepath.Join(standIns, name+".Dockerfile"), folder)
	return err
}

// importBinary makes an image of a static binary.
func importBinary(ctx context.Context, shell *swarm.Shell, name, path string) error {
	tar := exec.CommandContext(ctx, "tar", "--create", "--directory", filepath.Dir(path),
		"--transform", "s/.*/usr\\/local\\/bin\\/"+name+"/", filepath.Base(path))
	archive, err := tar.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tar.Start(); err != nil {
		return err
	}
	_, err = shell.RunWith(ctx, archive, nil, "docker", "import", "--change", `ENTRYPOINT ["/usr/local/bin/`+name+`"]`,
		"--change", "ENV PATH=/usr/local/bin", "-", "clair-standin/"+name)
	return errors.Join(err, tar.Wait())
}

// makeFrontend makes the image of the pages, where they have been built.
func makeFrontend(ctx context.Context, shell *swarm.Shell) error {
	if !PagesBuilt() {
		_, err := shell.Docker(ctx, "tag", "clair-standin/nginx", Registry+"/static-frontend:one")
		return err
	}
	_, err := shell.RunWith(ctx, nil, []string{"CLAIR_REGISTRY=" + Registry, "NGINX_IMAGE=clair-standin/nginx"},
		"tools/build-images.sh", "--load", "--tag", "one", "static-frontend")
	return err
}

// PagesBuilt reports whether there are pages. Without Node.js there are none, and a
// stand-in answers in their place.
func PagesBuilt() bool {
	_, err := os.Stat("services/static-frontend/dist/index.html")
	return err == nil
}
