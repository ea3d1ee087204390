package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// upgrade is a stack of an earlier version, deployed by the tools and compose files
// of that version, which is then brought to this one under load.
type upgrade struct {
	story
	old       string // tree of the earlier version
	oldImages string // archive of its images, with the tag "old"
	version   string // what it is called
}

func upgradeCommand() *cobra.Command {
	u := upgrade{story: story{stage: newStage()}}
	var keep bool
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Updates a stack of an earlier version under load; use tools/dev/e2e.sh upgrade",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd.Context(), cmd.OutOrStdout(), &u.stage, u.steps(), u.engine.stop, keep)
		},
	}
	u.flags(cmd.Flags(), &keep)
	cmd.Flags().StringVar(&u.old, "old", "", "tree of the earlier version")
	cmd.Flags().StringVar(&u.oldImages, "old-images", "", "archive of its images")
	cmd.Flags().StringVar(&u.version, "old-version", "the earlier version", "what it is called")
	return cmd
}

func (u *upgrade) steps() []step {
	return []step{
		{"an engine and a swarm of our own start", u.engine.start},
		{"images of both versions are made", u.makeImages},
		{"the earlier version is deployed by its own tools", u.deployOld},
		{"fixtures are loaded, a superuser is created", u.loadData},
		{"the superuser logs in and uploads a picture", u.logIn},
		{"constant load begins; uplinks arrive", u.startLoad},
		{"images and schema of today take over, and no request fails", u.updateImages},
		{"the load begins anew", u.startLoad},
		{"the compose files of today take over, and no sample is lost", u.updateFiles},
		{"deploying again restarts nothing", u.deployUnchanged},
		{"the public reads each of the samples", u.readSeries},
		{"log-in and picture are what they were", u.seeOldThings},
		{"the stack is removed", u.remove},
	}
}

func (u *upgrade) makeImages(ctx context.Context) error {
	if err := u.loadImages(ctx); err != nil {
		return err
	}
	if _, err := u.docker(ctx, "load", "--quiet", "--input", u.oldImages); err != nil {
		return err
	}
	// Pages know nothing of the schema; theirs need no Node.js of that time.
	_, err := u.docker(ctx, "tag", "clair-standin/nginx", registry+"/static-frontend:old")
	return err
}

func (u *upgrade) deployOld(ctx context.Context) error {
	u.tree = u.old
	u.engine.env = []string{"CLAIR_VERSION=old"}
	if err := u.createSecretsAndVolumes(ctx); err != nil {
		return err
	}
	return u.deploy(ctx)
}

// updateImages does what is left of a new version where its compose files say the
// same of database, Redis and proxy, as they mostly do.
func (u *upgrade) updateImages(ctx context.Context) error {
	u.tree = ""
	u.engine.env = []string{"CLAIR_VERSION=one"}
	old, err := filepath.Abs(u.old)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(environment)
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, "\nDOCKER_STACK_DEPLOY_ARGS=\"--resolve-image never -c %s/compose/docker-compose.yml -c %[1]s/tools/e2e/compose.e2e.yml\"\n", old)
	u.environment = filepath.Join(u.work, "between.env")
	if err := os.WriteFile(u.environment, text, 0o600); err != nil {
		return err
	}
	begun := time.Now()
	// Some may be new.
	if err := u.createSecretsAndVolumes(ctx); err != nil {
		return err
	}
	if _, err := u.tool(ctx, "deploy-stack.sh", "--timeout", "360"); err != nil {
		return err
	}
	u.report("images of "+u.version+" replaced by today's", "%.0f s", time.Since(begun).Seconds())
	return errors.Join(u.endLoad(ctx, "the update of the images"))
}

// updateFiles deploys today's compose files. Requests may fail in the seconds in
// which a service restarts that has one task, if these files want that.
func (u *upgrade) updateFiles(ctx context.Context) error {
	u.environment = environment
	single := []string{"db", "redis", "reverse_proxy"}
	before, err := u.tasksOf(ctx, single)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := u.createSecretsAndVolumes(ctx); err != nil {
		return err
	}
	if _, err := u.tool(ctx, "deploy-stack.sh", "--timeout", "360"); err != nil {
		return err
	}
	after, err := u.tasksOf(ctx, single)
	if err != nil {
		return err
	}
	var restarted []string
	for _, service := range single {
		if before[service] != after[service] {
			restarted = append(restarted, service)
		}
	}
	u.report("compose files of "+u.version+" replaced by today's", "%.0f s; restarted besides: %s",
		time.Since(begun).Seconds(), strings.Join(append(restarted, "nothing else")[:max(1, len(restarted))], ", "))
	failed, err := u.endLoad(ctx, "the update of the files")
	if len(restarted) > 0 {
		failed = nil
	}
	return errors.Join(failed, err)
}

// tasksOf returns the running tasks of services.
func (u *upgrade) tasksOf(ctx context.Context, services []string) (map[string]string, error) {
	tasks := map[string]string{}
	for _, service := range services {
		ids, err := u.docker(ctx, "service", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", stack+"_"+service)
		if err != nil {
			return nil, err
		}
		tasks[service] = ids
	}
	return tasks, nil
}

func (u *upgrade) seeOldThings(ctx context.Context) error {
	if _, _, err := u.browser.ask(ctx, http.MethodGet, "/accounts/", nil, nil, http.StatusOK); err != nil {
		return err
	}
	return u.seePicture(ctx)
}
