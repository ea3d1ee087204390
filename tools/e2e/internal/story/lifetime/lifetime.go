// Package lifetime is the life of a stack on one node.
package lifetime

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// environment is what the tools are given.
const environment = "tools/e2e/poorest.env"

// lifetime is the life of a stack, from its first deployment to its end, with all that
// operators do in between.
type lifetime struct {
	setting   story.Setting
	engine    swarm.Engine
	stack     *stack.Stack
	load      *load.Load
	superuser visitor.Superuser
	newcomer  *visitor.Browser // of somebody who has signed up
	rowsSaved int
	stopped   time.Time // since when there has been no worker
}

// Command plays it.
func Command() *cobra.Command {
	return story.Command("e2e", "Plays the life of a deployed stack on a Docker Swarm of its own; use tools/dev/e2e.sh", begin)
}

func begin(setting story.Setting) story.Story {
	s := setting.Stack(environment)
	return &lifetime{
		setting: setting, engine: swarm.Engine{Shell: s.Shell, Work: setting.Work}, stack: s,
		load: load.New(s, stack.Local, 6), superuser: visitor.Superuser{Stack: s},
	}
}

// Steps tells the story.
func (s *lifetime) Steps() []story.Step {
	return []story.Step{
		{Name: "an engine and a swarm of our own start", Do: s.engine.Start},
		{Name: "images are made", Do: s.makeImages},
		{Name: "the alert rules pass their own tests", Do: s.testRules},
		{Name: "tools refuse what nobody has confirmed", Do: s.refuse},
		{Name: "the manual's lines for the first time deploy the stack", Do: s.deployByTheBook},
		{Name: "containers are bounded, and ours may do little", Do: s.checkContainers},
		{Name: "the engine answers the proxy's questions, and no others", Do: s.askEngine},
		{Name: "deploying again restarts nothing", Do: s.deployAgain},
		{Name: "fixtures are loaded, a superuser is created", Do: s.loadData},
		{Name: "the API answers through the proxy", Do: s.readAPI},
		{Name: "services log in to the database as themselves", Do: s.checkRoles},
		{Name: "the superuser logs in and uploads a picture", Do: s.superuser.LogIn},
		{Name: "somebody signs up and gets a mail", Do: s.signUp},
		{Name: "they come to the first value of a room, by the webhook", Do: s.firstValue},
		{Name: "constant load begins; uplinks arrive", Do: s.startLoad},
		{Name: "what is wrongly posted to a webhook is refused", Do: s.postWrongly},
		{Name: "the schema of tomorrow appears under load", Do: s.expandSchema},
		{Name: "ingestair is scaled to 3", Do: s.scaleIngestair},
		{Name: "managair and the pages are updated under load", Do: s.updateManagair},
		{Name: "the worker is stopped", Do: s.stopWorker},
		{Name: "ingestair and the forwarders are updated under load", Do: s.updateIngestion},
		{Name: "a broken image rolls back by itself", Do: s.rollBack},
		{Name: "an alert tells of the worker, until it is back", Do: s.seeAlert},
		{Name: "every task, rule and panel is seen", Do: s.watchStack},
		{Name: "no request failed and no sample is lost", Do: s.checkLoad},
		{Name: "the public reads each of the samples", Do: s.load.ReadSeries},
		{Name: "the worker has looked after the nodes", Do: s.tasksRun},
		{Name: "Redis refuses everybody, and the tools say so", Do: s.refuseRedis},
		{Name: "the ingestion token is rotated under load", Do: s.rotateToken},
		{Name: "the ingestair's password of the database is rotated under load", Do: s.rotateServicePassword},
		{Name: "the password of the database's owner is rotated under load", Do: s.rotateOwnerPassword},
		{Name: "the killed database comes back, nothing is lost", Do: s.killDatabase},
		{Name: "database and pictures are backed up, the stack is destroyed", Do: s.backUpAndDestroy},
		{Name: "a new stack is deployed", Do: s.deployAnew},
		{Name: "the predecessor's data moves into it, and back", Do: s.moveOver},
		{Name: "the backup is restored into it", Do: s.restore},
		{Name: "HTTPS comes by a certificate of an ACME server", Do: s.useHTTPS},
		{Name: "a network server publishes into the stack's broker", Do: s.useBroker},
		{Name: "the stack is removed", Do: s.stack.Remove},
	}
}

// Explain says how the stack is.
func (s *lifetime) Explain(w io.Writer) { s.stack.Explain(w) }

// TakeDown ends the engine.
func (s *lifetime) TakeDown() { s.engine.Stop() }

func (s *lifetime) makeImages(ctx context.Context) error {
	if err := s.setting.Images.Make(ctx, s.stack.Shell); err != nil {
		return err
	}
	// Another name is another version to the swarm.
	services := []string{"managair", "ingestair", "clairchen-forwarder", "ers-forwarder", "static-frontend"}
	for _, name := range services {
		if _, err := s.stack.Docker(ctx, "tag", stack.Registry+"/"+name+":one", stack.Registry+"/"+name+":two"); err != nil {
			return err
		}
	}
	// It runs, but is never healthy: our own program under managair's name.
	broken := "FROM " + stack.Registry + "/e2e:one\nENTRYPOINT [\"/e2e\"]\nHEALTHCHECK CMD [\"/e2e\", \"unhealthy\"]\n"
	if err := s.stack.Shell.Build(ctx, stack.Registry+"/managair:broken", broken); err != nil {
		return err
	}
	for _, name := range services[:4] { // the frontend's stands on a stand-in
		size, err := s.stack.Docker(ctx, "image", "inspect", "--format", "{{.Size}}", stack.Registry+"/"+name+":one")
		if err != nil {
			return err
		}
		n, err := strconv.ParseFloat(size, 64)
		if err != nil {
			return err
		}
		s.stack.Report("image of "+name, "%.1f MB", n/1e6)
	}
	return nil
}

func (s *lifetime) loadData(ctx context.Context) error {
	return errors.Join(s.load.Register(ctx, s.setting.Work), s.stack.CreateSuperuser(ctx))
}

func (s *lifetime) signUp(ctx context.Context) (err error) {
	s.newcomer, err = visitor.SignUp(ctx, stack.Local, s.setting.Notes)
	return err
}

// firstValue goes on as the manual says: what they enter in the pages, and a network server
// that posts the next uplink.
func (s *lifetime) firstValue(ctx context.Context) error {
	begun := time.Now()
	node := load.Newcomer()
	installation, err := visitor.SetUpRoom(ctx, s.newcomer, node.DevEUI.String())
	if err != nil {
		return err
	}
	if err := s.load.PostUplinks(stack.Local, filepath.Join(s.stack.Secrets, "webhook_secret")); err != nil {
		return err
	}
	if err := s.load.PostNewest(ctx, node); err != nil {
		return err
	}
	if err := play.Until(ctx, func() error { return visitor.SeeValue(ctx, stack.Local, installation) }); err != nil {
		return err
	}
	s.stack.Report("from an account to the first value of a room", "%.1f s", time.Since(begun).Seconds())
	return nil
}

func (s *lifetime) startLoad(ctx context.Context) error {
	return s.load.Begin(ctx, load.AskProxy())
}

func (s *lifetime) postWrongly(ctx context.Context) error {
	return load.PostWrongly(ctx, stack.Local)
}

func (s *lifetime) checkLoad(ctx context.Context) error {
	return errors.Join(s.load.End(ctx, "the updates"))
}

// tasksRun waits for what the worker does by itself.
func (s *lifetime) tasksRun(ctx context.Context) error {
	return s.load.CheckFidelity(ctx, s.superuser.Browser.See)
}
