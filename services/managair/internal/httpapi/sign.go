package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
	"github.com/clairberlin/clair-stack/services/managair/internal/sign"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// addSigns adds the signs for the doors of a site's rooms, and of one of them.
func (a *API) addSigns() {
	a.addSign("sites", "signs.pdf", func(ctx context.Context, caller access.Caller, id int64) (site inventory.Site, rooms []inventory.Room, err error) {
		if site, err = a.inventory.Sites.Get(ctx, caller, id); err == nil {
			rooms, _, err = a.inventory.Rooms.List(ctx, caller, inventory.Query{Site: id, Sort: []inventory.Order{{By: "name"}}, Limit: sign.MaxRooms})
		}
		return site, rooms, err
	})
	a.addSign("rooms", "sign.pdf", func(ctx context.Context, caller access.Caller, id int64) (site inventory.Site, rooms []inventory.Room, err error) {
		room, err := a.inventory.Rooms.Get(ctx, caller, id)
		if err == nil {
			site, err = a.inventory.Sites.Get(ctx, caller, room.SiteID)
		}
		return site, []inventory.Room{room}, err
	})
}

func (a *API) addSign(path, file string, of func(context.Context, access.Caller, int64) (inventory.Site, []inventory.Room, error)) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + path + "/{id}/" + file, Audience: access.Public, Media: []string{mediaPDF}, File: true, Long: true,
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			id, ok := int64ID(r.PathValue("id"))
			if !ok {
				return errNotFound()
			}
			q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Extra: []string{"languages", "size"}, Unpaged: true})
			if err != nil {
				return err
			}
			format, languages, err := signOptions(r, q)
			if err != nil {
				return err
			}
			caller := access.CallerFrom(r.Context())
			site, rooms, err := of(r.Context(), caller, id)
			if err != nil {
				return err
			}
			organization, err := a.inventory.Organizations.Get(r.Context(), caller, site.OperatorID)
			if err != nil {
				return err
			}
			signs := &sign.Signs{Site: site.Name, Organization: organization.Name, Languages: languages, MadeAt: a.now()}
			for i := range rooms {
				signs.Rooms = append(signs.Rooms, sign.Room{
					Name: rooms[i].Name, Address: a.BaseURL(r) + "/rooms/" + formatInt64(rooms[i].ID), Profile: rooms[i].Profile(),
				})
			}
			printed, err := inTurn(r, a.downloads, func() ([]byte, error) {
				printed, err := sign.Print(signs, format)
				if err != nil {
					return nil, err
				}
				return setPDF(printed)
			})
			if err != nil {
				return err
			}
			w.Header().Set("Cache-Control", "private, no-cache")
			w.Header().Add("Vary", "Accept-Language")
			return writePDF(w, r, printed, paper.FileName(words.SignTitle.In(languages[0])+" "+site.Name))
		},
	})
}

// signOptions reads on what signs are printed, and in which one or two languages.
func signOptions(r *http.Request, q jsonapi.Query) (sign.Format, []string, error) {
	var errs jsonapi.Errors
	wrong := func(parameter, value string, choices ...string) {
		errs = append(errs, &jsonapi.Error{
			Status: http.StatusBadRequest, Reason: reason.InvalidChoice, Parameter: parameter, Args: []any{value, strings.Join(choices, ", ")},
		})
	}
	format := sign.A4
	if text, given := q.Extra["size"]; given {
		if format = sign.Format(text); !slices.Contains(sign.Formats, format) {
			wrong("size", text, string(sign.A4), string(sign.A6), string(sign.Labels))
		}
	}
	first, err := reportLanguage(r, jsonapi.Query{})
	if err != nil {
		return format, nil, err
	}
	languages := []string{first, "en"}
	if first == "en" {
		languages = languages[:1]
	}
	if text, given := q.Extra["languages"]; given {
		languages = strings.Split(text, ",")
		if len(languages) > 2 || !words.OfReport(languages[0]) || !words.OfReport(languages[len(languages)-1]) {
			wrong("languages", text, "de", "en", "fr", "de,en", "…")
		}
		languages = slices.Compact(languages)
	}
	if len(errs) > 0 {
		return format, nil, errs
	}
	return format, languages, nil
}
