package demo

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
)

// place is where the example's people come and go by the clock.
const place = "Europe/Berlin"

// The accounts of the example. The stack listens on this machine only, so their
// password may be known.
const (
	operator  = "olga"
	inspector = "ivan"
	admin     = "admin"
	password  = "clair-demo"
)

// rooms has the names of the example's rooms, by the kind of their simulated use.
// There is a simulated node for each.
var rooms = map[string][]string{
	"classroom": {"Room 101", "Room 204"},
	"office":    {"Staff room", "Open-plan office"},
	"bar":       {"Café Kachel", "Night bar"},
	"museum":    {"Great hall", "Gallery of maps"},
}

const nodes = 8

// example returns an organization whose nodes are the simulated ones, in their
// rooms since a time, and the room of each.
func example(simulated []*simulate.Node, since time.Time) (*inventory.Organization, map[*simulate.Node]string) {
	school := inventory.Site{
		Name: "School at the canal", Description: "Open to all: the air of every room",
		Street: "Am Kanal 12", Zip: "10999", City: "Berlin", Latitude: "52.497300", Longitude: "13.426500",
	}
	house := inventory.Site{
		Name: "House of culture", Description: "Museum, bar and offices; the offices are not public",
		Street: "Lindenhof 3", Zip: "13353", City: "Berlin", Latitude: "52.543800", Longitude: "13.350900",
	}
	names := map[*simulate.Node]string{}
	used := map[string]int{}
	for _, n := range simulated {
		kind := n.Room.Kind
		name := rooms[kind][used[kind]]
		used[kind]++
		names[n] = name
		model, alias := inventory.Clairchen, "Clairchen, "+name
		if n.Model == simulate.ERS {
			model, alias = inventory.ERSCO2, "ERS CO2, "+name
		}
		const heightM = 3
		room := inventory.Room{
			Name: name, SizeSqm: n.Room.VolumeM3 / heightM, HeightM: heightM, MaxOccupancy: n.Room.Capacity,
			Nodes: []inventory.Node{{
				DevEUI: n.DevEUI, Protocol: n.Decoder().Protocol(), Model: model, Alias: alias,
				From: since, Public: kind != "office",
			}},
		}
		if kind == "classroom" {
			school.Rooms = append(school.Rooms, room)
		} else {
			house.Rooms = append(house.Rooms, room)
		}
	}
	return &inventory.Organization{
		Name: "Fresh Air Society", Description: "An example, with simulated sensors",
		Members: []inventory.User{
			{Username: operator, Email: "olga@example.org", Password: password, FirstName: "Olga", LastName: "Operator", Role: "O"},
			{Username: inspector, Email: "ivan@example.org", Password: password, FirstName: "Ivan", LastName: "Inspector", Role: "I"},
			{Username: admin, Email: "admin@example.org", Password: password, Superuser: true},
		},
		Sites: []inventory.Site{school, house},
	}, names
}
