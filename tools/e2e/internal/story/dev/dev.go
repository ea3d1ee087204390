// Package dev works with the stack that developers deploy on their machine, from a copy
// of this tree in which they may write.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

type dev struct {
	setting story.Setting
	engine  swarm.Engine
	stack   *stack.Stack
	reload  *reload
}

// Command plays it.
func Command() *cobra.Command {
	return story.Command("dev", "Works with the development stack; use tools/dev/e2e.sh dev", begin)
}

func begin(setting story.Setting) story.Story {
	s := setting.Stack("tools/e2e/e2e-dev.env")
	return &dev{setting: setting, engine: swarm.Engine{Shell: s.Shell, Work: setting.Work}, stack: s}
}

// Steps tells the story.
func (d *dev) Steps() []story.Step {
	return []story.Step{
		{Name: "an engine and a swarm of our own start", Do: d.engine.Start},
		{Name: "images are made", Do: d.makeImages},
		{Name: "somebody checks the tree out", Do: d.checkOut},
		{Name: "secrets and volumes are created", Do: d.stack.Prepare},
		{Name: "the development stack is deployed and healthy", Do: d.deploy},
		{Name: "fixtures are loaded, a superuser is created", Do: d.loadData},
		{Name: "API, gRPC and pgAdmin are where they should be", Do: d.knock},
		{Name: "what the simulator sends arrives in the API", Do: d.seeSimulated},
		{Name: "somebody signs up and gets a mail", Do: d.signUp},
		{Name: "a changed line changes the running service", Do: d.changeCode},
		{Name: "what does not build changes nothing, what is mended does", Do: d.breakCode},
		{Name: "a new migration is applied", Do: d.addMigration},
		{Name: "the stack is removed", Do: d.stack.Destroy},
	}
}

// Explain says how the stack is.
func (d *dev) Explain(w io.Writer) { d.stack.Explain(w) }

// TakeDown ends what watches the code, and the engine.
func (d *dev) TakeDown() {
	if d.reload != nil {
		d.reload.stop()
	}
	d.engine.Stop()
}

func (d *dev) makeImages(ctx context.Context) error {
	return d.setting.Images.Make(ctx, d.stack.Shell)
}

func (d *dev) deploy(ctx context.Context) error {
	if err := d.stack.Deploy(ctx); err != nil {
		return err
	}
	return d.stack.AwaitWell(ctx)
}

func (d *dev) loadData(ctx context.Context) error {
	return errors.Join(load.New(d.stack, stack.Local, 6).Register(ctx, d.setting.Work), d.stack.CreateSuperuser(ctx))
}

func (d *dev) signUp(ctx context.Context) error {
	_, err := visitor.SignUp(ctx, stack.Local, d.setting.Notes)
	return err
}

func (d *dev) checkOut(ctx context.Context) error {
	d.stack.Tree = filepath.Join(d.setting.Work, "tree")
	if err := os.Mkdir(d.stack.Tree, 0o700); err != nil {
		return err
	}
	_, err := d.stack.Shell.Run(ctx, "bash", "-o", "pipefail", "-c", `git ls-files -z --cached --others --exclude-standard |
		tar --create --null --files-from - --ignore-failed-read | tar --extract --directory "$1"`, "copy", d.stack.Tree)
	return err
}

// Where developers find things.
const (
	devAPI     = "http://" + stack.Local + ":8888"
	devPGAdmin = "http://" + stack.Local + ":8889"
	devGRPC    = "50051"
)

func (d *dev) knock(ctx context.Context) error {
	if err := visitor.Get(ctx, http.DefaultClient, "", devAPI+visitor.RoomPath); err != nil {
		return err
	}
	if err := visitor.Get(ctx, http.DefaultClient, "", devPGAdmin); err != nil {
		return err
	}
	conn, err := grpc.NewClient(net.JoinHostPort(stack.Local, devGRPC), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("ingestair is %s", answer.GetStatus())
	}
	return err
}

// simulated is how many nodes the simulator plays unless it is told otherwise.
const simulated = 10

// seeSimulated waits until each simulated node has the greater part of the day that
// the simulator begins with.
func (d *dev) seeSimulated(ctx context.Context) error {
	begun := time.Now()
	total := 0
	err := play.Until(ctx, func() error {
		total = 0
		for i := range simulated {
			body, err := visitor.Read(ctx, devAPI+visitor.SeriesPath(i, begun.AddDate(0, 0, -1), begun.Add(time.Hour)))
			if err != nil {
				return err
			}
			times, err := visitor.SeriesTimes(body)
			if err != nil {
				return err
			}
			var newest int64
			for at := range times {
				newest = max(newest, at)
			}
			// The slowest of them sends every two hours.
			if age := time.Since(time.Unix(newest, 0)); age > 3*time.Hour {
				return fmt.Errorf("the newest of %d samples of node %d is %s old", len(times), i, age.Round(time.Second))
			}
			total += len(times)
		}
		return nil
	})
	d.stack.Report("simulated samples in the API", "%d of %d nodes", total, simulated)
	return err
}
