package lifetime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

// manual is what operators have in their hands, and firstTime the part of it with the first
// deployment.
const (
	manual    = "docs/operations.md"
	firstTime = "\n## The first time\n"
)

// edited is what a new operator writes into the copy of the example: what the poorest network
// server needs, on this machine.
const edited = `
. tools/e2e/poorest.env
CLAIR_SECRETS=%[1]s/secrets
RESTIC_REPOSITORY=%[1]s/backups
EMAIL_HOST_USER=
`

// firstCommands returns the lines that the manual has for the first deployment, without their
// comments.
func firstCommands() ([]string, error) {
	text, err := os.ReadFile(manual)
	if err != nil {
		return nil, err
	}
	_, section, found := strings.Cut(string(text), firstTime)
	if !found {
		return nil, fmt.Errorf("%s has no section %q", manual, firstTime)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	_, block, _ := strings.Cut(section, "\n```sh\n")
	block, _, found = strings.Cut(block, "\n```")
	if !found {
		return nil, fmt.Errorf("%s has no commands for the first time", manual)
	}
	var commands []string
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, " #")
		commands = append(commands, strings.TrimSpace(command))
	}
	return commands, nil
}

// elsewhere are the lines that other steps take: of this story's engine and images, and of the
// superuser, whom the fixtures' accounts would replace.
var elsewhere = []string{"docker swarm init", "tools/build-images.sh --load", "tools/manage.sh mine createsuperuser"}

// deployByTheBook runs the manual's lines for the first deployment, each as it stands there but
// for the place of the file, which is ours from then on.
func (s *lifetime) deployByTheBook(ctx context.Context) error {
	commands, err := firstCommands()
	if err != nil {
		return err
	}
	for _, command := range elsewhere {
		if !slices.Contains(commands, command) {
			return fmt.Errorf("%s does not say %q any more", manual, command)
		}
	}
	mine := filepath.Join(s.setting.Work, "mine.env")
	begun := time.Now()
	for _, command := range commands {
		if slices.Contains(elsewhere, command) {
			continue
		}
		if err := s.followBook(ctx, command, mine); err != nil {
			return fmt.Errorf("%s, %q: %w", manual, command, err)
		}
	}
	s.stack.Environment = mine
	s.stack.Report("first deployment, by the manual's lines, with migration", "%.0f s", time.Since(begun).Seconds())
	return nil
}

func (s *lifetime) followBook(ctx context.Context, command, mine string) error {
	words := strings.Fields(command)
	for i, word := range words {
		if word == "mine" || word == "environments/mine.env" {
			words[i] = mine
		}
	}
	run := func() error {
		_, err := s.stack.Shell.Run(ctx, words...)
		return err
	}
	switch filepath.Base(words[0]) {
	case "cp":
		return errors.Join(run(), appendTo(mine, fmt.Sprintf(edited, s.setting.Work)))
	case "deploy-stack.sh":
		words = append(words, "--timeout", "300") // this machine has more to do
		return run()
	case "status.sh":
		return play.Until(ctx, run)
	default:
		return run()
	}
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
