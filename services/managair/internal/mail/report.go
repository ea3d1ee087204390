package mail

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Report is a mail with a report. It is in the language of its content.
type Report struct {
	// ID is the first part of the Message-ID.
	ID, To  string
	Monthly bool
	Content *report.Content
	// Measured is false where nothing was, which is told shortly.
	Measured bool
	// PDF is the report as File, nil where it is not attached.
	PDF  []byte
	File string
	// Page is where the report is to be seen, Leave where one unsubscribes; "": its reader asked for this one.
	Page, Leave string
	PublicURL   string
}

func (r *Report) in(t words.Told) string { return t.In(r.Content.Language) }

// pair says of what something is.
func (r *Report) pair(what, is string) string {
	return words.ReportPair.In(r.Content.Language, what, is)
}

func (r *Report) subject() string { return r.pair(r.Content.Title, r.Content.Foot) }

// why says why its reader gets it.
func (r *Report) why() string {
	switch {
	case r.Leave == "":
		return r.in(words.ReportMailAsked)
	case r.Monthly:
		return r.in(words.ReportMailMonthly)
	default:
		return r.in(words.ReportMailWeekly)
	}
}

// forwarding is said of the link by which one unsubscribes, which those must not have to whom the mail is forwarded.
func (r *Report) forwarding() string {
	if r.Leave == "" {
		return ""
	}
	return r.in(words.ReportMailForward)
}

func (r *Report) attached() string {
	if r.PDF == nil {
		return r.in(words.ReportMailTooLarge)
	}
	return r.in(words.ReportMailAttached)
}

// cells are those of a row from one on, each with what it is.
func (r *Report) cells(t *report.Table, row []string, from int) (all []string) {
	for i := from; i < len(row); i++ {
		all = append(all, r.pair(t.Head[i], row[i]))
	}
	return all
}

// text is the mail as plain text.
func (r *Report) text() string {
	parts := []string{r.Content.Title, strings.Join(r.Content.About, "\n")}
	if !r.Measured {
		parts = append(parts, r.in(words.ReportMailNothing))
	}
	for i := range r.Content.Sections {
		if s := &r.Content.Sections[i]; s.Summary && r.Measured {
			parts = append(parts, r.textOf(s)...)
		}
	}
	if r.Measured {
		parts = append(parts, r.attached())
	}
	parts = append(parts, r.pair(r.in(words.ReportMailOpen), r.Page))
	foot := r.why()
	if r.Leave != "" {
		foot += "\n" + r.pair(r.in(words.ReportMailLeave), r.Leave) + "\n" + r.forwarding()
	}
	return strings.Join(parts, "\n\n") + "\n\n-- \n" + foot + "\n"
}

func (r *Report) textOf(s *report.Section) []string {
	parts := []string{strings.ToUpper(s.Title)}
	for _, b := range s.Blocks {
		switch {
		case b.Table != nil:
			rows := make([]string, len(b.Table.Rows))
			for i, row := range b.Table.Rows {
				rows[i] = "- " + r.pair(row[0], row[1]) + "\n  " + strings.Join(r.cells(b.Table, row, 2), "\n  ")
			}
			parts = append(parts, strings.Join(rows, "\n"))
		case b.Drawing == nil:
			parts = append(parts, b.Verdict+b.Text+b.Soft) // one of them is set
		}
	}
	return parts
}

// WriteReport writes the mail of a report.
func WriteReport(ctx context.Context, r Report) (Message, error) {
	var page bytes.Buffer
	if err := reportHTML(r).Render(ctx, &page); err != nil {
		return Message{}, fmt.Errorf("write mail: %w", err)
	}
	m := Message{ID: r.ID + "@" + hostOf(r.PublicURL), To: r.To, Subject: r.subject(), Text: r.text(), HTML: page.String(), Unsubscribe: r.Leave}
	if r.PDF != nil {
		m.Attached = []Attachment{{r.File, "application/pdf", r.PDF}}
	}
	return m, nil
}
