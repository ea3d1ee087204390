// Package inventory describes an organization with its people, sites, rooms and
// nodes, as a file that "managair loaddata" reads: the part of an installation that
// people enter, for the demo and for tests.
package inventory

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Organization is who operates sites and owns nodes.
type Organization struct {
	Name, Description string
	Members           []User
	Sites             []Site
}

// User is somebody with an account.
type User struct {
	Username, Email, Password string
	FirstName, LastName       string
	Role                      string // "O", owner, or "I", inspector
	Superuser                 bool
}

// Site is a place with an address.
type Site struct {
	Name, Description string
	Street, Zip, City string
	// Latitude and Longitude are decimal degrees; both empty: not on the map.
	Latitude, Longitude string
	Rooms               []Room
}

// Room is where people breathe.
type Room struct {
	Name         string
	SizeSqm      float64
	HeightM      float64
	MaxOccupancy int
	Nodes        []Node
}

// Node is a node and its installation in the room, which has not ended.
type Node struct {
	DevEUI   lorawan.EUI64
	Protocol string // as in the node's id, for example "CLAIRCHEN"
	Model    Model
	Alias    string
	From     time.Time
	Public   bool
}

// Model is a kind of node.
type Model struct{ Name, TradeName, Manufacturer, SensorType string }

// The kinds of nodes that the forwarders know.
var (
	Clairchen = Model{Name: "Clairchen", TradeName: "Clairchen", Manufacturer: "Clair Berlin", SensorType: "Sensirion SCD30"}
	AM307     = Model{Name: "AM307", TradeName: "AM307", Manufacturer: "Milesight", SensorType: "NDIR"}
	ERSCO2    = Model{Name: "ERS CO2", TradeName: "ERS CO2", Manufacturer: "Elsys", SensorType: "NDIR"}
)

// IDs are the numbers that were given in a fixture.
type IDs struct {
	Sites         map[string]int64        // by name
	Rooms         map[string]int64        // by name
	Installations map[lorawan.EUI64]int64 // by the node's device EUI
}

// Fixture returns the file for an organization, and the numbers in it. It is for
// an empty database: the numbers begin with 1.
func Fixture(o *Organization) ([]byte, IDs, error) {
	f := fixture{ids: IDs{
		Sites: map[string]int64{}, Rooms: map[string]int64{}, Installations: map[lorawan.EUI64]int64{},
	}}
	if err := f.organization(o); err != nil {
		return nil, f.ids, fmt.Errorf("organization %s: %w", o.Name, err)
	}
	content, err := json.MarshalIndent(f.objects, "", "  ")
	return content, f.ids, err
}

// openEnd is how the format writes that an installation has not ended.
const openEnd = math.MaxInt32

type fields map[string]any

type object struct {
	Model  string `json:"model"`
	PK     any    `json:"pk"`
	Fields fields `json:"fields"`
}

type fixture struct {
	objects   []object
	ids       IDs
	last      map[string]int64 // the last number of each model
	protocols map[string]int64
	models    map[string]int64
}

// add adds an object with the next number of its model.
func (f *fixture) add(model string, content fields) int64 {
	if f.last == nil {
		f.last = map[string]int64{}
	}
	f.last[model]++
	f.objects = append(f.objects, object{model, f.last[model], content})
	return f.last[model]
}

func (f *fixture) organization(o *Organization) error {
	organization := f.add("core.organization", fields{"name": o.Name, "description": o.Description})
	for _, u := range o.Members {
		hash, err := passwordHash(u.Password)
		if err != nil {
			return err
		}
		user := f.add("auth.user", fields{
			"username": u.Username, "email": u.Email, "password": hash, "first_name": u.FirstName, "last_name": u.LastName,
			"is_superuser": u.Superuser, "is_staff": u.Superuser, "is_active": true,
		})
		f.add("account.emailaddress", fields{"user": user, "email": u.Email, "verified": true, "primary": true})
		if u.Role != "" {
			f.add("core.membership", fields{"user": user, "organization": organization, "role": u.Role})
		}
	}
	quantities := []int64{
		f.add("core.quantity", fields{"quantity": "CO2", "base_unit": "ppm"}),
		f.add("core.quantity", fields{"quantity": "Temperature", "base_unit": "°C"}),
		f.add("core.quantity", fields{"quantity": "Relative humidity", "base_unit": "%"}),
	}
	for _, s := range o.Sites {
		place := fields{"street1": s.Street, "zip": s.Zip, "city": s.City}
		if s.Latitude != "" {
			place["latitude"], place["longitude"] = s.Latitude, s.Longitude
		}
		address := f.add("core.address", place)
		site := f.add("core.site", fields{
			"name": s.Name, "description": s.Description, "address": address, "operator": organization,
		})
		f.ids.Sites[s.Name] = site
		for _, r := range s.Rooms {
			room := f.add("core.room", fields{
				"name": r.Name, "site": site, "max_occupancy": r.MaxOccupancy,
				"size_sqm": strconv.FormatFloat(r.SizeSqm, 'f', 1, 64), "height_m": strconv.FormatFloat(r.HeightM, 'f', 1, 64),
			})
			f.ids.Rooms[r.Name] = room
			for _, n := range r.Nodes {
				f.node(n, organization, room, quantities)
			}
		}
	}
	return nil
}

func (f *fixture) node(n Node, owner, room int64, quantities []int64) {
	if f.models == nil {
		f.protocols, f.models = map[string]int64{}, map[string]int64{}
	}
	if f.protocols[n.Protocol] == 0 {
		f.protocols[n.Protocol] = f.add("core.nodeprotocol", fields{"identifier": n.Protocol})
	}
	if f.models[n.Model.Name] == 0 {
		f.models[n.Model.Name] = f.add("core.nodemodel", fields{
			"name": n.Model.Name, "trade_name": n.Model.TradeName, "manufacturer": n.Model.Manufacturer,
			"sensor_type": n.Model.SensorType, "quantities": quantities,
		})
	}
	id := measurement.NodeID(n.Protocol, n.DevEUI)
	f.objects = append(f.objects, object{"core.node", id, fields{
		"eui64": n.DevEUI.String(), "alias": n.Alias, "owner": owner,
		"protocol": f.protocols[n.Protocol], "model": f.models[n.Model.Name],
	}})
	f.ids.Installations[n.DevEUI] = f.add("core.roomnodeinstallation", fields{
		"node": id, "room": room, "from_timestamp_s": n.From.Unix(), "to_timestamp_s": openEnd, "is_public": n.Public,
	})
}

// passwordHash is in the format of the file; managair replaces it by its own at the
// first log-in.
func passwordHash(password string) (string, error) {
	const iterations, salt = 200_000, "example"
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("pbkdf2_sha256$%d$%s$%s", iterations, salt, base64.StdEncoding.EncodeToString(key)), nil
}
