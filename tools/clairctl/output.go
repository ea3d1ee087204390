package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// output prints results: for people, or with --json for programs.
type output struct {
	json bool
	to   io.Writer
}

// print writes a value as JSON, or what text writes, in columns.
func (o *output) print(value any, text func(io.Writer)) error {
	if o.json {
		encoder := json.NewEncoder(o.to)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	w := tabwriter.NewWriter(o.to, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// require makes flags mandatory.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the command has no such flag
		}
	}
}

// askUser reads a line from the terminal.
func askUser(prompt io.Writer, in io.Reader, question string) (string, error) {
	fmt.Fprint(prompt, question)
	var answer string
	if _, err := fmt.Fscanln(in, &answer); err != nil {
		return "", errors.New("no answer")
	}
	return answer, nil
}
