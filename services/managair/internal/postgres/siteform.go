package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// SiteForms keeps forms that laws ask for.
type SiteForms struct{ Pool *pgxpool.Pool }

var _ form.Store = SiteForms{}

// siteFormFrom is where they stand, with their latest versions.
func siteFormFrom() string {
	k := sites()
	return "site_form f JOIN " + k.table + " " + k.alias + " ON s.id = f.site_id " + k.from +
		" CROSS JOIN LATERAL (SELECT l.version, l.made_at, l.content FROM site_form_version l WHERE l.form_id = f.id ORDER BY l.version DESC LIMIT 1) v"
}

const siteFormColumns = "f.id, f.site_id, f.form, f.from_date, f.to_date, v.version, v.made_at"

// scanSiteForm reads siteFormColumns, and more.
func scanSiteForm(row pgx.Row, more ...any) (d form.Document, err error) {
	var from, to time.Time
	err = row.Scan(append([]any{&d.ID, &d.Site, &d.Form, &from, &to, &d.Version, &d.MadeAt}, more...)...)
	d.From, d.To = civil.DateOf(from), civil.DateOf(to)
	return d, err
}

// readSiteForm reads siteFormColumns and the content.
func readSiteForm(row pgx.Row) (form.Document, error) {
	var content []byte
	d, err := scanSiteForm(row, &content)
	if err == nil {
		err = d.Read(content)
	}
	return d, err
}

// MayMake is part of form.Store.
func (s SiteForms) MayMake(ctx context.Context, caller access.Caller, site int64) error {
	k := sites()
	var may bool
	err := s.Pool.QueryRow(ctx, "SELECT ("+k.audience(access.SiteForms.Create)+") FROM "+k.table+" "+k.alias+" "+k.from+
		" WHERE s.id = @id AND ("+k.audience(access.Sites.Read)+")", pgx.NamedArgs{"id": site, "caller": caller.UserID}).Scan(&may)
	if err != nil {
		return fmt.Errorf("find site %d: %w", site, pgdb.Translate(err))
	}
	if !may {
		return inventory.Forbidden()
	}
	return nil
}

// Find is part of form.Store.
func (s SiteForms) Find(ctx context.Context, caller access.Caller, key form.Key) (form.Document, bool, error) {
	return findSiteForm(ctx, s.Pool, caller, key)
}

func findSiteForm(ctx context.Context, q querier, caller access.Caller, key form.Key) (form.Document, bool, error) {
	k := sites()
	d, err := readSiteForm(q.QueryRow(ctx, "SELECT "+siteFormColumns+", v.content FROM "+siteFormFrom()+
		" WHERE f.site_id = @site AND f.form = @form AND f.from_date = @from AND f.to_date = @to AND ("+k.audience(access.SiteForms.Read)+")",
		pgx.NamedArgs{"site": key.Site, "form": key.Form, "from": key.From.String(), "to": key.To.String(), "caller": caller.UserID}))
	if isNoRow(err) {
		return form.Document{}, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("find a form of site %d: %w", key.Site, pgdb.Translate(err))
	}
	return d, true, nil
}

// Make is part of form.Store.
func (s SiteForms) Make(ctx context.Context, caller access.Caller, d form.Document) (form.Document, bool, error) {
	content, err := d.Text()
	fresh := false
	if err == nil {
		err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
			d, fresh, err = makeSiteForm(ctx, tx, caller, d, content)
			return err
		})
	}
	if v, broken := errors.AsType[*fault.Violation](err); broken {
		return d, false, v
	}
	if err != nil {
		return d, false, fmt.Errorf("make a form of site %d: %w", d.Site, pgdb.Translate(err))
	}
	return d, fresh, nil
}

// makeSiteForm writes a document; the site is locked, so that forms of it are made one after
// the other and can be counted.
func makeSiteForm(ctx context.Context, tx pgx.Tx, caller access.Caller, d form.Document, content []byte) (form.Document, bool, error) {
	k := sites()
	var n int
	err := tx.QueryRow(ctx, "SELECT 1 FROM "+k.table+" "+k.alias+" "+k.from+" WHERE s.id = @site AND ("+k.audience(access.SiteForms.Create)+") FOR NO KEY UPDATE OF s",
		pgx.NamedArgs{"site": d.Site, "caller": caller.UserID}).Scan(&n)
	if err != nil {
		return d, false, err
	}
	if old, there, err := findSiteForm(ctx, tx, caller, d.Key); err != nil || there {
		return old, false, err
	}
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM site_form WHERE site_id = $1", d.Site).Scan(&n); err != nil {
		return d, false, err
	}
	if n >= form.MaxDocuments {
		return d, false, &fault.Violation{Reason: reason.TooManyForms, Args: []any{form.MaxDocuments}, Conflict: true}
	}
	args := pgx.NamedArgs{"site": d.Site, "form": d.Form, "from": d.From.String(), "to": d.To.String(), "at": d.MadeAt}
	err = tx.QueryRow(ctx, `INSERT INTO site_form (site_id, form, from_date, to_date, made_at) VALUES (@site, @form, @from, @to, @at) RETURNING id`, args).Scan(&d.ID)
	if err == nil {
		err = keepSiteForm(ctx, tx, &d, content)
	}
	return d, err == nil, err
}

// keepSiteForm writes a version.
func keepSiteForm(ctx context.Context, tx pgx.Tx, d *form.Document, content []byte) error {
	return exec(ctx, tx, "INSERT INTO site_form_version (form_id, version, made_at, content) VALUES (@id, @version, @at, @content)",
		pgx.NamedArgs{"id": d.ID, "version": d.Version, "at": d.MadeAt, "content": content})
}

// Change is part of form.Store.
func (s SiteForms) Change(ctx context.Context, caller access.Caller, id int64, do func(*form.Document) (bool, error)) (d form.Document, err error) {
	err = s.change(ctx, access.SiteForms.Change, caller, id, func(tx pgx.Tx) error {
		// It is locked by now: what is read is the latest version.
		if d, err = readSiteForm(tx.QueryRow(ctx, "SELECT "+siteFormColumns+", v.content FROM "+siteFormFrom()+" WHERE f.id = @id", pgx.NamedArgs{"id": id})); err != nil {
			return err
		}
		changed, err := do(&d)
		if err != nil || !changed {
			return err
		}
		content, err := d.Text()
		if err == nil {
			err = keepSiteForm(ctx, tx, &d, content)
		}
		return err
	})
	return d, err
}

// change does something with a form that the caller may change.
func (s SiteForms) change(ctx context.Context, who access.Audience, caller access.Caller, id int64, do func(pgx.Tx) error) error {
	k := sites()
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		var may bool
		err := tx.QueryRow(ctx, "SELECT ("+k.audience(who)+") FROM site_form f JOIN "+k.table+" "+k.alias+" ON s.id = f.site_id "+k.from+
			" WHERE f.id = @id AND ("+k.audience(access.SiteForms.Read)+") FOR NO KEY UPDATE OF f", pgx.NamedArgs{"id": id, "caller": caller.UserID}).Scan(&may)
		switch {
		case err != nil:
			return err
		case !may:
			return inventory.Forbidden()
		}
		return do(tx)
	})
	if v, broken := errors.AsType[*fault.Violation](err); broken {
		return v
	}
	if err != nil {
		return fmt.Errorf("change form %d: %w", id, pgdb.Translate(err))
	}
	return nil
}

// Documents is part of form.Store.
func (s SiteForms) Documents(ctx context.Context, caller access.Caller, site int64) ([]form.Document, error) {
	k := sites()
	args := pgx.NamedArgs{"id": site, "caller": caller.UserID}
	var n int
	err := s.Pool.QueryRow(ctx, "SELECT 1 FROM "+k.table+" "+k.alias+" "+k.from+" WHERE s.id = @id AND ("+k.audience(access.SiteForms.Read)+")", args).Scan(&n)
	if err == nil {
		var rows pgx.Rows
		rows, err = s.Pool.Query(ctx, "SELECT "+siteFormColumns+" FROM "+siteFormFrom()+" WHERE f.site_id = @id ORDER BY f.from_date DESC, f.to_date DESC, f.form, f.id", args)
		if err == nil {
			var all []form.Document
			if all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (form.Document, error) { return scanSiteForm(row) }); err == nil {
				return all, nil
			}
		}
	}
	return nil, fmt.Errorf("find the forms of site %d: %w", site, pgdb.Translate(err))
}

// Document is part of form.Store.
func (s SiteForms) Document(ctx context.Context, caller access.Caller, id int64, version int) (form.Document, []form.Version, error) {
	k := sites()
	args := pgx.NamedArgs{"id": id, "caller": caller.UserID, "version": version}
	d, err := readSiteForm(s.Pool.QueryRow(ctx, "SELECT f.id, f.site_id, f.form, f.from_date, f.to_date, v.version, v.made_at, v.content FROM site_form f JOIN "+
		k.table+" "+k.alias+" ON s.id = f.site_id "+k.from+` JOIN site_form_version v ON v.form_id = f.id
		 WHERE f.id = @id AND (@version = 0 OR v.version = @version) AND (`+k.audience(access.SiteForms.Read)+") ORDER BY v.version DESC LIMIT 1", args))
	if err == nil {
		var rows pgx.Rows
		rows, err = s.Pool.Query(ctx, "SELECT version, made_at FROM site_form_version WHERE form_id = @id ORDER BY version DESC", args)
		if err == nil {
			var all []form.Version
			if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[form.Version]); err == nil {
				return d, all, nil
			}
		}
	}
	return d, nil, fmt.Errorf("find form %d: %w", id, pgdb.Translate(err))
}

// Delete is part of form.Store.
func (s SiteForms) Delete(ctx context.Context, caller access.Caller, id int64) error {
	return s.change(ctx, access.SiteForms.Delete, caller, id, func(tx pgx.Tx) error {
		return exec(ctx, tx, "DELETE FROM site_form WHERE id = @id", pgx.NamedArgs{"id": id})
	})
}
