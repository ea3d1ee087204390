// Package upgrade brings a stack of an earlier version, deployed by the tools and
// compose files of that version, to this one under load.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// environment is what the tools are given, those of the earlier version too.
const environment = "tools/e2e/e2e.env"

// earlier is the version that is deployed first.
type earlier struct {
	tree   string
	images string // archive, with the tag "old"
	name   string
}

type upgrade struct {
	setting   story.Setting
	old       earlier
	engine    swarm.Engine
	stack     *stack.Stack
	load      *load.Load
	superuser visitor.Superuser
}

// Command plays it.
func Command() *cobra.Command {
	var old earlier
	cmd := story.Command("upgrade", "Updates a stack of an earlier version under load; use tools/dev/e2e.sh upgrade",
		func(setting story.Setting) story.Story { return begin(setting, old) })
	cmd.Flags().StringVar(&old.tree, "old", "", "tree of the earlier version")
	cmd.Flags().StringVar(&old.images, "old-images", "", "archive of its images")
	cmd.Flags().StringVar(&old.name, "old-version", "the earlier version", "what it is called")
	return cmd
}

func begin(setting story.Setting, old earlier) *upgrade {
	s := setting.Stack(environment)
	return &upgrade{
		setting: setting, old: old, engine: swarm.Engine{Shell: s.Shell, Work: setting.Work}, stack: s,
		load: load.New(s, stack.Local, 6), superuser: visitor.Superuser{Stack: s},
	}
}

// Steps tells the story.
func (u *upgrade) Steps() []story.Step {
	return []story.Step{
		{Name: "an engine and a swarm of our own start", Do: u.engine.Start},
		{Name: "images of both versions are made", Do: u.makeImages},
		{Name: "the earlier version is deployed by its own tools", Do: u.deployOld},
		{Name: "fixtures are loaded, a superuser is created", Do: u.loadData},
		{Name: "the superuser logs in and uploads a picture", Do: u.superuser.LogIn},
		{Name: "constant load begins; uplinks arrive", Do: u.startLoad},
		{Name: "images and schema of today take over, and no request fails", Do: u.updateImages},
		{Name: "the load begins anew", Do: u.startLoad},
		{Name: "the compose files of today take over, and no sample is lost", Do: u.updateFiles},
		{Name: "the database moves to a new cluster; when that fails the old one goes on, and no sample is lost", Do: u.moveDatabase},
		{Name: "deploying again restarts nothing", Do: u.stack.DeployUnchanged},
		{Name: "the public reads each of the samples", Do: u.load.ReadSeries},
		{Name: "log-in and picture are what they were", Do: u.seeOldThings},
		{Name: "the stack is removed", Do: u.stack.Remove},
	}
}

// Explain says how the stack is.
func (u *upgrade) Explain(w io.Writer) { u.stack.Explain(w) }

// TakeDown ends the engine.
func (u *upgrade) TakeDown() { u.engine.Stop() }

func (u *upgrade) makeImages(ctx context.Context) error {
	if err := u.setting.Images.Make(ctx, u.stack.Shell); err != nil {
		return err
	}
	if _, err := u.stack.Docker(ctx, "load", "--quiet", "--input", u.old.images); err != nil {
		return err
	}
	// Pages know nothing of the schema; theirs need no Node.js of that time.
	_, err := u.stack.Docker(ctx, "tag", "clair-standin/nginx", stack.Registry+"/static-frontend:old")
	return err
}

func (u *upgrade) deployOld(ctx context.Context) error {
	// The network server is no part of the stack, and must not be restarted by an update:
	// ours forgets what it has. So today's stands in for it all the time.
	for _, file := range []string{"tools/e2e/compose.e2e.yml", "compose/mosquitto.conf"} {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(u.old.tree, file), content, 0o600); err != nil {
			return err
		}
	}
	u.stack.Tree = u.old.tree
	u.stack.Shell.Env = []string{"CLAIR_VERSION=old"}
	if err := u.stack.Prepare(ctx); err != nil {
		return err
	}
	return u.stack.Deploy(ctx)
}

func (u *upgrade) loadData(ctx context.Context) error {
	return errors.Join(u.load.Register(ctx, u.setting.Work), u.stack.CreateSuperuser(ctx))
}

func (u *upgrade) startLoad(ctx context.Context) error {
	return u.load.Begin(ctx, load.AskProxy())
}

// updateImages does what is left of a new version where its compose files say the
// same of database, Redis and proxy, as they mostly do.
func (u *upgrade) updateImages(ctx context.Context) error {
	u.stack.Tree = ""
	u.stack.Shell.Env = []string{"CLAIR_VERSION=one"}
	old, err := filepath.Abs(u.old.tree)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(environment)
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, "\nDOCKER_STACK_DEPLOY_ARGS=\"--resolve-image never -c %s/compose/docker-compose.yml -c %[1]s/tools/e2e/compose.e2e.yml\"\n", old)
	u.stack.Environment = filepath.Join(u.setting.Work, "between.env")
	if err := os.WriteFile(u.stack.Environment, text, 0o600); err != nil {
		return err
	}
	begun := time.Now()
	if err := u.update(ctx); err != nil {
		return err
	}
	u.stack.Report("images of "+u.old.name+" replaced by today's", "%.0f s", time.Since(begun).Seconds())
	return errors.Join(u.load.End(ctx, "the update of the images"))
}

// update deploys today's version; some secrets may be new.
func (u *upgrade) update(ctx context.Context) error {
	if err := u.stack.Prepare(ctx); err != nil {
		return err
	}
	_, err := u.stack.Tool(ctx, "deploy-stack.sh", "--timeout", "360")
	return err
}

// updateFiles deploys today's compose files. Requests may fail in the seconds in
// which a service restarts that has one task, if these files want that.
func (u *upgrade) updateFiles(ctx context.Context) error {
	u.stack.Environment = environment
	single := []string{"db", "redis", "reverse_proxy"}
	before, err := u.tasksOf(ctx, single)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := u.update(ctx); err != nil {
		return err
	}
	after, err := u.tasksOf(ctx, single)
	if err != nil {
		return err
	}
	var restarted []string
	for _, service := range single {
		if !slices.Equal(before[service], after[service]) {
			restarted = append(restarted, service)
		}
	}
	u.stack.Report("compose files of "+u.old.name+" replaced by today's", "%.0f s; restarted besides: %s",
		time.Since(begun).Seconds(), strings.Join(append(restarted, "nothing else")[:max(1, len(restarted))], ", "))
	failed, err := u.load.End(ctx, "the update of the files")
	if len(restarted) > 0 {
		failed = nil
	}
	return errors.Join(failed, err)
}

// moveDatabase does what another major version of PostgreSQL needs, with the only one that
// there is here.
func (u *upgrade) moveDatabase(ctx context.Context) error {
	text, err := os.ReadFile(environment)
	if err != nil {
		return err
	}
	u.stack.Environment = filepath.Join(u.setting.Work, "moved.env")
	if err := os.WriteFile(u.stack.Environment, append(text, "\nPOSTGRES_DATA=pgdata-next\n"...), 0o600); err != nil {
		return err
	}
	if err := u.load.StartUplinks(ctx); err != nil {
		return err
	}
	// Deployed just so, the stack would begin with an empty database.
	if err := u.refused(ctx, "tools/upgrade-postgres.sh moves it", "deploy-stack.sh"); err != nil {
		return err
	}
	// A dump that cannot be written, which comes to light when everything stands still.
	nowhere := filepath.Join(u.setting.Work, "nowhere.dump")
	if err := os.Mkdir(nowhere+".part", 0o700); err != nil {
		return err
	}
	if err := u.refused(ctx, "the old cluster goes on", "upgrade-postgres.sh", "-y", "--dump", nowhere); err != nil {
		return err
	}
	before, err := u.tasksOf(ctx, []string{"db"})
	if err != nil {
		return err
	}
	begun := time.Now()
	if _, err := u.stack.Tool(ctx, "upgrade-postgres.sh", "-y", "--dump", filepath.Join(u.setting.Work, "before.dump")); err != nil {
		return err
	}
	after, err := u.tasksOf(ctx, []string{"db"})
	if err != nil {
		return err
	}
	if slices.Equal(before["db"], after["db"]) {
		return errors.New("the database runs where it ran")
	}
	u.stack.Report("database moved to a new cluster", "%.0f s", time.Since(begun).Seconds())
	return u.load.CheckUplinks(ctx, "the move of the database")
}

// refused runs a tool that has to fail, and to say so.
func (u *upgrade) refused(ctx context.Context, because, tool string, args ...string) error {
	_, err := u.stack.Tool(ctx, tool, args...)
	if err == nil {
		return fmt.Errorf("%s did not fail", tool)
	}
	if !strings.Contains(err.Error(), because) {
		return fmt.Errorf("%s does not say %q: %w", tool, because, err)
	}
	return nil
}

// tasksOf returns the running tasks of services.
func (u *upgrade) tasksOf(ctx context.Context, services []string) (map[string][]string, error) {
	tasks := map[string][]string{}
	for _, service := range services {
		ids, err := u.stack.TasksOf(ctx, service)
		if err != nil {
			return nil, err
		}
		tasks[service] = ids
	}
	return tasks, nil
}

func (u *upgrade) seeOldThings(ctx context.Context) error {
	if _, err := u.superuser.Browser.See(ctx, "/accounts/"); err != nil {
		return err
	}
	return u.superuser.SeePicture(ctx)
}
