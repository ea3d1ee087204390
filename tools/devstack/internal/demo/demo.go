// Package demo runs the whole stack on one machine, with an example organization,
// simulated nodes and a past, until it is interrupted.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/embedded"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/frontdoor"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
)

// Options are choices for a demo.
type Options struct {
	Project string // folder of the project
	Bin     string // folder of the binaries
	Days    int    // how much past the example has at first
	Out     io.Writer
}

// The ports that are taken when nobody else has them.
const (
	httpPort     = 8080
	managairPort = 8888
	mqttPort     = 1883
	postgresPort = 15432
	redisPort    = 16379
)

// Run runs a demo until ctx ends. It ends everything that it started.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := stateDir(o.Project)
	if err != nil {
		return err
	}
	release, err := occupy(dir)
	if err != nil {
		return err
	}
	defer release()
	d := &demo{Options: o, dir: dir, begun: time.Now()}
	defer func() {
		d.say("\nEnding.")
		// What runs is ended in the opposite order, however far we came. ctx has
		// ended by then.
		err = errors.Join(err, d.end(context.WithoutCancel(ctx)))
	}()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted while starting
		}
		return err
	}
	d.tell()
	return d.live(ctx)
}

type demo struct {
	Options

	dir      string
	begun    time.Time
	stack    *stack.Stack
	postgres *server.Postgres
	redisURL string
	url      string // of the web server
	broker   *embedded.Broker
	client   mqtt.Client

	nodes   []*simulate.Node
	rooms   map[*simulate.Node]string
	example *inventory.Organization
	ids     inventory.IDs
	fixture []byte
	latest  map[*simulate.Node]simulate.Uplink // of the past

	ends []func(context.Context) error // in the order of starting
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.Out, format+"\n", args...) }

func (d *demo) atEnd(end func(context.Context) error) { d.ends = append(d.ends, end) }

func (d *demo) end(ctx context.Context) error {
	var problems []error
	for _, end := range slices.Backward(d.ends) {
		problems = append(problems, end(ctx))
	}
	return errors.Join(problems...)
}

func (d *demo) file(name string) string { return filepath.Join(d.dir, name) }

// step runs one step of starting, and tells it with its duration.
func (d *demo) step(name string, do func() (note string, err error)) error {
	begun := time.Now()
	note, err := do()
	if err != nil {
		return err
	}
	d.say("  %-22s %5.1f s  %s", name, time.Since(begun).Seconds(), note)
	return nil
}

// port returns the preferred port or, telling so, another one.
func (d *demo) port(ctx context.Context, what string, preferred int) (int, error) {
	port, err := server.PreferPort(ctx, preferred)
	if err == nil && port != preferred {
		d.say("  Port %d is in use: %s takes %d.", preferred, what, port)
	}
	return port, err
}

func (d *demo) start(ctx context.Context) error {
	berlin, err := time.LoadLocation(place)
	if err != nil {
		return err
	}
	since := time.Now().AddDate(0, 0, -d.Days).Truncate(time.Hour)
	d.nodes = simulate.Nodes(nodes, berlin)
	d.example, d.rooms = example(d.nodes, since)
	if d.fixture, d.ids, err = inventory.Fixture(d.example); err != nil {
		return err
	}
	d.say("Starting the Clair Stack; Ctrl-C ends it. Data and logs are in %s.", d.dir)
	if d.dir != filepath.Join(d.Project, ".devstack") {
		d.say("  (The user that PostgreSQL runs as cannot reach %s.)", d.Project)
	}
	if err := os.MkdirAll(d.file("log"), 0o700); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		do   func() (string, error)
	}{
		{"PostgreSQL", func() (string, error) { return d.startPostgres(ctx) }},
		{"Redis", func() (string, error) { return d.startRedis(ctx) }},
		{"MQTT broker", func() (string, error) { return d.startBroker(ctx) }},
		{"Services", func() (string, error) { return d.startServices(ctx) }},
		{"Web server", func() (string, error) { return d.startFrontdoor(ctx) }},
		{"Example organization", func() (string, error) { return d.loadExample(ctx) }},
		{"Past", func() (string, error) { return d.loadPast(ctx, since) }},
	} {
		if err := d.step(s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) startPostgres(ctx context.Context) (string, error) {
	port, err := d.port(ctx, "PostgreSQL", postgresPort)
	if err != nil {
		return "", err
	}
	d.postgres, err = server.NewPostgres(server.PostgresOptions{Dir: d.file("postgres"), Port: port, Durable: true})
	if err != nil {
		return "", err
	}
	if err := d.postgres.Start(ctx); err != nil {
		return "", err
	}
	d.atEnd(d.postgres.Stop)
	return "", nil
}

func (d *demo) startRedis(ctx context.Context) (string, error) {
	port, err := d.port(ctx, "Redis", redisPort)
	if err != nil {
		return "", err
	}
	redis, err := server.NewRedis(server.RedisOptions{Dir: d.file("redis"), Port: port, Durable: true})
	if errors.Is(err, server.ErrNotInstalled) {
		standIn, err := embedded.StartRedis(net.JoinHostPort(server.Host, strconv.Itoa(port)))
		if err != nil {
			return "", err
		}
		d.redisURL = standIn.URL()
		d.atEnd(func(context.Context) error { standIn.Stop(); return nil })
		return "redis-server is not installed: embedded", nil
	}
	if err == nil {
		err = redis.Start(ctx)
	}
	if err != nil {
		return "", err
	}
	d.redisURL = redis.URL()
	d.atEnd(redis.Stop)
	return "", nil
}

func (d *demo) startBroker(ctx context.Context) (string, error) {
	port, err := d.port(ctx, "the MQTT broker", mqttPort)
	if err != nil {
		return "", err
	}
	logFile, err := os.OpenFile(d.file("log/broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	d.atEnd(func(context.Context) error { return logFile.Close() })
	d.broker, err = embedded.StartBroker(net.JoinHostPort(server.Host, strconv.Itoa(port)),
		slog.New(slog.NewTextHandler(logFile, nil)))
	if err != nil {
		return "", err
	}
	d.atEnd(func(context.Context) error { return d.broker.Stop() })
	return "embedded", nil
}

func (d *demo) startServices(ctx context.Context) (string, error) {
	const databasePassword = "clair" // as in PostgreSQL's URL, which we print
	database, err := d.postgres.Database(ctx, "clair", databasePassword)
	if err != nil {
		return "", err
	}
	webPort, err := d.port(ctx, "the web server", httpPort)
	if err != nil {
		return "", err
	}
	d.url = "http://" + net.JoinHostPort(server.Host, strconv.Itoa(webPort))
	port, err := d.port(ctx, "managair", managairPort)
	if err != nil {
		return "", err
	}
	d.stack, err = stack.New(ctx, stack.Options{
		Bin: d.Bin, LogDir: d.file("log"), MediaDir: d.file("media"), DatabaseURL: database, RedisURL: d.redisURL,
		MQTT: stack.MQTT{URL: d.broker.URL()}, HTTPPort: port, PublicURL: d.url,
	})
	if err != nil {
		return "", err
	}
	d.atEnd(d.stack.Stop)
	if err := d.stack.Start(ctx); err != nil {
		return "", err
	}
	names := make([]string, 0, len(d.stack.Services()))
	for _, s := range d.stack.Services() {
		names = append(names, s.Name())
	}
	return strings.Join(names, ", "), nil
}

// startFrontdoor serves the pages, if they could be built, and managair as one origin.
func (d *demo) startFrontdoor(ctx context.Context) (note string, err error) {
	dist := filepath.Join(d.Project, "services/static-frontend/dist")
	if _, err := os.Stat(filepath.Join(dist, "index.html")); err != nil {
		dist, note = "", "without the web frontend, which needs Node.js to be built"
	}
	managair, err := url.Parse(d.stack.URL())
	if err != nil {
		return "", err
	}
	door, err := frontdoor.New(dist, managair)
	if err != nil {
		return "", err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		return "", err
	}
	const patience = 10 * time.Second
	web := &http.Server{Handler: door, ReadHeaderTimeout: patience}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	d.atEnd(func(context.Context) error {
		// Not Shutdown: a browser that follows live values would hold it up.
		_ = web.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return note, nil
}

// loadExample loads the example once; what was changed since is kept.
func (d *demo) loadExample(ctx context.Context) (string, error) {
	loaded := d.file("example.json")
	if _, err := os.Stat(loaded); err == nil {
		return "there already; make demo-reset drops it", nil
	}
	loading := d.file("example.new.json")
	if err := os.WriteFile(loading, d.fixture, 0o600); err != nil {
		return "", err
	}
	if err := d.stack.Manage(ctx, "loaddata", loading); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d sites, %d rooms", len(d.example.Sites), len(d.ids.Rooms)), os.Rename(loading, loaded)
}

func (d *demo) publishing(from time.Time) simulate.Publishing {
	return simulate.Publishing{
		From: from, QoS: 1,
		Applications: map[simulate.Model]ttn.Application{
			simulate.Clairchen: {ID: stack.ClairchenApplication, Tenant: stack.Tenant},
			simulate.ERS:       {ID: stack.ERSApplication, Tenant: stack.Tenant},
		},
	}
}

// loadPast lets the nodes send what they measured until now, through the whole
// stack. That goes on where an earlier demo ended; overlapping is harmless.
func (d *demo) loadPast(ctx context.Context, since time.Time) (string, error) {
	d.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker(d.broker.URL()).SetClientID("network-server"))
	connected := d.client.Connect()
	select {
	case <-connected.Done():
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if err := connected.Error(); err != nil {
		return "", err
	}
	d.atEnd(func(context.Context) error { d.client.Disconnect(0); return nil })

	if until, err := d.simulatedUntil(); err == nil && until.After(since) {
		since = until
	}
	now := time.Now()
	samples := 0
	d.latest = map[*simulate.Node]simulate.Uplink{}
	p := d.publishing(since)
	p.CatchUp = true
	p.Progress = func(u simulate.Uplink) {
		if m, err := u.Node.Decoder().Decode(&u.Uplink); err == nil {
			samples += len(m.Samples)
		}
		d.latest[u.Node] = u
	}
	if err := simulate.Publish(ctx, d.client, d.nodes, p); err != nil {
		return "", err
	}
	if err := d.waitForSamples(ctx, samples); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d samples since %s", samples, since.Format("2 January 15:04")), d.setSimulatedUntil(now)
}

// waitForSamples waits until the ingestair has answered for so many samples.
func (d *demo) waitForSamples(ctx context.Context, want int) error {
	const (
		pause    = 50 * time.Millisecond
		patience = 15 * time.Second
	)
	last, lastMove := 0.0, time.Now()
	for {
		m, err := stack.ReadMetrics(ctx, d.stack.Ingestair)
		if err != nil {
			return err
		}
		got := m.Sum("ingestair_samples_total")
		if got >= float64(want) {
			return nil
		}
		if got > last {
			last, lastMove = got, time.Now()
		}
		if time.Since(lastMove) > patience {
			d.say("  Only %.0f of %d samples came through; %s tells more.", got, want, d.file("log"))
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// overlap is longer than any node takes to fill a message.
const overlap = 2 * time.Hour

// simulatedUntil is from when on uplinks may be missing.
func (d *demo) simulatedUntil() (time.Time, error) {
	text, err := os.ReadFile(d.file("simulated-until"))
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
}

func (d *demo) setSimulatedUntil(t time.Time) error {
	return os.WriteFile(d.file("simulated-until"), []byte(t.Add(-overlap).UTC().Format(time.RFC3339)+"\n"), 0o600)
}

// tell prints what runs where.
func (d *demo) tell() {
	d.say("\nThe stack is up after %.0f s.\n", time.Since(d.begun).Seconds())
	w := tabwriter.NewWriter(d.Out, 0, 0, 2, ' ', 0)
	row := func(what, where string) { _, _ = fmt.Fprintf(w, "  %s\t%s\n", what, where) }
	room := d.example.Sites[0].Rooms[0]
	row("Web", d.url+"/")
	row("public page of "+room.Name, fmt.Sprintf("%s/rooms/%d", d.url, d.ids.Rooms[room.Name]))
	row("operators' dashboard", d.url+"/dashboard")
	row("log in", d.url+"/accounts/login/")
	row("admin pages", d.url+"/admin/")
	// No mail server is there that could deliver them.
	row("mails, for the admin", d.url+"/admin/kept_mail/")
	row("API", d.url+"/api/v1/")
	row(room.Name+" in the API", fmt.Sprintf("%s/api/v1/rooms/%d/", d.url, d.ids.Rooms[room.Name]))
	row("its samples", fmt.Sprintf("%s/api/v1/installations/%d/?include_timeseries=1",
		d.url, d.ids.Installations[room.Nodes[0].DevEUI]))
	row("MQTT broker", d.broker.URL())
	row("PostgreSQL", d.stack.DatabaseURL())
	row("Redis", d.redisURL)
	for _, s := range d.stack.Services() {
		row(s.Name(), stack.MetricsURL(s))
	}
	_ = w.Flush()
	d.say("\nAccounts: %s (owner), %s (inspector), %s (everything); the password is %s.", operator, inspector, admin, password)
	d.say("\nWhat the nodes send, each every few minutes. Ctrl-C ends the demo, make demo-reset drops its data.")
	latest := slices.Collect(maps.Values(d.latest))
	slices.SortFunc(latest, func(a, b simulate.Uplink) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	for _, u := range latest {
		d.showUplink(u)
	}
}

// live lets the nodes send in real time until ctx ends or a service does.
func (d *demo) live(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, s := range d.stack.Services() {
		ended := s.Ended()
		go func() {
			select {
			case <-ended:
				cancel(fmt.Errorf("%s ended:\n%s", s.Name(), s.LogTail()))
			case <-ctx.Done():
			}
		}()
	}
	p := d.publishing(time.Now())
	p.Progress = d.showUplink
	err := simulate.Publish(ctx, d.client, d.nodes, p)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, d.setSimulatedUntil(time.Now()))
}

// showUplink prints the newest sample of an uplink.
func (d *demo) showUplink(u simulate.Uplink) {
	m, err := u.Node.Decoder().Decode(&u.Uplink)
	if err != nil || len(m.Samples) == 0 {
		return
	}
	s := m.Samples[len(m.Samples)-1]
	d.say("  %s  %-18s %5d ppm  %4.1f °C  %3d %%  %s", s.Time.Local().Format(time.TimeOnly), d.rooms[u.Node], s.CO2PPM,
		float64(s.TemperatureDecicelsius.Value)/10, s.RelHumidityPercent.Value, u.DataRate)
}
