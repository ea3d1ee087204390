// Package stack runs the services of this house, as the binaries that operators
// run, on given servers: for the demo, and for tests that follow an uplink through
// all of them.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// The applications at the (pretended) network server, one for each kind of node,
// and their tenant.
const (
	ClairchenApplication = "clairchen"
	ERSApplication       = "ers"
	// LoRaWANApplication is that of sensors of any make. Its forwarder is not among the
	// services: whoever wants it calls NewForwarder.
	LoRaWANApplication = "lorawan"
	Tenant             = "ttn"
)

// MQTTUser is the name with which an application's forwarder enters the broker.
func MQTTUser(application string) string { return application + "@" + Tenant }

// Options are what a stack runs on.
type Options struct {
	Bin    string // folder with the binaries that tools/dev/build.sh makes
	LogDir string // takes one file per service
	// MediaDir takes the pictures, which managair and its worker share.
	MediaDir string
	// DatabaseURL is the connection string of the role that owns the database, and may make
	// the services' roles.
	DatabaseURL string
	// RedisURL is where Redis is, and RedisURLs for those services that have a user of
	// their own there, by its name (compose/redis.acl).
	RedisURL  string
	RedisURLs map[string]string
	MQTT      MQTT
	// ForwarderEnv are further settings of an application's forwarder, NAME=value.
	ForwarderEnv map[string][]string
	// Env are further settings of all services, NAME=value.
	Env []string
	// HTTPPort is managair's port; 0 chooses a free one.
	HTTPPort int
	// PublicURL is where the public finds managair; empty is its own address.
	PublicURL string
}

// MQTT says how to reach the broker.
type MQTT struct {
	URL string
	// CAFile has the certificates that the broker's is checked against; empty
	// without TLS.
	CAFile string
	// Passwords are those of the users named by MQTTUser; nil when all may enter.
	Passwords map[string]string
}

// Stack is the services of one installation.
type Stack struct {
	Ingestair, Managair, Worker      *server.Server
	ClairchenForwarder, ERSForwarder *server.Server
	options                          Options
	httpPort, ingestPort             int
	ingestToken                      string
	rolePassword                     string // of the services' roles at the database
}

// New prepares a stack; Start starts it.
func New(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o, httpPort: o.HTTPPort, ingestToken: rand.Text(), rolePassword: rand.Text()}
	var err error
	if s.httpPort == 0 {
		if s.httpPort, err = freeport.Find(ctx); err != nil {
			return nil, err
		}
	}
	if s.ingestPort, err = freeport.Find(ctx); err != nil {
		return nil, err
	}
	asManagair, err := s.database(schema.Managair)
	if err != nil {
		return nil, err
	}
	asIngestair, err := s.database(schema.Ingestair)
	if err != nil {
		return nil, err
	}
	media := []string{"MEDIA_FOLDER=" + o.MediaDir}
	s.Ingestair = s.service("ingestair", "ingestair", nil, asIngestair, s.redis("ingestair"), []string{
		"INGEST_ADDRESS=" + s.ingestAddress(), "INGEST_TOKEN=" + s.ingestToken,
	})
	s.Managair = server.NewService(server.ServiceOptions{
		Name: "managair", Path: filepath.Join(o.Bin, "managair"), Args: []string{"serve"}, LogFile: s.LogFile("managair"),
		Env: slices.Concat(asManagair, s.redis("managair"), media, []string{
			"LISTEN_ADDRESS=" + net.JoinHostPort(server.Host, strconv.Itoa(s.httpPort)), "PUBLIC_URL=" + o.PublicURL,
		}, o.Env),
		MoreEnv: s.others,
	})
	s.Worker = s.service("managair-worker", "managair", []string{"worker"}, asManagair, s.redis("worker"), media)
	s.ClairchenForwarder = s.NewForwarder(ClairchenApplication, "clairchen-forwarder")
	s.ERSForwarder = s.NewForwarder(ERSApplication, "ers-forwarder")
	return s, nil
}

// others tells managair where to ask how the other services are, for its admin
// pages: of those that have been started, the operations ports.
func (s *Stack) others() []string {
	var all []string
	for name, service := range map[string]*server.Server{
		"ingestair": s.Ingestair, "worker": s.Worker, "clairchen-forwarder": s.ClairchenForwarder, "ers-forwarder": s.ERSForwarder,
	} {
		if service.Port != 0 {
			all = append(all, name+"=http://"+service.Address())
		}
	}
	return []string{"SERVICES=" + strings.Join(all, ",")}
}

// NewForwarder prepares a forwarder for an application, beside the one that is
// there: a name of its own and further settings. Whoever starts it ends it.
func (s *Stack) NewForwarder(application, name string, env ...string) *server.Server {
	binary := map[string]string{
		ClairchenApplication: "clairchen-forwarder", ERSApplication: "ers-forwarder", LoRaWANApplication: "lorawan-forwarder",
	}[application]
	return s.service(name, binary, nil, s.redis(strings.ReplaceAll(binary, "-", "_")),
		s.forwarderEnv(application), s.options.ForwarderEnv[application], env)
}

// database tells a service where the database is, and has it log in with its role.
func (s *Stack) database(service schema.Service) ([]string, error) {
	u, err := url.Parse(s.options.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err)
	}
	u.User = url.UserPassword(service.Role(u.User.Username()), s.rolePassword)
	return []string{"DATABASE_URL=" + u.String()}, nil
}

// redis tells a service where Redis is.
func (s *Stack) redis(user string) []string {
	if url, ok := s.options.RedisURLs[user]; ok {
		return []string{"REDIS_URL=" + url}
	}
	return []string{"REDIS_URL=" + s.options.RedisURL}
}

func (s *Stack) service(name, binary string, args []string, env ...[]string) *server.Server {
	return server.NewService(server.ServiceOptions{
		Name: name, Path: filepath.Join(s.options.Bin, binary), Args: args,
		Env: slices.Concat(append(env, s.options.Env)...), LogFile: s.LogFile(name),
	})
}

func (s *Stack) forwarderEnv(application string) []string {
	user := MQTTUser(application)
	env := []string{
		"TTS_APPLICATION=" + application, "TTS_TENANT=" + Tenant,
		"MQTT_URL=" + s.options.MQTT.URL, "MQTT_USER=" + user,
		"INGESTAIR_ADDRESS=" + s.ingestAddress(), "INGEST_TOKEN=" + s.ingestToken,
	}
	if password := s.options.MQTT.Passwords[user]; password != "" {
		env = append(env, "MQTT_PASSWORD="+password)
	}
	if file := s.options.MQTT.CAFile; file != "" {
		env = append(env, "MQTT_CA_FILE="+file)
	}
	return env
}

func (s *Stack) ingestAddress() string {
	return net.JoinHostPort(server.Host, strconv.Itoa(s.ingestPort))
}

// URL is managair's address, without a slash at the end.
func (s *Stack) URL() string {
	return "http://" + net.JoinHostPort(server.Host, strconv.Itoa(s.httpPort))
}

// DatabaseURL is the connection string of the database's owner.
func (s *Stack) DatabaseURL() string { return s.options.DatabaseURL }

// LogFile is the path of a service's log.
func (s *Stack) LogFile(service string) string {
	return filepath.Join(s.options.LogDir, service+".log")
}

// Services are all of them in the order in which they start.
func (s *Stack) Services() []*server.Server {
	return []*server.Server{s.Ingestair, s.Worker, s.ClairchenForwarder, s.ERSForwarder, s.Managair}
}

// Start brings the database up to date and starts the services. After an error,
// Stop ends those that run.
func (s *Stack) Start(ctx context.Context) error {
	if err := s.Manage(ctx, "migrate"); err != nil {
		return err
	}
	for _, service := range s.Services() {
		if err := service.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the services in the opposite order, as an operator would. An exit code
// other than 0 is an error.
func (s *Stack) Stop(ctx context.Context) error {
	var problems []error
	for _, service := range slices.Backward(s.Services()) {
		problems = append(problems, service.Stop(ctx))
	}
	return errors.Join(problems...)
}

// Manage runs one of managair's commands for operators, as the database's owner, and waits for it.
func (s *Stack) Manage(ctx context.Context, args ...string) error {
	p, err := process.Start(process.Spec{
		Name: "managair", Path: filepath.Join(s.options.Bin, "managair"), Args: args,
		Env: append(s.redis("managair"), "DATABASE_URL="+s.options.DatabaseURL,
			"DB_MANAGAIR_PASSWORD="+s.rolePassword, "DB_INGESTAIR_PASSWORD="+s.rolePassword),
		LogFile: s.LogFile("managair-" + args[0]),
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		return context.Cause(ctx)
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("managair %s: %w\n%s", args[0], err, p.LogTail())
	}
	return nil
}
