package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What the worker does is seen from outside: a mail that somebody waits for, and what
// it finds out every minute.

// signUp makes an account as anyone can. The mail comes through the queue, the
// worker and the mail server; its link confirms the address.
func (s *stage) signUp(ctx context.Context) error {
	const name, password = "vera", "Trompete-7-blau"
	b, err := newBrowser(s.entry)
	if err != nil {
		return err
	}
	begun := time.Now()
	_, _, err = b.post(ctx, "/accounts/signup/", url.Values{
		"username": {name}, "email": {name + "@clair.test"}, "password1": {password}, "password2": {password},
	}, http.StatusOK)
	if err != nil {
		return err
	}
	m, err := s.awaitMail(ctx, name+"@clair.test")
	if err != nil {
		return err
	}
	s.mailed++
	s.report("from signing up until the mail is there", "%.1f s", time.Since(begun).Seconds())
	link := regexp.MustCompile(`https?://` + regexp.QuoteMeta(domain) + `(/accounts/confirm-email/\S+)`).FindStringSubmatch(m.Text)
	if link == nil {
		return fmt.Errorf("the mail leads nowhere: %s", m.Text)
	}
	if _, _, err := b.post(ctx, link[1], url.Values{"confirm": {"1"}}, http.StatusSeeOther); err != nil {
		return err
	}
	_, header, err := b.post(ctx, "/accounts/login/", url.Values{"login": {name}, "password": {password}, "next": {"/accounts/"}}, http.StatusSeeOther)
	if err == nil && header.Get("Location") != "/accounts/" {
		err = fmt.Errorf("logging in leads to %q", header.Get("Location"))
	}
	return err
}

// awaitMail waits until the viewer shows a mail to an address.
func (s *stage) awaitMail(ctx context.Context, to string) (m mailMessage, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no mail in a minute"))
	defer cancel()
	viewer := "http://" + s.entry + ":8025/api/v1/"
	err = until(ctx, func() error {
		var all struct{ Messages []mailSummary }
		if err := readJSON(ctx, viewer+"messages", &all); err != nil {
			return err
		}
		i := slices.IndexFunc(all.Messages, func(m mailSummary) bool {
			return slices.ContainsFunc(m.To, func(a mailAddress) bool { return a.Address == to })
		})
		if i < 0 {
			return fmt.Errorf("of %d mails none is to %s", len(all.Messages), to)
		}
		return readJSON(ctx, viewer+"message/"+all.Messages[i].ID, &m)
	})
	return m, err
}

func readJSON(ctx context.Context, address string, into any) error {
	body, err := read(ctx, address)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s: %w: %.300s", address, err, body)
	}
	return nil
}

// checkFidelity waits until the worker has looked, since the load began, whether nodes
// report, and has noticed that those that were heard of, in the past that is played,
// have been silent since then. read asks the API as somebody who owns them.
func (s *stage) checkFidelity(ctx context.Context, read func(ctx context.Context, path string) ([]byte, error)) error {
	var checked int64
	heard := map[string]bool{}
	for key := range s.sent {
		heard[key.node.String()] = true
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("the task that is due every minute has not run for three"))
	defer cancel()
	err := until(ctx, func() error {
		body, err := read(ctx, "/api/v1/fidelity/?filter[organization]=1&page[size]=200")
		if err != nil {
			return err
		}
		var list struct {
			Data []struct {
				ID         string
				Attributes struct {
					Fidelity  string
					LastCheck int64 `json:"last_check_s"`
				}
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("%w: %.300s", err, body)
		}
		silent := 0
		for _, f := range list.Data {
			if heard[strings.ToLower(f.ID)] && f.Attributes.Fidelity == "D" && f.Attributes.LastCheck >= s.loaded.Unix() {
				silent++
				checked = f.Attributes.LastCheck
			}
		}
		if silent == 0 || silent < len(heard) {
			return fmt.Errorf("%d of %d nodes have been found silent since %s", silent, len(heard), s.loaded.Format(time.TimeOnly))
		}
		return nil
	})
	if err == nil {
		s.report("nodes looked after by the worker", "%d, last %.0f s ago", len(heard), time.Since(time.Unix(checked, 0)).Seconds())
	}
	return err
}

// refuseRedis lets Redis refuse everybody, as its protected mode does that some
// images have switched on. Nothing of the stack stops then, so it must be said.
func (s *story) refuseRedis(ctx context.Context) error {
	redis, err := s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_redis")
	if err != nil {
		return err
	}
	protect := func(mode string) error {
		_, err := s.docker(ctx, "exec", redis, "redis-cli", "CONFIG", "SET", "protected-mode", mode)
		return err
	}
	if err := protect("yes"); err != nil {
		return err
	}
	if _, err := s.docker(ctx, "exec", redis, "redis-cli", "CLIENT", "KILL", "TYPE", "normal"); err != nil {
		return err
	}
	out, err := s.tool(ctx, "status.sh")
	const notWell = 4
	if exitCode(err) != notWell {
		return fmt.Errorf("status.sh ends with %d when Redis refuses, want %d: %w", exitCode(err), notWell, err)
	}
	// Redis says why and hangs up; which of the two a client notices first is chance.
	for _, service := range []string{"managair", "worker", "clairchen_forwarder", "ers_forwarder"} {
		if !regexp.MustCompile(`(?m)^` + service + ` \S+ redis: `).MatchString(out) {
			return fmt.Errorf("status.sh does not say that Redis refuses %s:\n%s", service, out)
		}
	}
	if err := protect("no"); err != nil {
		return err
	}
	return until(ctx, func() error {
		_, err := s.tool(ctx, "status.sh")
		return err
	})
}
