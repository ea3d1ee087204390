package standin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// showDatabase stands in for pgAdmin: it answers when its password is there and the
// database can be reached, and so proves its entry in the compose file.
func showDatabase(w http.ResponseWriter, r *http.Request) {
	err := reachDatabase(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, "the password is there, and so is the database")
}

func reachDatabase(ctx context.Context) error {
	password, err := os.ReadFile(os.Getenv("PGADMIN_DEFAULT_PASSWORD_FILE"))
	if err != nil {
		return err
	}
	if len(password) == 0 || os.Getenv("PGADMIN_DEFAULT_EMAIL") == "" {
		return errors.New("there is no password, or no address to log in with")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "db:5432")
	if err != nil {
		return err
	}
	return conn.Close()
}
