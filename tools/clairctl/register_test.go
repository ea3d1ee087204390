package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A file from which The Things Stack imports devices registers them here, too.
func TestReadNodes(t *testing.T) {
	t.Parallel()
	want := []newNode{{0x9876B600001193E0, "Room 12; left"}, {0x003CB7EA62A7DCBB, ""}}
	for _, tt := range []struct{ name, text, problem string }{
		{"ours", "alias,dev_eui\n\"Room 12; left\",9876B600001193E0\n,003CB7EA62A7DCBB\n", ""},
		{"The Things Stack's", "\ufeffid;dev_eui;join_eui;name;frequency_plan_id;lorawan_version;lorawan_phy_version;app_key\r\n" +
			"room-12;9876B600001193E0;0000000000000000;\"Room 12; left\";EU_863_870_TTN;MAC_V1_0_2;PHY_V1_0_2_REV_B;0102030405060708090A0B0C0D0E0F10\r\n" +
			"room-13;00-3C-B7-EA-62-A7-DC-BB;0000000000000000;;EU_863_870_TTN;MAC_V1_0_2;PHY_V1_0_2_REV_B;100F0E0D0C0B0A090807060504030201\r\n", ""},
		{"an alias wins over a name", "name;DEV_EUI;Alias\nx;9876B600001193E0;\"Room 12; left\"\nx;003CB7EA62A7DCBB;\n", ""},
		{"nothing", "", "it is empty"},
		{"no EUIs", "id;name\na;b\n", "names no column dev_eui"},
		{"no EUI", "dev_eui\n9876B600001193E0\nRoom 12\n", "row 3, dev_eui:"},
		{"twice", "dev_eui\n9876B600001193E0\n98:76:b6:00:00:11:93:e0\n", "row 3, dev_eui: 9876B600001193E0 is in row 2, too"},
		{"a row is short", "id;dev_eui\na\n", "wrong number of fields"},
	} {
		got, err := readNodes(strings.NewReader(tt.text))
		switch {
		case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.problem)
		case tt.problem == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.problem == "":
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(newNode{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}

func FuzzReadNodes(f *testing.F) {
	f.Add("id;dev_eui;name\na;9876B600001193E0;b\n")
	f.Add("dev_eui\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		nodes, err := readNodes(strings.NewReader(text))
		if err == nil && len(nodes) > strings.Count(text, "\n")+strings.Count(text, "\r") {
			t.Errorf("%d nodes in %q", len(nodes), text)
		}
	})
}
