// Package story plays stories, each of which is a package below this one, and prints
// what came of it.
package story

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// Story is the life of a deployed stack.
type Story interface {
	// Steps are taken one after the other; they build on each other.
	Steps() []Step
	// Explain says how the stack is, when a step has failed.
	Explain(w io.Writer)
	// TakeDown ends what the steps have started.
	TakeDown()
}

// Step is a part of a story.
type Step struct {
	Name string
	Do   func(context.Context) error
}

// Setting is what a story is played with.
type Setting struct {
	Work   string // folder for engines' data and logs
	Images stack.Images
	Notes  *play.Notes
}

// Stack is the stack that the story is about, with the settings of an environment file.
func (s Setting) Stack(environment string) *stack.Stack {
	return &stack.Stack{
		Shell: &swarm.Shell{Log: s.Notes.Log}, Notes: s.Notes, Environment: environment, Secrets: filepath.Join(s.Work, "secrets"),
	}
}

// stepTimeout is far more than any step takes on a machine that does nothing else.
const stepTimeout = 7 * time.Minute

// Command plays the story that is begun with what its flags say.
func Command(use, short string, begin func(Setting) Story) *cobra.Command {
	var s Setting
	var skip string
	var keep bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			p := player{out: cmd.OutOrStdout(), keep: keep}
			if skip != "" {
				if p.skip, err = regexp.Compile(skip); err != nil {
					return err
				}
			}
			if s.Notes, err = play.OpenNotes(filepath.Join(s.Work, "e2e.log")); err != nil {
				return err
			}
			defer func() { _ = s.Notes.Close() }()
			return p.play(cmd.Context(), s.Notes, begin(s))
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.Images.Debian, "debian", "", "archive of a root file system with the servers")
	f.StringVar(&s.Images.Traefik, "traefik", "", "binary of Traefik")
	f.StringVar(&s.Images.Pebble, "pebble", "", "binary of Pebble, an ACME server for tests")
	f.StringVar(&s.Images.Monitoring, "monitoring", "", "folder with Prometheus and its exporters, where they are needed")
	f.StringVar(&s.Images.Own, "images", "", "archive of our own images")
	f.StringVar(&s.Work, "work", "", "folder for the engine's data and logs")
	f.StringVar(&skip, "skip", "", "leave out the steps whose names match this regular expression, when working on others")
	f.BoolVar(&keep, "keep", false, "wait for Ctrl-C before everything is removed, to look around")
	return cmd
}

type player struct {
	out  io.Writer
	skip *regexp.Regexp
	keep bool
}

// play takes the steps one after the other, and what they made down at the end.
func (p player) play(ctx context.Context, notes *play.Notes, story Story) error {
	begun := time.Now()
	defer func() {
		notes.Report("the whole story", "%s", time.Since(begun).Round(time.Second))
		notes.Print(p.out)
	}()
	defer story.TakeDown()
	for _, step := range story.Steps() {
		if p.skip != nil && p.skip.MatchString(step.Name) {
			_, _ = fmt.Fprintf(p.out, "LEFT OUT          %s\n", step.Name)
			continue
		}
		stepCtx, cancel := context.WithTimeout(ctx, stepTimeout)
		stepBegun := time.Now()
		err := step.Do(stepCtx)
		cancel()
		if err != nil {
			_, _ = fmt.Fprintf(p.out, "FAILED  %5.1f s  %s\n", time.Since(stepBegun).Seconds(), step.Name)
			story.Explain(p.out)
			if p.keep {
				_, _ = fmt.Fprintln(p.out, "Ctrl-C ends it; look around with: nsenter --all --target", os.Getpid())
				<-ctx.Done()
			}
			return fmt.Errorf("%s: %w", step.Name, err)
		}
		_, _ = fmt.Fprintf(p.out, "passed  %5.1f s  %s\n", time.Since(stepBegun).Seconds(), step.Name)
	}
	return nil
}
