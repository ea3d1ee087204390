package httpapi_test

import (
	"encoding/json"
	"testing"
)

// setTimetable changes that of a site or room of organization 1.
func setTimetable(user int64, path, id, attributes string) request {
	return patch(user, "/api/v1/"+path+"/timetable/", doc("Timetable", `"id":"`+id+`","attributes":{`+attributes+`}`))
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // of a text
	return string(data)
}

func TestTimetables(t *testing.T) {
	t.Parallel()
	const (
		ferien = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Winterferien\r\nDTSTART;VALUE=DATE:20260126\r\nDTEND;VALUE=DATE:20260131\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
		week   = `"weekly":{"Mo":[{"from":"8:00","to":"14:00"}],"Fr":[{"from":"20:00","to":"02:00"}]}`
	)
	site := func(attributes string) request { return setTimetable(owner, "sites/1", "site-1", attributes) }
	room := func(attributes string) request { return setTimetable(owner, "rooms/1", "room-1", attributes) }
	w := newWorld(t)
	for _, one := range []attempt{
		{request: get(inspector, "/api/v1/rooms/1/timetable/"), status: 200, contains: `"weekly":null,"exceptions":[],"holiday_region":null`},
		{request: get(inspector, "/api/v1/rooms/1/occupied-days/"), status: 200, contains: `"count":15`, lacks: "timetable\""},
		{request: site(week), status: 200, contains: `"weekly":{"Mo":[{"from":"08:00","to":"14:00"}],"Tu":[]`},
		{request: site(`"holiday_region":"DE-BE","exceptions":[{"from_date":"2026-01-22","to_date":"2026-01-23","name":" Projekttage "}]`), status: 200, contains: `"name":"Projekttage","hours":null`},
		{request: site(`"calendar":` + quoted(ferien)), status: 200, contains: `"calendar_days":[{"from_date":"2026-01-26","to_date":"2026-01-30","name":"Winterferien"}]`},
		{name: "no address, as before", request: site(`"calendar_url":null`), status: 200, contains: "Winterferien"},
		{request: get(owner, "/api/v1/sites/1/timetable/"), status: 200, contains: `"from":"20:00","to":"02:00"`},
		// 8:00 in Berlin, planned; a Monday of holidays; a Friday that is closed.
		{request: get(inspector, "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-19&filter[to]=2026-01-19"), status: 200, contains: `"how":"timetable","name":"","spans":[{"from_timestamp_s":1768806000,"to_timestamp_s":1768827600}],"decided_at_s":null`},
		{request: get(inspector, "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-26&filter[to]=2026-01-26"), status: 200, contains: `"how":"holiday","name":"Winterferien","spans":[]`},
		{request: get(inspector, "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-23&filter[to]=2026-01-23"), status: 200, contains: `"how":"exception","name":"Projekttage","spans":[]`},
		{request: room(`"exceptions":[{"from_date":"2026-01-26","to_date":"2026-01-26","name":"Hort","hours":[{"from":"09:00","to":"12:00"}]}]`), status: 200, contains: `Hort`},
		{request: get(inspector, "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-26&filter[to]=2026-01-26"), status: 200, contains: `"how":"exception","name":"Hort"`},
		{request: site(`"calendar_url":"webcal://example.com/ferien.ics"`), status: 200, contains: `"calendar_url":"https://example.com/ferien.ics","calendar_days":[]`},
		{name: "others see where it leads to", request: get(inspector, "/api/v1/sites/1/timetable/"), status: 200, contains: `"calendar_url":"https://example.com",`, lacks: "ferien.ics"},
		{request: site(`"weekly":null,"calendar":null,"recompute_from":"2026-01-01"`), status: 200, contains: `"recomputing_from":"2026-01-01"`},
		{name: "that the past waits is told", request: get(owner, "/api/v1/rooms/1/timetable/"), status: 200, contains: `"recomputing_from":"2026-01-01"`},

		{name: "hours at once", request: site(`"weekly":{"Mo":[{"from":"08:00","to":"10:00"},{"from":"09:00","to":"11:00"}]}`), status: 400, source: "/data/attributes/weekly"},
		{name: "no day", request: site(`"weekly":{"Monday":[]}`), status: 400, source: "/data/attributes/weekly"},
		{name: "no time", request: site(`"weekly":{"Mo":[{"from":"25:00","to":"26:00"}]}`), status: 400, source: "/data/attributes/weekly"},
		{name: "no list", request: site(`"exceptions":null`), status: 400, source: "/data/attributes/exceptions"},
		{name: "what is no exception", request: site(`"exceptions":[{"from_date":"2026-01-26","until":"2026-01-26"}]`), status: 400, source: "/data/attributes/exceptions"},
		{name: "an exception without days", request: site(`"exceptions":[{"name":"x"}]`), status: 400, source: "/data/attributes/exceptions"},
		{name: "a time without its end", request: site(`"weekly":{"Mo":[{"from":"20:00"}]}`), status: 400, source: "/data/attributes/weekly"},
		{name: "a time that is none", request: site(`"weekly":{"Mo":[null]}`), status: 400, source: "/data/attributes/weekly"},
		{name: "an exception without an end", request: site(`"exceptions":[{"from_date":"2026-01-26","to_date":"2026-01-26","hours":[{"from":"20:00"}]}]`), status: 400, source: "/data/attributes/exceptions"},
		{name: "nowhere", request: site(`"holiday_region":"Atlantis"`), status: 400, source: "/data/attributes/holiday_region"},
		{name: "a number", request: site(`"holiday_region":7`), status: 400, source: "/data/attributes/holiday_region"},
		{name: "our own network by a plain address", request: site(`"calendar_url":"http://redis:6379/"`), status: 400, source: "/data/attributes/calendar_url"},
		{name: "no calendar", request: site(`"calendar":"<html>"`), status: 400, source: "/data/attributes/calendar"},
		{name: "a room with a region", request: room(`"holiday_region":"DE-BE"`), status: 400, source: "/data/attributes/holiday_region"},
		{name: "a room with a calendar", request: room(`"calendar":` + quoted(ferien)), status: 400, source: "/data/attributes/calendar_url"},
		{name: "too long ago", request: site(`"recompute_from":"2022-01-01"`), status: 400, source: "/data/attributes/recompute_from"},
		{name: "in the future", request: site(`"recompute_from":"2026-02-01"`), status: 400, source: "/data/attributes/recompute_from"},
		{name: "no day", request: site(`"recompute_from":"gestern"`), status: 400, source: "/data/attributes/recompute_from"},
		{name: "another one's id", request: setTimetable(owner, "sites/1", "site-2", week), status: 409},
		{name: "too many days", request: get(owner, "/api/v1/rooms/1/occupied-days/?filter[from]=2020-01-01"), status: 400, source: "filter[to]"},
		{name: "yesterday's page asks for pages", request: get(owner, "/api/v1/rooms/1/occupied-days/?page[size]=1000&page[number]=1"), status: 200},
		{name: "no day to ask for", request: get(owner, "/api/v1/rooms/1/occupied-days/?filter[from]=x"), status: 400, source: "filter[from]"},
		{name: "backwards", request: get(owner, "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-02&filter[to]=2026-01-01"), status: 400, source: "filter[to]"},
		{request: get(anonymous, "/api/v1/holiday-regions/"), status: 200, contains: `"id":"DE-BE","attributes":{"country":"DE","name":"Berlin"}`},
	} {
		one.check(t, w)
	}
}

// Others read and write neither what is said of rooms nor when people were there, also of
// rooms that are public.
func TestOccupiedTimeIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO occupied_day (room_id, day, how, name, begins, ends, decided_at)
		VALUES (1, '2026-01-19', 'timetable', 'Geheim', '{2026-01-19T08:00Z}', '{2026-01-19T09:00Z}', now())`)
	attempt{request: get(inspector, "/api/v1/rooms/1/occupied-days/"), status: 200, contains: "Geheim"}.check(t, w)
	for _, user := range []int64{stranger, foreigner, superuser} {
		for _, path := range []string{"rooms/1/occupied-days", "rooms/1/timetable", "sites/1/timetable"} {
			attempt{request: get(user, "/api/v1/"+path+"/"), status: 404, lacks: "Geheim"}.check(t, w)
		}
		attempt{request: setTimetable(user, "rooms/1", "room-1", `"weekly":{}`), status: 404}.check(t, w)
	}
	attempt{request: setTimetable(inspector, "rooms/1", "room-1", `"weekly":{}`), status: 403}.check(t, w)
	attempt{request: get(anonymous, "/api/v1/rooms/1/occupied-days/"), status: 401}.check(t, w)
}
