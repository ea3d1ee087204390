// Package play has what every part of a story needs: somewhere to note what was seen,
// and patience.
package play

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// Notes are what remains of a story: figures, and a log of every command.
type Notes struct {
	Log     *os.File
	figures []figure
}

// figure is a line of the table that is printed in the end.
type figure struct{ name, value string }

// OpenNotes begins notes with an empty log.
func OpenNotes(log string) (*Notes, error) {
	f, err := os.Create(log)
	return &Notes{Log: f}, err
}

// Report notes a figure.
func (n *Notes) Report(name, format string, args ...any) {
	n.figures = append(n.figures, figure{name, fmt.Sprintf(format, args...)})
}

// Print prints the figures.
func (n *Notes) Print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table)
	for _, f := range n.figures {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", f.name, f.value)
	}
	_ = table.Flush()
}

// Close closes the log.
func (n *Notes) Close() error { return n.Log.Close() }
