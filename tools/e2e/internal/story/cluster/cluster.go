// Package cluster is the life of a stack on three nodes, one of which has the data. Load
// comes from outside of them all the time, through a balancer.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/standin"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// Parts that nodes play. The first makes the swarm, and is likely to lead it.
const (
	first = iota
	worker
	data
)

// operator owns the organization that the installations of the fixtures belong to.
const operator = "tomTester"

// cluster is a stack on three nodes.
type cluster struct {
	setting  story.Setting
	nodes    *swarm.Cluster
	stack    *stack.Stack
	load     *load.Load
	balancer *load.Balancer
	pictures *http.Server
	token    string         // of a log-in
	session  string         // cookie of the same log-in
	mails    int            // tasks that sent mails, which the queue does not keep
	lost     *swarm.Machine // that led
}

// Command plays it.
func Command() *cobra.Command {
	var cgroup string
	cmd := story.Command("cluster", "Plays the life of a stack on three nodes; use tools/dev/e2e.sh cluster",
		func(setting story.Setting) story.Story { return begin(setting, cgroup) })
	cmd.Flags().StringVar(&cgroup, "cgroup", "clair-e2e", "control group above those of all containers")
	return cmd
}

func begin(setting story.Setting, cgroup string) *cluster {
	s := setting.Stack("tools/e2e/cluster.env")
	s.Flags = []string{"-y"}
	c := &cluster{setting: setting, nodes: swarm.NewCluster(s.Shell, setting.Work, cgroup, 3), stack: s}
	c.load = load.New(c.stack, c.nodes.Machines[data].Address, 7, "--constraint", "node.labels.clair.data == true")
	c.operateThrough(c.nodes.Machines[first])
	return c
}

// Steps tells the story.
func (c *cluster) Steps() []story.Step {
	return []story.Step{
		{Name: "three engines start and make a swarm of three managers", Do: c.start},
		{Name: "images are made and brought to every node", Do: c.makeImages},
		{Name: "secrets and volumes are created", Do: c.prepare},
		{Name: "the stack is deployed; the data is where it belongs", Do: c.deploy},
		{Name: "fixtures are loaded, an operator has a password", Do: c.loadAll},
		{Name: "somebody logs in; constant load begins from outside", Do: c.startLoad},
		{Name: "somebody signs up and gets a mail", Do: c.signUp},
		{Name: "managair, its worker and ingestair are scaled to 3", Do: c.scale},
		{Name: "a picture is the same on every node", Do: c.sharePicture},
		{Name: "gRPC calls go to all replicas", Do: c.countCalls},
		{Name: "a node is drained: no request fails", Do: c.drain},
		{Name: "the node comes back and gets tasks again", Do: c.rebalance},
		{Name: "a node is cut off and replaced", Do: c.cutOff},
		{Name: "the node that was cut off rejoins", Do: c.rejoin},
		{Name: "the leader is lost; another deploys and scales", Do: c.loseLeader},
		{Name: "the lost leader rejoins", Do: c.findLeader},
		{Name: "nothing is lost, periodic tasks ran once", Do: c.check},
		{Name: "the stack is removed", Do: c.stack.Destroy},
	}
}

// Explain says how the stack is.
func (c *cluster) Explain(w io.Writer) { c.stack.Explain(w) }

// operateThrough says which manager the tools are given. Single docker commands go
// to the node with the data, which is not lost.
func (c *cluster) operateThrough(m *swarm.Machine) {
	c.stack.Shell.Env = []string{
		"DOCKER_CONFIG=" + filepath.Join(c.setting.Work, "docker-config"),
		"DOCKER_CONTEXT=" + c.nodes.Machines[data].Name, "E2E_CONTEXT=" + m.Name,
	}
}

// TakeDown ends the nodes and what is beside them.
func (c *cluster) TakeDown() {
	if c.balancer != nil {
		c.balancer.Stop()
	}
	if c.pictures != nil {
		_ = c.pictures.Close()
	}
	if err := c.nodes.Kill(); err != nil {
		_, _ = fmt.Fprintln(c.setting.Notes.Log, err)
	}
}

func (c *cluster) start(ctx context.Context) error {
	begun := time.Now()
	if err := c.nodes.Form(ctx); err != nil {
		return err
	}
	if _, err := c.stack.Docker(ctx, "node", "update", "--label-add", "clair.data=true", c.nodes.Machines[data].Name); err != nil {
		return err
	}
	err := play.Until(ctx, func() error { return c.allWell(ctx) })
	c.stack.Report("three engines and their swarm", "%.0f s", time.Since(begun).Seconds())
	return err
}

func (c *cluster) allWell(ctx context.Context) error {
	return c.nodes.AllWell(ctx, c.nodes.Machines[data])
}

func (c *cluster) makeImages(ctx context.Context) error {
	begun := time.Now()
	if err := c.setting.Images.Make(ctx, c.stack.Shell); err != nil {
		return err
	}
	if err := c.nodes.CopyImages(ctx, c.nodes.Machines[data]); err != nil {
		return err
	}
	c.stack.Report("images made, and copied to the other nodes", "%.0f s", time.Since(begun).Seconds())
	return nil
}

func (c *cluster) prepare(ctx context.Context) error {
	var err error
	if c.pictures, err = standin.ServePictures(ctx, net.JoinHostPort(swarm.LANAddress, "9000")); err != nil {
		return err
	}
	if _, err := c.stack.Tool(ctx, "create-secrets.sh"); err != nil {
		return err
	}
	// Volumes belong to a node; the others get theirs of pictures with a task.
	_, err = c.stack.ToolWith(ctx, nil, []string{"E2E_CONTEXT=" + c.nodes.Machines[data].Name}, "create-volumes.sh")
	return err
}

func (c *cluster) loadAll(ctx context.Context) error {
	if err := errors.Join(c.load.Register(ctx, c.setting.Work), c.stack.CreateSuperuser(ctx)); err != nil {
		return err
	}
	_, err := c.stack.ToolWith(ctx, strings.NewReader(stack.SuperuserPassword+"\n"), nil, "manage.sh", "changepassword", operator)
	return err
}

func (c *cluster) signUp(ctx context.Context) error {
	if _, err := visitor.SignUp(ctx, c.nodes.Machines[data].Address, c.setting.Notes); err != nil {
		return err
	}
	// The operator is told of the new password, too, which takes a minute or two: the tool that
	// set it has no queue.
	return play.Until(ctx, func() error {
		waiting, err := c.stack.SQL(ctx, "SELECT count(*) FROM outgoing_mail")
		if err != nil {
			return err
		}
		if waiting != "0" {
			return fmt.Errorf("%s mails wait", waiting)
		}
		done, err := c.countTasks(ctx)
		if err != nil {
			return err
		}
		if done.running > 0 {
			// One may have sent the last mail a moment ago: it counts when it has ended.
			return fmt.Errorf("%d tasks have not ended", done.running)
		}
		c.mails = done.executed - len(done.kept)
		return nil
	})
}

func (c *cluster) check(ctx context.Context) error {
	remark := fmt.Sprintf("; half of them in one session, sent again %d", len(c.balancer.Retries()))
	return errors.Join(c.load.EndRequests("in all", remark), c.load.EndCalls(ctx, "in all"),
		c.load.CheckUplinks(ctx, "all of this"), c.checkTicks(ctx), c.load.CheckFidelity(ctx, c.readAsOperator))
}

func (c *cluster) readAsOperator(ctx context.Context, path string) ([]byte, error) {
	body, _, err := c.balancer.Do(ctx, load.Request{Method: http.MethodGet, Path: path, Header: http.Header{"Authorization": {"Token " + c.token}}})
	return body, err
}
