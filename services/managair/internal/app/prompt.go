package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// prompt asks the person at the terminal, if there is one.
type prompt struct {
	in       *bufio.Reader
	fd       int
	terminal bool
	cmd      *cobra.Command
}

func newPrompt(cmd *cobra.Command) *prompt {
	p := &prompt{in: bufio.NewReader(cmd.InOrStdin()), cmd: cmd}
	if f, ok := cmd.InOrStdin().(*os.File); ok {
		p.fd = int(f.Fd())
		p.terminal = term.IsTerminal(p.fd)
	}
	return p
}

// ask returns the answer, and preset if it is empty.
func (p *prompt) ask(question, preset string) string {
	if preset != "" {
		question += " [" + preset + "]"
	}
	p.cmd.PrintErr(question + ": ")
	line, _ := p.in.ReadString('\n') // at the end of the input the answer is empty
	if line = strings.TrimSpace(line); line != "" {
		return line
	}
	return preset
}

// newPassword asks twice, judges, and lets the operator insist. Without a
// terminal, a line of standard input is the password.
func (p *prompt) newPassword(known ...string) (string, error) {
	if !p.terminal {
		line, err := p.in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("no password on standard input")
		}
		return line, nil
	}
	for {
		first, err := p.secret("Password: ")
		if err != nil {
			return "", err
		}
		second, err := p.secret("Again: ")
		if err != nil {
			return "", err
		}
		switch weakness := identity.JudgePassword(first, known...); {
		case first != second:
			p.cmd.PrintErrln("These differ.")
		case first == "":
			p.cmd.PrintErrln("It is empty.")
		case weakness != identity.NotWeak:
			if p.ask(fmt.Sprintf("It is weak: %s. Use it all the same? (y/N)", strings.TrimSuffix(weakness.In("en"), ".")), "") == "y" {
				return first, nil
			}
		default:
			return first, nil
		}
	}
}

func (p *prompt) secret(question string) (string, error) {
	p.cmd.PrintErr(question)
	b, err := term.ReadPassword(p.fd)
	p.cmd.PrintErrln()
	return string(b), err
}
