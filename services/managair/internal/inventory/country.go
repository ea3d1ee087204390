package inventory

import "github.com/clairberlin/clair-stack/pkg/profile"

// zoneCountries are the time zones of the countries that have a profile of their own
// (zone.tab of IANA's database, and older names of the same zones). An address has no
// country; every site has a time zone.
//
// The islands of the British Crown count as Great Britain, and of what is French overseas
// all where the law is that of France unless it says otherwise.
var zoneCountries = map[string]string{
	"Europe/Berlin": "DE", "Europe/Busingen": "DE",
	"Europe/Vienna":    "AT",
	"Europe/Amsterdam": "NL",
	"Europe/Paris":     "FR", "Indian/Reunion": "FR", "Indian/Mayotte": "FR",
	"America/Martinique": "FR", "America/Guadeloupe": "FR", "America/Cayenne": "FR",
	"America/Marigot": "FR", "America/St_Barthelemy": "FR", "America/Miquelon": "FR",
	"Europe/Brussels": "BE",
	"Europe/London":   "GB", "Europe/Belfast": "GB", "GB": "GB", "GB-Eire": "GB",
	"Europe/Jersey": "GB", "Europe/Guernsey": "GB", "Europe/Isle_of_Man": "GB",
}

// Profile returns the profile by which the room is judged: the one that was chosen, or else
// that of the country of its site. One that this version of the program does not know counts
// as none.
func (j Judged) Profile() profile.Profile {
	if j.Chosen != nil {
		if p, ok := profile.Get(*j.Chosen); ok {
			return p
		}
	}
	p, _ := profile.Get(profile.OfCountry(zoneCountries[j.Zone]))
	return p
}
