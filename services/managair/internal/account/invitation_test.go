package account_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// invite lets the OWNER of a new organization invite an address, and returns the path of
// the link.
func (w *world) invite(t *testing.T, owner, email string) string {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), `
		WITH o AS (INSERT INTO organization (name) VALUES ('Turnverein') ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id)
		INSERT INTO membership (user_id, organization_id, role) SELECT u.id, o.id, 'O' FROM o, user_account u WHERE u.username = $1
		    ON CONFLICT DO NOTHING`, owner)
	if err != nil {
		t.Fatal(err)
	}
	var ownerID, organization int64
	err = w.pool.QueryRow(t.Context(), `SELECT user_id, organization_id FROM membership m JOIN user_account u ON u.id = user_id WHERE username = $1`, owner).
		Scan(&ownerID, &organization)
	if err != nil {
		t.Fatal(err)
	}
	accounts := identity.NewAccounts(postgres.NewIdentity(w.pool), nil, w.mails, identitytest.Limits(t), w.now)
	if _, err := accounts.Invite(t.Context(), ownerID, identity.Invited{OrganizationID: organization, Email: email, Role: "I"}, identity.Client{}); err != nil {
		t.Fatal(err)
	}
	m := w.mails.last(t, identity.MailInvitation, email)
	if m.Organization != "Turnverein" || m.Username != owner {
		t.Errorf("the mail says %+v", m)
	}
	return "/accounts/invitation/" + m.Key + "/"
}

func (w *world) members(t *testing.T) (n int) {
	t.Helper()
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM membership").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "olga")
	vera := w.join(t, "vera")
	link := w.invite(t, "olga", "vera@schule.example")

	// Looking does nothing, and without a log-in nobody becomes a member.
	stranger := w.visitor(t)
	stranger.want("GET", link, "", 200, "olga lädt Sie ein, Mitglied der Organisation „Turnverein“ zu werden")
	stranger.want("POST", link, "action=accept", 303, "/accounts/login/?next=%2Faccounts%2Finvitation%2F")
	vera.want("GET", link, "", 200, "als vera angemeldet")
	vera.want("POST", link, "action=nonsense", 404, "")
	if n := w.members(t); n != 1 {
		t.Fatalf("%d members before anybody agreed", n)
	}
	vera.want("POST", link, "action=accept", 303, "/dashboard")
	if n := w.members(t); n != 2 {
		t.Fatalf("%d members", n)
	}
	vera.want("POST", link, "action=accept", 410, "") // once only

	// Another one takes the place of the first, and one may say no.
	first := w.invite(t, "olga", "neu@schule.example")
	second := w.invite(t, "olga", "Neu@schule.example")
	stranger.want("GET", first, "", 410, "")
	stranger.want("POST", second, "action=decline", 200, "abgelehnt")
	stranger.want("GET", second, "", 410, "")

	late := w.invite(t, "olga", "spaet@schule.example")
	w.sleep(14*24*time.Hour + time.Minute)
	stranger.want("GET", late, "", 410, "")
	stranger.want("GET", "/accounts/invitation/nonsense/", "", 410, "")
	if n := w.members(t); n != 2 {
		t.Errorf("%d members in the end", n)
	}
}
