package httpapi

import (
	"bytes"
	"context"
	_ "embed"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const mediaPDF = "application/pdf"

//go:embed report.css
var reportStyle string

// reportShown is a report as a page.
type reportShown struct {
	*report.Content

	Frame web.Frame
	// PDF is where the same is to be had as a file, and Path this page without a period.
	PDF, Path string
	// Periods are others to choose, and Period the one that is shown.
	Periods []shownPeriod
	Period  report.Period
	Today   civil.Date
}

// shownPeriod is a link to the report of another period.
type shownPeriod struct {
	Text, Address string
	// Shown is set on the one that is shown, and Arrow says where the others of its length are.
	Shown bool
	Arrow string
}

// reports answers what is asked of reports.
type reports struct {
	api   *API
	maker report.Maker
}

// reportOf makes the report of a thing.
type reportOf func(ctx context.Context, caller access.Caller, id int64, p report.Period, now time.Time) (*report.Report, error)

// addReports adds reports of sites and rooms, as PDF and as pages that are made to be printed.
func (a *API) addReports(maker report.Maker) {
	rs := &reports{a, maker}
	rs.add("sites", func(_ context.Context, _ access.Caller, id int64) (int64, error) { return id, nil }, maker.OfSite)
	rs.add("rooms", func(ctx context.Context, caller access.Caller, id int64) (int64, error) {
		room, err := a.inventory.Rooms.Get(ctx, caller, id)
		return room.SiteID, err
	}, maker.OfRoom)
}

func (rs *reports) add(path string, siteOf func(context.Context, access.Caller, int64) (int64, error), of reportOf) {
	answer := func(show shower) Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			id, ok := int64ID(r.PathValue("id"))
			if !ok {
				return errNotFound()
			}
			site, err := siteOf(r.Context(), access.CallerFrom(r.Context()), id)
			if err != nil {
				return err
			}
			return rs.answer(w, r, id, site, of, show)
		}
	}
	pattern := Base + "/" + path + "/{id}/report"
	rs.api.add(
		Route{
			Method: http.MethodGet, Pattern: pattern + ".pdf", Audience: access.Public, Media: []string{mediaPDF}, File: true, Long: true,
			Handler: answer(rs.file),
		},
		Route{
			Method: http.MethodGet, Pattern: pattern, Audience: access.Public, Media: []string{mediaHTML}, File: true, Page: true, Long: true,
			Handler: answer(rs.page),
		},
	)
}

// writtenReport is a report that was asked for.
type writtenReport struct {
	*report.Content

	madeAt time.Time
	period report.Period
	today  civil.Date
}

// shower sets a report as a file or a page, which is what takes its time, and returns what
// writes it.
type shower func(r *http.Request, c *writtenReport) (func(http.ResponseWriter) error, error)

// answer makes and sets a report when it is the caller's turn, and writes it then.
func (rs *reports) answer(w http.ResponseWriter, r *http.Request, id, site int64, of reportOf, show shower) error {
	q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"lang"}, Unpaged: true})
	if err != nil {
		return err
	}
	lang, err := reportLanguage(r, q)
	if err != nil {
		return err
	}
	now, caller := rs.api.now(), access.CallerFrom(r.Context())
	today, err := rs.maker.Today(r.Context(), caller, site, now)
	if err != nil {
		return err
	}
	period, err := reportPeriod(q, today)
	if err != nil {
		return err
	}
	write, err := inTurn(r, rs.api.downloads, func() (func(http.ResponseWriter) error, error) {
		made, err := of(r.Context(), caller, id, period, now)
		if err != nil {
			return nil, err
		}
		return show(r, &writtenReport{report.Write(made, lang), now, period, today})
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Add("Vary", "Accept-Language")
	return write(w)
}

// file sets a report as PDF.
func (rs *reports) file(r *http.Request, c *writtenReport) (func(http.ResponseWriter) error, error) {
	all, err := setPDF(report.Print(c.Content, c.madeAt))
	return func(w http.ResponseWriter) error { return writePDF(w, r, all, c.File()) }, err
}

// setPDF makes the bytes of a document.
func setPDF(p *paper.Paper) ([]byte, error) {
	var all bytes.Buffer
	_, err := p.WriteTo(&all)
	return all.Bytes(), err
}

// writePDF answers with a document.
func writePDF(w http.ResponseWriter, r *http.Request, all []byte, name string) error {
	attach(w.Header(), mediaPDF, name)
	w.Header().Set("Content-Length", strconv.Itoa(len(all)))
	if r.Method != http.MethodHead {
		_, _ = newStallGuard(w).Write(all) // the client may be gone
	}
	return nil
}

// contentShown is a content as a page; pdf is where the same is to be had as a file.
func contentShown(c *report.Content, pdf string) reportShown {
	return reportShown{
		Content: c, PDF: pdf,
		Frame: web.Frame{
			Lang: c.Language, Title: words.ReportPair.In(c.Language, c.Title, c.Foot) + " – Clair", Sheets: []string{schemaPath + "/files/report.css"},
			Brand: web.Link{Address: "/", Text: "Clair"},
		},
	}
}

// page sets a report for people.
func (rs *reports) page(r *http.Request, c *writtenReport) (func(http.ResponseWriter) error, error) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	file := url.URL{Path: path + ".pdf", RawQuery: r.URL.RawQuery}
	shown := contentShown(c.Content, file.String())
	shown.Path, shown.Periods, shown.Period, shown.Today = path+"/", periodsOf(c, path+"/"), c.period, c.today
	page := reportPage(shown)
	return func(w http.ResponseWriter) error {
		web.Headers(w.Header())
		w.Header().Set("Cache-Control", "private, no-cache")
		return page.Render(r.Context(), w)
	}, nil
}

// periodsOf are the periods to choose: the one before and the one after, the last week and month. Nobody is led to what
// is to come.
func periodsOf(c *writtenReport, path string) (all []shownPeriod) {
	add := func(t words.Told, arrow string, p report.Period) {
		if p.First.Compare(c.today) > 0 || p.Check() != nil {
			return
		}
		query := url.Values{"filter[from]": {p.First.String()}, "filter[to]": {p.Last.String()}, "lang": {c.Language}}
		all = append(all, shownPeriod{t.In(c.Language), path + "?" + query.Encode(), p == c.period, arrow})
	}
	add(words.ReportBefore, "prev", c.period.Before())
	add(words.ReportAfter, "next", c.period.After())
	add(words.ReportLastWeek, "", report.LastWeek(c.today))
	add(words.ReportLastMonth, "", report.LastMonth(c.today))
	return all
}

// reportPeriod reads the days of a report: the last whole month where none are said.
func reportPeriod(q jsonapi.Query, today civil.Date) (report.Period, error) {
	period := report.LastMonth(today)
	var errs jsonapi.Errors
	for _, end := range []struct {
		name string
		day  *civil.Date
	}{{"from", &period.First}, {"to", &period.Last}} {
		text, given := q.Filter[end.name]
		if !given {
			continue
		}
		day, err := civil.ParseDate(text)
		if err != nil {
			errs = append(errs, &jsonapi.Error{Status: http.StatusBadRequest, Reason: reason.InvalidDate, Parameter: "filter[" + end.name + "]", Args: []any{text}})
			continue
		}
		*end.day = day
	}
	if len(errs) > 0 {
		return period, errs
	}
	if broken := period.Check(); broken != nil {
		return period, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: broken.Reason, Parameter: "filter[" + broken.Field + "]", Args: broken.Args}}
	}
	return period, nil
}

var reportMatcher = func() language.Matcher {
	tags := make([]language.Tag, len(words.ReportLanguages))
	for i, l := range words.ReportLanguages {
		tags[i] = language.Make(l.Code)
	}
	return language.NewMatcher(tags)
}()

// codes are those of languages.
func codes(of []words.Language) []string {
	all := make([]string, len(of))
	for i, l := range of {
		all[i] = l.Code
	}
	return all
}

// reportLanguage is the language of a report or sign: the one that is asked for, or else the reader's.
func reportLanguage(r *http.Request, q jsonapi.Query) (string, error) {
	codes := codes(words.ReportLanguages)
	if asked, given := q.Extra["lang"]; given {
		if !slices.Contains(codes, asked) {
			return "", jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.InvalidChoice, Parameter: "lang", Args: []any{asked, strings.Join(codes, ", ")}}}
		}
		return asked, nil
	}
	if chosen, err := r.Cookie(web.LanguageCookie); err == nil && words.OfReport(chosen.Value) {
		return chosen.Value, nil
	}
	if wanted := r.Header.Get("Accept-Language"); wanted != "" && len(wanted) < 200 {
		_, i := language.MatchStrings(reportMatcher, wanted)
		return codes[i], nil
	}
	return codes[0], nil
}
