package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

// AirFiles keeps air files, and what they are signed with.
type AirFiles struct{ Pool *pgxpool.Pool }

var _ roomair.FileStore = AirFiles{}

// fileAudience is who may read a file of room r: an organization's own, and of what it
// published whoever may see the room.
func fileAudience() string {
	k := rooms()
	return "f.deleted_at IS NULL AND ((" + k.audience(access.AirFiles.Read) + ") OR f.published_at IS NOT NULL AND (" + k.audience(access.Rooms.Read) + "))"
}

const fileColumns = `f.id, f.room_id, f.from_date, f.to_date, f.profile, f.version, f.made_at, f.content, f.published_at`

// fileFrom is where they stand.
func fileFrom() string {
	k := rooms()
	return "air_file f JOIN " + k.table + " " + k.alias + " ON r.id = f.room_id " + k.from
}

func scanFile(row pgx.CollectableRow) (f roomair.File, err error) {
	var from, to time.Time
	err = row.Scan(&f.ID, &f.Room, &from, &to, &f.Profile, &f.Version, &f.MadeAt, &f.Content, &f.PublishedAt)
	f.From, f.To = civil.DateOf(from), civil.DateOf(to)
	return f, err
}

// FileRoom is part of roomair.FileStore.
func (s AirFiles) FileRoom(ctx context.Context, caller access.Caller, id int64) (roomair.FileRoom, error) {
	k := rooms()
	found := roomair.FileRoom{}
	var may bool
	err := s.Pool.QueryRow(ctx, "SELECT ("+k.audience(access.AirFiles.Create)+`), r.id, r.name, rs.name, ro.name
		  FROM `+k.table+" "+k.alias+" "+k.from+` JOIN organization ro ON ro.id = rs.operator_id
		 WHERE r.id = @id AND (`+k.audience(access.Rooms.Read)+")",
		pgx.NamedArgs{"id": id, "caller": caller.UserID}).
		Scan(&may, &found.Room.ID, &found.Room.Name, &found.Room.Site, &found.Room.Organization)
	if err != nil {
		return found, fmt.Errorf("find room %d: %w", id, pgdb.Translate(err))
	}
	if !may {
		return found, inventory.Forbidden()
	}
	found.Health, err = s.health(ctx, id)
	if err != nil {
		return found, fmt.Errorf("find the health of the sensors of room %d: %w", id, pgdb.Translate(err))
	}
	return found, nil
}

// health returns what is known of the health of the sensors that are, or were, in a room.
// What is kept of a sensor is of its present owner, whose room this is.
func (s AirFiles) health(ctx context.Context, room int64) (map[string]*airfile.Health, error) {
	rows, err := s.Pool.Query(ctx, `
		SELECT n.id::text, h.judged_at, coalesce(h.suspected, false), coalesce(h.silence, ''), h.offset_ppm, h.offset_plus_minus_ppm,
		       done.at, done.method, done.offset_ppm
		  FROM node n
		  JOIN site rs ON rs.operator_id = n.owner_id
		  JOIN room r ON r.site_id = rs.id AND r.id = @room
		  LEFT JOIN node_health h ON h.node_no = n.no
		 CROSS JOIN LATERAL (
		       SELECT coalesce(array_agg(c.performed_at ORDER BY c.performed_at, c.id), '{}') AS at,
		              coalesce(array_agg(c.method ORDER BY c.performed_at, c.id), '{}') AS method,
		              coalesce(array_agg(c.offset_ppm ORDER BY c.performed_at, c.id), '{}') AS offset_ppm
		         FROM calibration c WHERE c.node_id = n.id) done
		 WHERE EXISTS (SELECT FROM installation i WHERE i.node_id = n.id AND i.room_id = r.id)`, pgx.NamedArgs{"room": room})
	if err != nil {
		return nil, err
	}
	all := map[string]*airfile.Health{}
	var node string
	var judged *time.Time
	var h airfile.Health
	var offset, plusMinus *float64
	var at []time.Time
	var method []string
	var off []pgtype.Int4
	_, err = pgx.ForEachRow(rows, []any{&node, &judged, &h.Suspected, &h.Silence, &offset, &plusMinus, &at, &method, &off}, func() error {
		one := h
		if judged != nil {
			seconds := judged.Unix()
			one.JudgedAt = &seconds
		}
		if offset != nil && plusMinus != nil {
			one.Offset = &airfile.Estimate{Value: *offset, PlusMinus: *plusMinus}
		}
		one.Calibrations = make([]airfile.Calibration, len(at))
		for i := range at {
			one.Calibrations[i] = airfile.Calibration{At: at[i].Unix(), Method: method[i]}
			if off[i].Valid {
				ppm := int(off[i].Int32)
				one.Calibrations[i].Offset = &ppm
			}
		}
		if one.JudgedAt != nil || len(one.Calibrations) > 0 {
			all[node] = &one
		}
		return nil
	})
	return all, err
}

// Latest is part of roomair.FileStore.
func (s AirFiles) Latest(ctx context.Context, of roomair.FileKey) (f roomair.File, document []byte, last int, err error) {
	var from, to time.Time
	args := versionsOf(of)
	if err = s.Pool.QueryRow(ctx, lastVersion, args).Scan(&last); err == nil && last > 0 {
		err = s.Pool.QueryRow(ctx, "SELECT "+fileColumns+`, f.document
			  FROM air_file f
			 WHERE f.room_id = @room AND f.from_date = @from AND f.to_date = @to AND f.profile = @profile AND f.deleted_at IS NULL
			 ORDER BY f.version DESC LIMIT 1`, args).
			Scan(&f.ID, &f.Room, &from, &to, &f.Profile, &f.Version, &f.MadeAt, &f.Content, &f.PublishedAt, &document)
		f.From, f.To = civil.DateOf(from), civil.DateOf(to)
	}
	if isNoRow(err) {
		return roomair.File{}, nil, last, nil
	}
	if err != nil {
		return f, nil, 0, fmt.Errorf("find the latest file of room %d: %w", of.Room, pgdb.Translate(err))
	}
	return f, document, last, nil
}

// lastVersion is the highest number of a version, deleted ones included.
const lastVersion = `SELECT coalesce(max(version), 0) FROM air_file WHERE room_id = @room AND from_date = @from AND to_date = @to AND profile = @profile`

func versionsOf(of roomair.FileKey) pgx.NamedArgs {
	return pgx.NamedArgs{"room": of.Room, "from": of.From.String(), "to": of.To.String(), "profile": of.Profile}
}

// Keep is part of roomair.FileStore. It signs before it locks the room: another one who was
// faster makes that for nothing, but nobody waits for it.
func (s AirFiles) Keep(ctx context.Context, caller access.Caller, of roomair.FileKey, after int, sign func(airfile.Key) (roomair.File, []byte, error)) (roomair.File, bool, error) {
	var key airfile.Key
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		key, err = signingKey(ctx, tx)
		return err
	})
	var kept roomair.File
	ok := false
	if err == nil {
		var f roomair.File
		var document []byte
		if f, document, err = sign(key); err == nil {
			err = inTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
				kept = f
				ok, err = keep(ctx, tx, caller, of, after, &kept, document)
				return err
			})
		}
	}
	if v, broken := errors.AsType[*fault.Violation](err); broken {
		return kept, false, v
	}
	if err != nil {
		return kept, false, fmt.Errorf("keep a file of room %d: %w", of.Room, pgdb.Translate(err))
	}
	return kept, ok, nil
}

// keep writes a file, if it still is the next one, there is room for it, and the caller may do
// it now. How many an organization has is not counted one after the other: some may be too many.
func keep(ctx context.Context, tx pgx.Tx, caller access.Caller, of roomair.FileKey, after int, f *roomair.File, document []byte) (bool, error) {
	k := rooms()
	args := versionsOf(of)
	args["caller"] = caller.UserID
	var organization int64
	err := tx.QueryRow(ctx, "SELECT rs.operator_id FROM "+k.table+" "+k.alias+" "+k.from+" WHERE r.id = @room AND ("+k.audience(access.AirFiles.Create)+") FOR NO KEY UPDATE OF r", args).
		Scan(&organization)
	if err != nil {
		return false, err
	}
	var last, ofRoom, ofAll int
	if err := tx.QueryRow(ctx, lastVersion, args).Scan(&last); err != nil || last != after {
		return false, err // nil: somebody was faster
	}
	err = tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE f.room_id = @room), count(*)
		FROM air_file f JOIN room r ON r.id = f.room_id JOIN site s ON s.id = r.site_id
		WHERE s.operator_id = @organization AND f.deleted_at IS NULL`, pgx.NamedArgs{"room": of.Room, "organization": organization}).Scan(&ofRoom, &ofAll)
	switch {
	case err != nil:
		return false, err
	case ofRoom >= roomair.MaxFiles:
		return false, &fault.Violation{Reason: reason.TooManyAirFiles, Args: []any{roomair.MaxFiles}}
	case ofAll >= roomair.MaxOrganizationFiles:
		return false, &fault.Violation{Reason: reason.QuotaAirFiles, Args: []any{roomair.MaxOrganizationFiles}}
	}
	args["version"], args["made_at"], args["content"], args["document"] = f.Version, f.MadeAt, f.Content, document
	err = tx.QueryRow(ctx, `
		INSERT INTO air_file (room_id, from_date, to_date, profile, version, made_at, content, document)
		VALUES (@room, @from, @to, @profile, @version, @made_at, @content, @document) RETURNING id`, args).Scan(&f.ID)
	f.FileKey = of
	return err == nil, err
}

// signingKey returns the key in use; the first one who needs it makes it.
func signingKey(ctx context.Context, tx pgx.Tx) (airfile.Key, error) {
	var seed []byte
	const inUse = "SELECT seed FROM signing_key WHERE retired_at IS NULL"
	err := tx.QueryRow(ctx, inUse).Scan(&seed)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = addKey(ctx, tx); err == nil {
			err = tx.QueryRow(ctx, inUse).Scan(&seed)
		}
	}
	if err != nil {
		return airfile.Key{}, err
	}
	return airfile.NewKey(seed)
}

// addKey makes a key, unless there is one by now.
func addKey(ctx context.Context, tx pgx.Tx) error {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // it never fails
	key, err := airfile.NewKey(seed)
	if err != nil {
		return err
	}
	public := key.Public()
	return exec(ctx, tx, `
		INSERT INTO signing_key (id, public_key, seed, made_at) VALUES (@id, @public, @seed, now())
		ON CONFLICT ((retired_at IS NULL)) WHERE retired_at IS NULL DO NOTHING`,
		pgx.NamedArgs{"id": public.ID(), "public": public.Bytes(), "seed": seed})
}

// Rotate retires the key in use, of which only the public half is left, and makes another.
// It returns the id of that.
func (s AirFiles) Rotate(ctx context.Context) (id string, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, "UPDATE signing_key SET seed = NULL, retired_at = now() WHERE retired_at IS NULL", nil); err != nil {
			return err
		}
		key, err := signingKey(ctx, tx)
		if err == nil {
			id = key.Public().ID()
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("rotate the signing key: %w", pgdb.Translate(err))
	}
	return id, nil
}

// PublicKeys is part of roomair.FileStore.
func (s AirFiles) PublicKeys(ctx context.Context) ([]airfile.PublicKey, error) {
	rows, err := s.Pool.Query(ctx, "SELECT public_key FROM signing_key ORDER BY retired_at DESC NULLS FIRST")
	if err == nil {
		var keys []airfile.PublicKey
		keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (airfile.PublicKey, error) {
			var raw []byte
			if err := row.Scan(&raw); err != nil {
				return airfile.PublicKey{}, err
			}
			return airfile.NewPublicKey(raw)
		})
		if err == nil {
			return keys, nil
		}
	}
	return nil, fmt.Errorf("read the public keys: %w", pgdb.Translate(err))
}

// Files is part of roomair.FileStore.
func (s AirFiles) Files(ctx context.Context, caller access.Caller, room int64) ([]roomair.File, error) {
	k := rooms()
	args := pgx.NamedArgs{"id": room, "caller": caller.UserID}
	var n int
	err := s.Pool.QueryRow(ctx, "SELECT 1 FROM "+k.table+" "+k.alias+" "+k.from+" WHERE r.id = @id AND ("+k.audience(access.Rooms.Read)+")", args).Scan(&n)
	if err == nil {
		var rows pgx.Rows
		rows, err = s.Pool.Query(ctx, "SELECT "+fileColumns+" FROM "+fileFrom()+" WHERE r.id = @id AND "+fileAudience()+
			" ORDER BY f.from_date DESC, f.to_date DESC, f.profile, f.version DESC", args)
		if err == nil {
			var files []roomair.File
			if files, err = pgx.CollectRows(rows, scanFile); err == nil {
				return files, nil
			}
		}
	}
	return nil, fmt.Errorf("find the files of room %d: %w", room, pgdb.Translate(err))
}

// File is part of roomair.FileStore.
func (s AirFiles) File(ctx context.Context, caller access.Caller, id int64) (roomair.File, []byte, error) {
	var f roomair.File
	var from, to time.Time
	var document []byte
	err := s.Pool.QueryRow(ctx, "SELECT "+fileColumns+", f.document FROM "+fileFrom()+" WHERE f.id = @id AND "+fileAudience(),
		pgx.NamedArgs{"id": id, "caller": caller.UserID}).
		Scan(&f.ID, &f.Room, &from, &to, &f.Profile, &f.Version, &f.MadeAt, &f.Content, &f.PublishedAt, &document)
	if err != nil {
		return f, nil, fmt.Errorf("find file %d: %w", id, pgdb.Translate(err))
	}
	f.From, f.To = civil.DateOf(from), civil.DateOf(to)
	return f, document, nil
}

// Publish is part of roomair.FileStore.
func (s AirFiles) Publish(ctx context.Context, caller access.Caller, id int64, at *time.Time) error {
	return s.change(ctx, access.AirFiles.Change, caller, id, func(tx pgx.Tx, _ bool) error {
		args := pgx.NamedArgs{"id": id, "at": at}
		if at != nil {
			var hidden bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (
				SELECT FROM air_file f, jsonb_array_elements(convert_from(f.document, 'UTF8')::jsonb -> 'installations') AS one
				 WHERE f.id = @id AND NOT EXISTS (SELECT FROM installation i WHERE i.id = (one ->> 'id')::bigint AND i.is_public))`, args).Scan(&hidden)
			if err != nil {
				return err
			}
			if hidden {
				return &fault.Violation{Reason: reason.AirFileNotPublic, Conflict: true}
			}
		}
		// Published twice is published since the first time.
		return exec(ctx, tx, `UPDATE air_file SET published_at = CASE WHEN @at::timestamptz IS NULL THEN NULL ELSE coalesce(published_at, @at) END
			WHERE id = @id AND (published_at IS NULL) <> (@at::timestamptz IS NULL)`, args)
	})
}

// Delete is part of roomair.FileStore.
func (s AirFiles) Delete(ctx context.Context, caller access.Caller, id int64, at time.Time) error {
	return s.change(ctx, access.AirFiles.Delete, caller, id, func(tx pgx.Tx, published bool) error {
		if published {
			return &fault.Violation{Reason: reason.AirFilePublished, Conflict: true}
		}
		return exec(ctx, tx, "UPDATE air_file SET document = NULL, content = '', deleted_at = @at WHERE id = @id", pgx.NamedArgs{"id": id, "at": at})
	})
}

// change does something with a file that the caller may change.
func (s AirFiles) change(ctx context.Context, who access.Audience, caller access.Caller, id int64, do func(tx pgx.Tx, published bool) error) error {
	k := rooms()
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		var may, published bool
		err := tx.QueryRow(ctx, "SELECT ("+k.audience(who)+"), f.published_at IS NOT NULL FROM "+fileFrom()+" WHERE f.id = @id AND "+fileAudience()+" FOR UPDATE OF f",
			pgx.NamedArgs{"id": id, "caller": caller.UserID}).Scan(&may, &published)
		switch {
		case err != nil:
			return err
		case !may:
			return inventory.Forbidden()
		}
		return do(tx, published)
	})
	if v, broken := errors.AsType[*fault.Violation](err); broken {
		return v
	}
	if err != nil {
		return fmt.Errorf("change file %d: %w", id, pgdb.Translate(err))
	}
	return nil
}
