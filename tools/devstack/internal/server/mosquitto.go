package server

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// MosquittoOptions are choices for a Mosquitto broker.
type MosquittoOptions struct {
	// Dir keeps configuration, certificates, data and the log.
	Dir string
	// Port is the TCP port; 0 chooses a free one.
	Port int
	// TLS makes a certificate authority and a certificate for localhost and Host.
	TLS bool
	// Users are names with their passwords. Without any, everyone may enter.
	Users map[string]string
	// Config are further lines of mosquitto.conf.
	Config []string
}

// Mosquitto is an MQTT broker of our own.
type Mosquitto struct {
	Server

	options MosquittoOptions
}

// MosquittoPath returns the path of the broker's program.
func MosquittoPath() (string, error) {
	// Debian has it where only root looks.
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", notInstalled("Mosquitto")
}

// NewMosquitto prepares a broker; Start starts it.
func NewMosquitto(o MosquittoOptions) (*Mosquitto, error) {
	path, err := MosquittoPath()
	if err != nil {
		return nil, err
	}
	runAs, err := process.Unprivileged()
	if err != nil {
		return nil, err
	}
	m := &Mosquitto{options: o}
	m.Server = Server{
		Port:    o.Port,
		name:    "mosquitto",
		prepare: func(context.Context) error { return m.initialize(runAs) },
		command: func() (process.Spec, error) {
			conf := m.file("mosquitto.conf")
			return process.Spec{
				Name: "mosquitto", Path: path, Args: []string{"-c", conf},
				Dir: o.Dir, User: runAs, LogFile: m.LogFile(),
			}, m.write(runAs, conf, m.config())
		},
		probe: func(ctx context.Context) error {
			conn, err := m.dial(ctx)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	}
	return m, nil
}

// URL returns the address of a started broker as MQTT clients write it.
func (m *Mosquitto) URL() string {
	if m.options.TLS {
		return "ssl://" + m.Address()
	}
	return "tcp://" + m.Address()
}

// CAFile is the path of the certificate authority that signed the broker's
// certificate.
func (m *Mosquitto) CAFile() string { return m.file("ca.pem") }

// LogFile is where the broker writes what it has to say.
func (m *Mosquitto) LogFile() string { return m.file("mosquitto.log") }

func (m *Mosquitto) config() string {
	lines := []string{
		fmt.Sprintf("listener %d %s", m.Port, Host),
		// Small messages are not held back for others.
		"set_tcp_nodelay true",
		"log_dest stderr",
		"persistence_location " + m.options.Dir + "/",
		// The defaults drop messages in silence when a client is slow or away.
		"max_queued_messages 0",
	}
	if m.options.TLS {
		lines = append(lines, "cafile "+m.CAFile(), "certfile "+m.file("cert.pem"), "keyfile "+m.file("key.pem"))
	}
	if len(m.options.Users) > 0 {
		lines = append(lines, "allow_anonymous false", "password_file "+m.file("passwords"))
	} else {
		lines = append(lines, "allow_anonymous true")
	}
	return strings.Join(append(lines, m.options.Config...), "\n") + "\n"
}

// initialize writes the files that do not change when the broker starts again.
func (m *Mosquitto) initialize(runAs *process.User) error {
	if err := runAs.MakeDir(m.options.Dir); err != nil {
		return err
	}
	if m.options.TLS {
		files, err := newCertificate()
		if err != nil {
			return err
		}
		for name, content := range files {
			if err := m.write(runAs, m.file(name), content); err != nil {
				return err
			}
		}
	}
	var passwords strings.Builder
	for user, password := range m.options.Users {
		hash, err := mosquittoHash(password)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(&passwords, "%s:%s\n", user, hash)
	}
	return m.write(runAs, m.file("passwords"), passwords.String())
}

func (*Mosquitto) write(runAs *process.User, path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return runAs.Own(path)
}

// mosquittoHash does what mosquitto_passwd does, which comes in another package.
func mosquittoHash(password string) (string, error) {
	const iterations, saltBytes = 101, 12 // what mosquitto_passwd uses
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	hash, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("$7$%d$%s$%s", iterations, b64(salt), b64(hash)), nil
}

func (m *Mosquitto) file(name string) string { return filepath.Join(m.options.Dir, name) }
