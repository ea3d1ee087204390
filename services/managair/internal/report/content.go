package report

import (
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
)

// Content is a report in words, for all that show it.
type Content struct {
	Language string `json:"language"`
	Title    string `json:"title"`
	// About is where and when, a line each.
	About []string `json:"about"`
	// Foot is at the foot of each page.
	Foot     string    `json:"foot"`
	Author   string    `json:"author"`
	Sections []Section `json:"sections"`
}

// File is what it is called as a file.
func (c *Content) File() string {
	return paper.FileName(c.Title + " " + c.Foot)
}

// Section is a part of it.
type Section struct {
	Title string `json:"title"`
	// Summary: it is enough to know what the whole is about.
	Summary bool    `json:"summary,omitempty"`
	Blocks  []Block `json:"blocks"`
}

// Block is one of its parts: of these one is set.
type Block struct {
	Text string `json:"text,omitempty"`
	// Verdict is what all of a section is about, in the colour of its Role.
	Verdict string         `json:"verdict,omitempty"`
	Role    profile.Role   `json:"role,omitempty"`
	Soft    string         `json:"soft,omitempty"`
	Table   *Table         `json:"table,omitempty"`
	Drawing *paper.Drawing `json:"-"`
}

// Table has a row for each thing. Roles colour the second column.
type Table struct {
	Head []string   `json:"head"`
	Rows [][]string `json:"rows"`
	// Roles are those of the rows, "" for none.
	Roles []profile.Role `json:"roles"`
	// Shares are how wide columns are, of their sum.
	Shares []float64 `json:"-"`
}
