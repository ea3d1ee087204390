package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
)

type settings struct {
	Listen   string        `env:"LISTEN" envDefault:":8080"`
	Wait     time.Duration `env:"WAIT" envDefault:"5s"`
	Password config.Secret `env:"DB_PASSWORD,required"`
	CA       string        `env:"CA"`
	Nested   struct {
		Count int `env:"COUNT" envDefault:"3"`
	} `envPrefix:"N_"`
}

func (s *settings) Validate() error {
	if s.Wait < 0 {
		return fmt.Errorf("WAIT: %v is negative", s.Wait)
	}
	return nil
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	for file, content := range map[string]string{
		secret: "hunter2\r\n", dir + "/blank": "hunter2 \n", dir + "/lines": "hunter2\n\n", dir + "/mark": "\ufeffhunter2",
		dir + "/certificate": "\n-----BEGIN CERTIFICATE-----\n\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		env  config.Env
		want []string // parts of the error, in any order; none: no error
	}{
		{"defaults and a plain secret", config.Env{"DB_PASSWORD": "hunter2"}, nil},
		{"a secret file loses its last newline only", config.Env{"DB_PASSWORD_FILE": secret}, nil},
		{
			"all problems at once, by variable",
			config.Env{"WAIT": "soon", "N_COUNT": "many"},
			[]string{"WAIT: ", "N_COUNT: ", `"DB_PASSWORD" is not set`},
		},
		{"both forms", config.Env{"DB_PASSWORD": "a", "DB_PASSWORD_FILE": secret}, []string{"both set"}},
		{"a blank behind a secret", config.Env{"DB_PASSWORD_FILE": dir + "/blank"}, []string{"ends with a blank"}},
		{"an empty line behind it", config.Env{"DB_PASSWORD_FILE": dir + "/lines"}, []string{"an empty line"}},
		{"certificates may have more", config.Env{"DB_PASSWORD": "hunter2", "CA_FILE": dir + "/certificate"}, nil},
		{"a mark before it", config.Env{"DB_PASSWORD_FILE": dir + "/mark"}, []string{"byte order mark"}},
		{"a file that is not there", config.Env{"DB_PASSWORD_FILE": dir + "/none"}, []string{"DB_PASSWORD_FILE: open "}},
		{"an unreadable number is one problem", config.Env{"DB_PASSWORD": "a", "N_COUNT_FILE": dir + "/none"}, []string{"N_COUNT_FILE: "}},
		{"the struct's own rule", config.Env{"DB_PASSWORD": "a", "WAIT": "-1s"}, []string{"WAIT: -1s is negative"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s settings
			err := tt.env.Load(&s)
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if s.Listen != ":8080" || s.Nested.Count != 3 || s.Password.Reveal() != "hunter2" {
					t.Errorf("got %+v, password %q", s, s.Password.Reveal())
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if got := len(strings.Split(err.Error(), "\n")); got != len(tt.want) {
				t.Errorf("%d problems, want %d:\n%v", got, len(tt.want), err)
			}
		})
	}
}

func TestSecretDoesNotShowItself(t *testing.T) {
	t.Parallel()
	s := settings{Password: config.NewSecret("hunter2")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, s); strings.Contains(got, "hunter2") {
			t.Errorf("%s shows the secret: %s", verb, got)
		}
	}
}
