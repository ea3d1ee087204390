package admin

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// logData is a table of what was changed.
type logData struct {
	Rows    []backoffice.ListRow
	Columns []string
}

// newLog returns the rows of audit_log without some of their columns.
func newLog(log *backoffice.Subject, rows []backoffice.ListRow, without ...string) logData {
	d := logData{Rows: rows, Columns: slices.DeleteFunc(slices.Clone(log.Columns), func(c string) bool { return slices.Contains(without, c) })}
	for i := range rows {
		rows[i].Cells = slices.DeleteFunc(rows[i].Cells, func(c backoffice.Cell) bool { return slices.Contains(without, c.Field) })
	}
	return d
}

// changedRow is the address of the row that a row of audit_log is about, or "" where
// there is none any more.
func changedRow(row backoffice.ListRow) string {
	about := map[string]string{}
	for _, c := range row.Cells {
		about[c.Field] = c.Text
	}
	if _, ok := backoffice.Find(about["subject"]); !ok || about["action"] == "delete" {
		return ""
	}
	return "/admin/" + about["subject"] + "/" + url.PathEscape(about["subject_id"]) + "/"
}

// change is what became of a field, as people read it.
type change struct{ Field, Before, After string }

// maxChanges is how many fields of a change are shown; a row that was made has more.
const maxChanges = 8

// changesOf reads the changes of audit_log, {"field": [before, after]}. The id, which
// stands beside them, and what was and is empty are left out.
func changesOf(lang, raw string) []change {
	var fields map[string][2]any
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		return []change{{After: short(raw)}} // not of ours
	}
	show := func(v any) string {
		switch v := v.(type) {
		case nil:
			return ""
		case bool:
			return map[bool]string{true: words.Yes.In(lang), false: words.No.In(lang)}[v]
		case string:
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				return t.UTC().Format("2006-01-02 15:04:05")
			}
			return short(v)
		default:
			b, _ := json.Marshal(v) // it was JSON
			return short(string(b))
		}
	}
	var all []change
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		c := change{fieldText(lang, name), show(fields[name][0]), show(fields[name][1])}
		if name == "id" || c.Before == c.After && c.Before == "" {
			continue
		}
		if len(all) == maxChanges {
			return append(all, change{After: "…"})
		}
		all = append(all, c)
	}
	return all
}

func short(s string) string {
	const limit = 120
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

func (a *Admin) history(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	log, _ := backoffice.Find("audit_log")
	rows, _, err := a.Store.List(r.Context(), r.caller, log, backoffice.Query{
		Page: 1, Size: 200, Filters: map[string]string{"subject": s.Name, "subject_id": id},
	})
	if err != nil {
		return err
	}
	v := r.view(words.History.In(r.lang))
	v.Here = s.Name
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", words.Subjects[s.Name].In(r.lang)}}
	switch _, label, err := a.Store.Get(r.Context(), r.caller, s, id); {
	case err == nil:
		v.Crumbs = append(v.Crumbs, [2]string{"/admin/" + s.Name + "/" + url.PathEscape(id) + "/", label})
	case !fault.Is(err, fault.NotFound): // it was deleted
		return err
	}
	return show(w, r, http.StatusOK, v, logTable(v, newLog(log, rows, "subject", "subject_id")))
}
