package jsonapi_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

func TestOperationsThatAreRefused(t *testing.T) {
	t.Parallel()
	const add = `{"op":"add","data":{"type":"Room"}}`
	for body, want := range map[string]string{
		`x`:                        "parse_error",
		`{}`:                       "invalid no_operations /atomic:operations",
		`{"atomic:operations":[]}`: "invalid no_operations /atomic:operations",
		`{"atomic:operations":{}}`: "invalid no_operations /atomic:operations",
		`{"atomic:operations":[` + add + `,` + add + `,` + add + `]}`:                                              "invalid too_many_operations /atomic:operations",
		`{"atomic:operations":[` + add + `,7]}`:                                                                    "incorrect_type /atomic:operations/1",
		`{"atomic:operations":[{"op":"copy"}]}`:                                                                    "invalid_choice /atomic:operations/0/op",
		`{"atomic:operations":[{"op":"add","href":"/rooms"}]}`:                                                     "invalid operation_unsupported /atomic:operations/0/href",
		`{"atomic:operations":[{"op":"add"}]}`:                                                                     "required /atomic:operations/0/data",
		`{"atomic:operations":[{"op":"remove"}]}`:                                                                  "required /atomic:operations/0/ref",
		`{"atomic:operations":[{"op":"add","data":{}}]}`:                                                           "missing_type /atomic:operations/0/data",
		`{"atomic:operations":[{"op":"update","data":{"type":"Room"}}]}`:                                           "missing_id /atomic:operations/0/data",
		`{"atomic:operations":[{"op":"update","ref":{"type":"Room","id":"1","relationship":"site"},"data":null}]}`: "invalid operation_unsupported /atomic:operations/0/ref/relationship",
	} {
		if _, err := jsonapi.ParseOperations([]byte(body), 2); said(err) != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// What an operation adds can be named by later ones.
func TestLaterOperationsNameWhatIsAdded(t *testing.T) {
	t.Parallel()
	operations, err := jsonapi.ParseOperations([]byte(`{"atomic:operations":[
		{"op":"add","data":{"type":"Site","lid":"s"}},
		{"op":"add","data":{"type":"Room","attributes":{"name":"Aula"},"relationships":{"site":{"data":{"type":"Site","lid":"s"}}}}},
		{"op":"update","data":{"type":"Site","lid":"s"}},
		{"op":"remove","ref":{"type":"Site","lid":"other"}},
		{"op":"remove","ref":{"type":"Site","id":"9"}}]}`), 5)
	if err != nil {
		t.Fatal(err)
	}
	locals := jsonapi.Locals{{Type: "Site", ID: "s"}: "12"}
	body, err := operations[1].Body(locals)
	if err != nil {
		t.Fatal(err)
	}
	var site string
	f := jsonapi.NewFields(body, true)
	f.ToOne("site", "Site", jsonapi.Required, func(id string) *fault.Violation {
		site = id
		return nil
	})
	if err := f.Err(); err != nil || site != "12" {
		t.Errorf("the room's site is %q: %v", site, err)
	}
	if err := operations[2].Resolve(locals); err != nil || operations[2].ID != "12" {
		t.Errorf("what is updated: %q, %v", operations[2].ID, err)
	}
	if body, err := operations[2].Body(locals); err != nil || body.ID != "12" {
		t.Errorf("what it becomes: %q, %v", body.ID, err)
	}
	if err := operations[3].Resolve(locals); said(err) != "does_not_exist" {
		t.Errorf("what nobody added: %v", err)
	}
	if _, err := operations[4].Body(locals); said(err) != "parse_error no_primary_data /data" {
		t.Errorf("the body of a removal: %v", err)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	one := jsonapi.Resource{Identifier: jsonapi.Identifier{Type: "Room", ID: "1"}}
	got := string(jsonapi.AppendResults(nil, []*jsonapi.Resource{&one, nil}))
	if want := `{"atomic:results":[{"data":{"type":"Room","id":"1","attributes":{}}},{}]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
