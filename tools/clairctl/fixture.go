package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// fixtureWriter writes samples as a fixture that loaddata reads. It does so one by
// one: a fixture may have millions.
type fixtureWriter struct {
	w     *bufio.Writer
	count int
}

type fixtureFields struct {
	Node               string  `json:"node"`
	TimestampS         int64   `json:"timestamp_s"`
	CO2PPM             int     `json:"co2_ppm"`
	TemperatureCelsius *string `json:"temperature_celsius"`
	RelHumidityPercent *int    `json:"rel_humidity_percent"`
	MeasurementStatus  string  `json:"measurement_status"`
}

func newFixtureWriter(w io.Writer) *fixtureWriter { return &fixtureWriter{w: bufio.NewWriter(w)} }

func (f *fixtureWriter) add(node uuid.UUID, s measurement.Sample) error {
	fields := fixtureFields{Node: node.String(), TimestampS: s.Time.Unix(), CO2PPM: s.CO2PPM, MeasurementStatus: string(rune(s.Status))}
	if s.TemperatureDecicelsius.Known {
		fields.TemperatureCelsius = new(tenths(s.TemperatureDecicelsius))
	}
	if s.RelHumidityPercent.Known {
		fields.RelHumidityPercent = &s.RelHumidityPercent.Value
	}
	f.count++
	encoded, err := json.MarshalIndent(map[string]any{"model": "core.sample", "pk": f.count, "fields": fields}, "    ", "    ")
	if err != nil {
		return err
	}
	separator := ",\n    "
	if f.count == 1 {
		separator = "[\n    "
	}
	_, _ = f.w.WriteString(separator) // a failure comes back with the flush
	_, err = f.w.Write(encoded)
	return err
}

func (f *fixtureWriter) end() error {
	if f.count == 0 {
		_, _ = f.w.WriteString("[")
	}
	_, _ = f.w.WriteString("\n]\n")
	return f.w.Flush()
}

type storageFixtures struct {
	application, keyFile, url, codec, after, last string
	profiles                                      map[string]string
}

func storageFixturesCommand() *cobra.Command {
	var o storageFixtures
	cmd := &cobra.Command{
		Use:   "storage-fixtures",
		Short: "Make a fixture of samples from the Storage Integration",
		Long: `Reads the uplinks that The Things Stack's Storage Integration keeps, decodes them,
and writes their samples as a fixture for loaddata to the standard output.
The exit code is 3 when some could not be decoded.`,
		Example: "  clairctl storage-fixtures --application clair-ers --key-file key.txt --codec elsys --last 24h > samples.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.application, "application", "", "application id")
	f.StringVar(&o.keyFile, "key-file", "", "file with the application's API key")
	f.StringVar(&o.url, "url", "https://eu1.cloud.thethings.network", "The Things Stack")
	f.StringVar(&o.after, "after", "", "only uplinks received after this time (RFC 3339)")
	f.StringVar(&o.last, "last", "24h", "only uplinks of the last so long, for example 12h or 30d")
	f.StringToStringVar(&o.profiles, "codec-by-profile", nil, "codecs of device profiles, as brand/model=codec")
	addCodec(cmd, &o.codec)
	require(cmd, "application", "key-file", "codec")
	cmd.MarkFlagsMutuallyExclusive("after", "last")
	return cmd
}

// decoders returns those by profile, and that of all others.
func (o *storageFixtures) decoders() (byProfile map[string]codec.Decoder, standard codec.Decoder, err error) {
	if byProfile, err = findCodecs(o.profiles); err != nil {
		return nil, nil, err
	}
	standard, err = findCodec(o.codec)
	return byProfile, standard, err
}

// from returns when the uplinks begin.
func (o *storageFixtures) from(now time.Time) (time.Time, error) {
	span, err := parseSpan(o.last)
	if err != nil {
		return now, usageError{fmt.Errorf("--last: %w", err)}
	}
	if o.after == "" {
		return now.Add(-span), nil
	}
	after, err := time.Parse(time.RFC3339, o.after)
	if err != nil {
		return now, usageError{fmt.Errorf("--after: %w", err)}
	}
	return after, nil
}

func (o *storageFixtures) run(ctx context.Context, out, complaints io.Writer) error {
	codecs, standard, err := o.decoders()
	if err != nil {
		return err
	}
	now := time.Now()
	after, err := o.from(now)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(o.keyFile)
	if err != nil {
		return err
	}
	storage := ttn.Storage{
		URL: strings.TrimSuffix(o.url, "/"), Application: o.application,
		Key: config.NewSecret(strings.TrimSpace(string(key))), Client: &http.Client{Timeout: 5 * time.Minute},
	}
	fixture := newFixtureWriter(out)
	progress := newProgress("uplinks read")
	failed, all := 0, 0
	for message, err := range storage.Uplinks(ctx, after, now) {
		if err != nil {
			return err
		}
		all++
		u, err := ttn.ParseUplink(message, time.Time{})
		progress.add(u.ReceivedAt.Format(time.RFC3339))
		var m codec.Message
		d := cmp.Or[codec.Decoder](codecs[u.Profile], standard)
		if err == nil {
			m, err = d.Decode(&u)
		}
		if err != nil {
			failed++
			fmt.Fprintf(complaints, "uplink %d of device %s: %v\n", u.FCnt, u.DevEUI, err)
			continue
		}
		for _, s := range m.Samples {
			if err := fixture.add(measurement.NodeID(d.Protocol(), u.DevEUI), s); err != nil {
				return err
			}
		}
	}
	progress.end()
	if err := fixture.end(); err != nil {
		return err
	}
	if failed > 0 {
		return partlyError{failed, all}
	}
	return nil
}

func sampleDumpCommand() *cobra.Command {
	var mapFile string
	cmd := &cobra.Command{
		Use:   "sampledump2fixture --map FILE [DUMP]",
		Short: "Make a fixture of a dump of the first ingestair's MongoDB",
		Long: `Reads a mongoexport of the first ingestair's samples, one JSON document a line, from
a file or the standard input, and writes a fixture for loaddata to the standard
output. The first ingestair made node ids of the text of the device EUI; the map
says which nodes they are. Each of its lines is one of

  PROTOCOL DEVICE-EUI      for example CLAIRCHEN 9876B600001193E0
  OLD-NODE-ID NEW-NODE-ID

The exit code is 3 when there are samples of nodes that it does not have.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			nodes, err := readNodeMap(mapFile)
			if err != nil {
				return err
			}
			in := cmd.InOrStdin()
			if len(args) == 1 {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer func() { _ = file.Close() }()
				in = file
			}
			return convertDump(in, nodes, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&mapFile, "map", "", "file that maps old node ids")
	require(cmd, "map")
	return cmd
}

func readNodeMap(path string) (map[uuid.UUID]uuid.UUID, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	nodes := map[uuid.UUID]uuid.UUID{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(strings.ReplaceAll(text, ",", " "))
		if len(fields) == 0 {
			continue
		}
		before, after, err := idsOf(fields)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
		nodes[before] = after
	}
	return nodes, lines.Err()
}

func idsOf(fields []string) (before, after uuid.UUID, err error) {
	if len(fields) != 2 {
		return before, after, errors.New("want two words")
	}
	if before, err = uuid.Parse(fields[0]); err == nil {
		after, err = uuid.Parse(fields[1])
		return before, after, err
	}
	euis, err := deviceEUIs(fields[1:], nil)
	if err != nil {
		return before, after, err
	}
	protocol := fields[0]
	digest := sha256.Sum256([]byte(protocol + euis[0].String()))
	return uuid.UUID(digest[:16]), measurement.NodeID(protocol, euis[0]), nil
}

func convertDump(in io.Reader, nodes map[uuid.UUID]uuid.UUID, out, complaints io.Writer) error {
	const longestLine = 1 << 20
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	fixture := newFixtureWriter(out)
	progress := newProgress("samples read")
	unknown, all := map[uuid.UUID]int{}, 0
	for number := 1; lines.Scan(); number++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		old, s, err := dumpedSample(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		all++
		progress.add("")
		node, ok := nodes[old]
		if !ok {
			unknown[old]++
			continue
		}
		if err := fixture.add(node, s); err != nil {
			return err
		}
	}
	progress.end()
	if err := errors.Join(lines.Err(), fixture.end()); err != nil {
		return err
	}
	failed := 0
	for old, n := range unknown {
		failed += n
		fmt.Fprintf(complaints, "node %s is not in the map: %d samples left out\n", old, n)
	}
	if failed > 0 {
		return partlyError{failed, all}
	}
	return nil
}

// dumpedSample reads a document in MongoDB's extended JSON.
func dumpedSample(line []byte) (node uuid.UUID, s measurement.Sample, err error) {
	if !gjson.ValidBytes(line) {
		return node, s, errors.New("not JSON")
	}
	d := gjson.ParseBytes(line)
	raw, err := base64.StdEncoding.DecodeString(d.Get("node_ref.$binary.base64").String())
	if err != nil || len(raw) != len(node) {
		return node, s, errors.New("node_ref is no UUID")
	}
	seconds, err := strconv.ParseInt(number(d.Get("timestamp_s")), 10, 64)
	if err != nil {
		return node, s, fmt.Errorf("timestamp_s: %w", err)
	}
	co2, err := strconv.Atoi(number(d.Get("co2_ppm")))
	if err != nil {
		return node, s, fmt.Errorf("co2_ppm: %w", err)
	}
	s = measurement.Sample{Time: time.Unix(seconds, 0).UTC(), CO2PPM: co2, Status: measurement.Measured}
	if t := number(d.Get("temperature_celsius")); t != "" {
		degrees, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return node, s, fmt.Errorf("temperature_celsius: %w", err)
		}
		s.TemperatureDecicelsius = measurement.Known(int(math.Round(degrees * 10)))
	}
	if h := number(d.Get("rel_humidity_percent")); h != "" {
		percent, err := strconv.ParseFloat(h, 64)
		if err != nil {
			return node, s, fmt.Errorf("rel_humidity_percent: %w", err)
		}
		s.RelHumidityPercent = measurement.Known(int(math.Round(percent)))
	}
	return uuid.UUID(raw), s, nil
}

// number returns the digits of {"$numberLong":"1"}, {"$numberInt":"1"},
// {"$numberDouble":"1.5"} or 1.
func number(v gjson.Result) string {
	if !v.IsObject() {
		return v.String()
	}
	for _, kind := range []string{"$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"} {
		if n := v.Get(kind); n.Exists() {
			return n.String()
		}
	}
	return ""
}
