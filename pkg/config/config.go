// Package config reads settings from the environment into structs, once, in main.
//
// Fields are described by the tags of github.com/caarlos0/env:
//
//	type Config struct {
//		Listen   string        `env:"LISTEN_ADDRESS" envDefault:":8080" desc:"address to serve on"`
//		Password config.Secret `env:"DB_PASSWORD,required" desc:"password of the database"`
//	}
//
// A variable X can also be given as X_FILE, the path of a file that holds the
// value (a Swarm secret); of its content the last newline is cut, and blanks at
// either end are refused. Giving both is an error. A struct with a method
// Validate() error is asked after parsing. All problems of all structs are reported
// together.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Env is a set of environment variables.
type Env map[string]string

// FromOS returns the variables of the process.
func FromOS() Env { return env.ToMap(os.Environ()) }

// Load fills the given structs (pointers) and returns every problem at once.
func (e Env) Load(configs ...any) error {
	var problems []error
	for _, c := range configs {
		vars, errs := e.resolveFiles(c)
		problems = append(problems, errs...)
		if err := env.ParseWithOptions(c, env.Options{Environment: vars}); err != nil {
			problems = append(problems, parseProblems(err, c, vars)...)
			continue
		}
		if v, ok := c.(interface{ Validate() error }); ok && len(errs) == 0 {
			problems = append(problems, v.Validate())
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// resolveFiles returns the variables with each X_FILE that c knows as X read.
func (e Env) resolveFiles(c any) (Env, []error) {
	params, err := env.GetFieldParamsWithOptions(c, env.Options{Environment: e})
	if err != nil {
		return e, []error{err}
	}
	vars := maps.Clone(e)
	if vars == nil {
		vars = Env{}
	}
	var problems []error
	for _, p := range params {
		name := p.Key
		path := e[name+"_FILE"]
		if path == "" {
			continue
		}
		if e[name] != "" {
			problems = append(problems, fmt.Errorf("%s and %s_FILE are both set: give one of them", name, name))
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s_FILE: %w", name, err))
			// A placeholder, so that the same gap is not reported as missing too.
			vars[name] = unreadable
			continue
		}
		vars[name] = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		// What an editor or a clipboard left there would be part of a password, and nobody
		// sees why it is wrong. Certificates are read by programs that do not mind.
		if clean := strings.TrimSpace(strings.TrimPrefix(vars[name], byteOrderMark)); clean != vars[name] && !strings.Contains(clean, "-----BEGIN ") {
			problems = append(problems, fmt.Errorf("%s_FILE: %s begins or ends with a blank, an empty line or a byte order mark: write it without", name, path))
		}
	}
	return vars, problems
}

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\ufeff"

const unreadable = "\x00unreadable"

// parseProblems makes the library's errors, which name Go fields, name the variable.
func parseProblems(err error, c any, vars Env) []error {
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return []error{err}
	}
	variables := map[string]string{}
	variableOf(reflect.TypeOf(c).Elem(), "", variables)
	var problems []error
	for _, e := range aggregate.Errors {
		p, ok := errors.AsType[env.ParseError](e)
		if !ok {
			problems = append(problems, e)
			continue
		}
		if name := variables[p.Name]; vars[name] != unreadable {
			problems = append(problems, fmt.Errorf("%s: %w", name, p.Err))
		}
	}
	return problems
}

// variableOf maps the names of t's fields to those of their variables.
func variableOf(t reflect.Type, prefix string, into map[string]string) {
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("env"), ","); name != "" {
			into[f.Name] = prefix + name
		} else if f.Type.Kind() == reflect.Struct {
			variableOf(f.Type, prefix+f.Tag.Get("envPrefix"), into)
		}
	}
}

// Variable describes one environment variable.
type Variable struct {
	Name        string
	Default     string
	Required    bool
	Description string // the field's tag `desc`
}

// Describe lists the variables that the given structs (pointers) are filled from.
func Describe(configs ...any) []Variable {
	var all []Variable
	for _, c := range configs {
		all = append(all, describe(reflect.TypeOf(c).Elem(), "")...)
	}
	return all
}

func describe(t reflect.Type, prefix string) []Variable {
	var all []Variable
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		switch {
		case name != "":
			all = append(all, Variable{
				Name:        prefix + name,
				Default:     f.Tag.Get("envDefault"),
				Required:    strings.Contains(options, "required") || strings.Contains(options, "notEmpty"),
				Description: f.Tag.Get("desc"),
			})
		case f.Type.Kind() == reflect.Struct:
			all = append(all, describe(f.Type, prefix+f.Tag.Get("envPrefix"))...)
		}
	}
	return all
}

// Secret is a value that never shows itself: it prints as [redacted], in logs
// and in JSON too. Reveal returns it.
type Secret struct{ value string }

// NewSecret returns value as a Secret.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the secret value.
func (s Secret) Reveal() string { return s.value }

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

// UnmarshalText takes the value from the environment.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}

const redacted = "[redacted]"

// String returns "[redacted]", and "" when there is no value.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
