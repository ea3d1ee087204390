package notify

import (
	"context"
	"errors"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// A token goes to no other server than the one that it was given for.
func TestTokensStayWithTheirServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		kind Kind
		w    Wanted
		good bool
		kept string
	}{
		{"another topic", Ntfy, Wanted{Address: new("https://NTFY.example/other")}, true, "secret"},
		{"another server", Ntfy, Wanted{Address: new("https://evil.example/topic")}, false, ""},
		{"another port", Ntfy, Wanted{Address: new("https://ntfy.example:8443/topic")}, false, ""},
		{"without TLS", Ntfy, Wanted{Address: new("http://ntfy.example/topic")}, false, ""},
		{"another server, without a token", Ntfy, Wanted{Address: new("https://evil.example/topic"), Token: new("")}, true, ""},
		{"another server, with its token", Ntfy, Wanted{Address: new("https://evil.example/topic"), Token: new("its")}, true, "its"},
		{"another homeserver", Matrix, Wanted{Address: new("https://evil.example")}, false, ""},
		{"another room", Matrix, Wanted{Room: new("!b:ntfy.example")}, true, "secret"},
	} {
		k := Kept{Channel: Channel{Kind: tt.kind}, Secret: Secret{Address: "https://ntfy.example/topic", Token: "secret"}}
		if tt.kind == Matrix {
			k.Secret.Address, k.Secret.Room = "https://ntfy.example", "!a:ntfy.example"
		}
		_, v := k.apply(tt.w, true)
		if (v == nil) != tt.good || k.Secret.Token != tt.kept || v != nil && (v.Field != "token" || v.Reason != reason.Required) {
			t.Errorf("%s: %+v, %q", tt.name, v, k.Secret.Token)
		}
	}
}

func TestWhereChannelsMayLead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind    Kind
		secret  Secret
		private bool
		target  string // "": refused
	}{
		{Email, Secret{Address: "olga@example.org"}, false, "olga@example.org"},
		{Email, Secret{Address: "olga@example.org\r\nBcc: x@example.org"}, false, ""},
		{Email, Secret{Address: "Olga <olga@example.org>"}, false, ""},
		{Email, Secret{}, false, ""},
		{Email, Secret{Address: "olga@example.org", Token: "x"}, false, ""},
		{Webhook, Secret{Address: "https://example.org/secret?x=1"}, false, "https://example.org/…"},
		{Webhook, Secret{Address: "http://10.0.0.1/"}, false, ""},
		{Webhook, Secret{Address: "http://10.0.0.1/"}, true, "http://10.0.0.1/…"},
		{Webhook, Secret{Address: "https://u:p@example.org/"}, false, ""},
		{Webhook, Secret{Address: "file:///etc/passwd"}, true, ""},
		{Webhook, Secret{Address: "https:///x"}, false, ""},
		{Webhook, Secret{Address: "https://example.org/\nx"}, false, ""},
		{Ntfy, Secret{Address: "https://ntfy.sh/topic"}, false, "https://ntfy.sh/…"},
		{Ntfy, Secret{Address: "https://ntfy.sh/"}, false, ""},
		{Ntfy, Secret{Address: "https://ntfy.sh/a/b"}, false, ""},
		{Matrix, Secret{Address: "https://matrix.org", Room: "!a:matrix.org", Token: "t"}, false, "!a:matrix.org"},
		{Matrix, Secret{Address: "https://matrix.org", Room: "#a:matrix.org", Token: "t"}, false, ""},
		{Matrix, Secret{Address: "https://matrix.org", Room: "!a:matrix.org"}, false, ""},
		{Telegram, Secret{Room: "-100", Token: "12:ab_-"}, false, "-100"},
		{Telegram, Secret{Room: "-100", Token: "../x"}, false, ""},
		{Slack, Secret{Address: "https://hooks.slack.com/services/T/B/x"}, false, "https://hooks.slack.com/…"},
		{Teams, Secret{Address: "https://example.org/workflows/1"}, false, "https://example.org/…"},
		{"fax", Secret{Address: "https://example.org/"}, false, ""},
	} {
		k := Kept{Channel: Channel{Kind: tt.kind}, Secret: tt.secret}
		if v := k.check(tt.private); (v == nil) != (tt.target != "") || k.Target != tt.target {
			t.Errorf("%s %+v: %q, %v", tt.kind, tt.secret.Address, k.Target, v)
		}
	}
}

// An address that leads where nothing may be sent to is refused at once, and not found in the log.
func TestAddressesAreLookedAtAtTheDoor(t *testing.T) {
	t.Parallel()
	var asked []string
	service := Service{Leads: func(_ context.Context, host string) error {
		asked = append(asked, host)
		return errors.New("no")
	}}
	_, _, err := service.Make(t.Context(), access.Caller{UserID: 1}, Channel{UserID: 1, Kind: Webhook}, Wanted{Name: new("x"), Address: new("https://[::1]:8443/hook")})
	v, ok := errors.AsType[*fault.Violation](err)
	if !ok || v.Field != "address" || v.Reason != reason.ChannelNotPublic {
		t.Errorf("%v", err)
	}
	if len(asked) != 1 || asked[0] != "::1" {
		t.Errorf("asked of %v", asked)
	}
	if v := service.leads(t.Context(), Email, Wanted{Address: new("a@localhost")}); v != nil || len(asked) != 1 {
		t.Errorf("a mailbox is no host: %v, %v", v, asked)
	}
}
