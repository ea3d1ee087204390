package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// addCodec adds the flag --codec, with completion.
func addCodec(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "codec", "", "the sensor's codec: "+strings.Join(catalog.Names(), ", "))
	complete := cobra.FixedCompletions(catalog.Names(), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("codec", complete); err != nil {
		panic(err) // the flag was added above
	}
}

func findCodec(name string) (codec.Decoder, error) {
	d, err := catalog.Find(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("--codec: %w", err)}
	}
	return d, nil
}

// findCodecs returns the codecs of profiles, as --codec-by-profile has them.
func findCodecs(names map[string]string) (map[string]codec.Decoder, error) {
	byProfile := make(map[string]codec.Decoder, len(names))
	for profile, name := range names {
		d, err := catalog.Find(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--codec-by-profile: %s: %w", profile, err)}
		}
		byProfile[profile] = d
	}
	return byProfile, nil
}

// deviceEUIs reads device EUIs from the command line, or one a line from stdin when
// there are none.
func deviceEUIs(args []string, stdin io.Reader) ([]lorawan.EUI64, error) {
	if len(args) == 0 {
		lines := bufio.NewScanner(stdin)
		for lines.Scan() {
			if text := strings.TrimSpace(lines.Text()); text != "" {
				args = append(args, text)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	euis := make([]lorawan.EUI64, len(args))
	for i, arg := range args {
		var err error
		if euis[i], err = lorawan.ParseEUI64(arg); err != nil {
			return nil, usageError{err}
		}
	}
	return euis, nil
}

func deviceIDCommand(out *output) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "device-id [DEVICE-EUI...]",
		Short:   "Print the node ids of devices",
		Long:    "Prints the node ids of devices. Without arguments it reads device EUIs from the\nstandard input, one a line.",
		Example: "  clairctl device-id --codec clairchen 9876B600001193E0",
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := findCodec(name)
			if err != nil {
				return err
			}
			euis, err := deviceEUIs(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			type row struct {
				DevEUI lorawan.EUI64 `json:"dev_eui"`
				NodeID string        `json:"node_id"`
			}
			rows := make([]row, len(euis))
			for i, eui := range euis {
				rows[i] = row{eui, measurement.NodeID(d.Protocol(), eui).String()}
			}
			return out.print(rows, func(w io.Writer) {
				for _, r := range rows {
					fmt.Fprintf(w, "%s\t%s\n", r.DevEUI, r.NodeID)
				}
			})
		},
	}
	addCodec(cmd, &name)
	require(cmd, "codec")
	return cmd
}

type decoding struct {
	codec, rate, at string
	port            uint8
}

func decodeCommand(out *output) *cobra.Command {
	var o decoding
	cmd := &cobra.Command{
		Use:   "decode HEX | decode -",
		Short: "Decode a payload, or a network server's message",
		Long: `Decodes a payload given in hexadecimal digits. With - it reads a message of The
Things Stack v3 or ChirpStack v4 from the standard input.`,
		Example: `  clairctl decode --codec clairchen --data-rate SF9BW125 021BE41AE419E3
  clairctl decode --codec elsys - < uplink.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := findCodec(o.codec)
			if err != nil {
				return err
			}
			u, err := o.uplink(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			m, err := d.Decode(&u)
			if err != nil {
				return err
			}
			return out.print(decodedOf(d, &u, m), func(w io.Writer) {
				if u.DevEUI != 0 {
					fmt.Fprintf(w, "node %s\n", measurement.NodeID(d.Protocol(), u.DevEUI))
				}
				if m.BatteryMillivolts.Known {
					fmt.Fprintf(w, "battery %d mV\n", m.BatteryMillivolts.Value)
				}
				fmt.Fprintln(w, "TIME\tCO2 ppm\tTEMPERATURE °C\tHUMIDITY %")
				for _, s := range m.Samples {
					fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", s.Time.Format(time.RFC3339), s.CO2PPM, tenths(s.TemperatureDecicelsius), whole(s.RelHumidityPercent))
				}
				for _, r := range m.Readings {
					if q, ok := quantity.ByID(r.Quantity); ok {
						fmt.Fprintf(w, "%s\t%s %s\n", r.Time.Format(time.RFC3339), q.Name, q.Append(nil, int(r.Steps)))
					}
				}
			})
		},
	}
	addCodec(cmd, &o.codec)
	require(cmd, "codec")
	cmd.Flags().StringVar(&o.rate, "data-rate", "", "data rate of the uplink, for example SF9BW125; default: unknown")
	cmd.Flags().StringVar(&o.at, "at", "", "time of reception (RFC 3339); default: now")
	cmd.Flags().Uint8Var(&o.port, "port", 0, "frame port; 0 is unknown")
	return cmd
}

func (o *decoding) uplink(args []string, stdin io.Reader) (lorawan.Uplink, error) {
	if args[0] == "-" {
		message, err := io.ReadAll(stdin)
		if err != nil {
			return lorawan.Uplink{}, err
		}
		return parseMessage(message, time.Time{}) // it may be an old one
	}
	u := lorawan.Uplink{FPort: o.port, ReceivedAt: time.Now()}
	var err error
	if u.Payload, err = hex.DecodeString(strings.ReplaceAll(strings.Join(args, ""), " ", "")); err != nil {
		return u, usageError{fmt.Errorf("payload: %w", err)}
	}
	if o.rate != "" {
		if u.DataRate, err = lorawan.ParseDataRate(o.rate); err != nil {
			return u, usageError{fmt.Errorf("--data-rate: %w", err)}
		}
	}
	if o.at != "" {
		if u.ReceivedAt, err = time.Parse(time.RFC3339Nano, o.at); err != nil {
			return u, usageError{fmt.Errorf("--at: %w", err)}
		}
	}
	return u, nil
}

// parseMessage reads the message of whichever network server it is, that arrived at a time.
func parseMessage(message []byte, arrived time.Time) (lorawan.Uplink, error) {
	u, err := ttn.ParseUplink(message, arrived)
	if err == nil {
		return u, nil
	}
	if u, err := chirpstack.ParseUplink(message, arrived); err == nil {
		return u, nil
	}
	return u, err
}

// decoded is the form of an uplink for --json.
type decoded struct {
	NodeID            string    `json:"node_id,omitempty"`
	DevEUI            string    `json:"dev_eui,omitempty"`
	ReceivedAt        time.Time `json:"received_at"`
	BatteryMillivolts *int      `json:"battery_millivolts,omitempty"`
	Samples           []sample  `json:"samples"`
	Readings          []reading `json:"readings,omitempty"`
}

type reading struct {
	TimestampS int64       `json:"timestamp_s"`
	Quantity   string      `json:"quantity"`
	Value      json.Number `json:"value"`
}

type sample struct {
	TimestampS         int64    `json:"timestamp_s"`
	CO2PPM             int      `json:"co2_ppm"`
	TemperatureCelsius *float64 `json:"temperature_celsius,omitempty"`
	RelHumidityPercent *int     `json:"rel_humidity_percent,omitempty"`
}

func decodedOf(d codec.Decoder, u *lorawan.Uplink, m codec.Message) decoded {
	to := decoded{ReceivedAt: u.ReceivedAt.UTC(), Samples: []sample{}}
	if u.DevEUI != 0 {
		to.NodeID, to.DevEUI = measurement.NodeID(d.Protocol(), u.DevEUI).String(), u.DevEUI.String()
	}
	if m.BatteryMillivolts.Known {
		to.BatteryMillivolts = &m.BatteryMillivolts.Value
	}
	for _, s := range m.Samples {
		one := sample{TimestampS: s.Time.Unix(), CO2PPM: s.CO2PPM}
		if s.TemperatureDecicelsius.Known {
			one.TemperatureCelsius = new(float64(s.TemperatureDecicelsius.Value) / 10)
		}
		if s.RelHumidityPercent.Known {
			one.RelHumidityPercent = new(s.RelHumidityPercent.Value)
		}
		to.Samples = append(to.Samples, one)
	}
	for _, r := range m.Readings {
		if q, ok := quantity.ByID(r.Quantity); ok {
			to.Readings = append(to.Readings, reading{r.Time.Unix(), q.Name, json.Number(q.Append(nil, int(r.Steps)))})
		}
	}
	return to
}

// tenths writes a reading in tenths of a unit.
func tenths(r measurement.Reading) string {
	if !r.Known {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(r.Value)/10)
}

func whole(r measurement.Reading) string {
	if !r.Known {
		return "-"
	}
	return fmt.Sprint(r.Value)
}

func nfcConfigCommand(out *output) *cobra.Command {
	var joinEUI, keyFile, pngFile string
	cmd := &cobra.Command{
		Use:   "nfc-config --join-eui EUI --app-key-file FILE",
		Short: "Write the NFC text of a new ERS sensor, also as QR code",
		Long: `Writes the text that sets a new ERS sensor up by NFC, for the vendor's app. With
--png it is written as a QR code too. Text and picture hold the sensor's key.`,
		Example: "  clairctl nfc-config --join-eui 70B3D57ED0000000 --app-key-file key.txt --png sensor.png",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			eui, err := lorawan.ParseEUI64(joinEUI)
			if err != nil {
				return usageError{fmt.Errorf("--join-eui: %w", err)}
			}
			content, err := os.ReadFile(keyFile)
			if err != nil {
				return err
			}
			key, err := hex.DecodeString(strings.TrimSpace(string(content)))
			if err != nil || len(key) != 16 {
				return errors.New("the key file must have 32 hexadecimal digits")
			}
			text := elsys.NFC(eui, [16]byte(key))
			if pngFile != "" {
				if err := writeQR(pngFile, text); err != nil {
					return err
				}
			}
			return out.print(map[string]string{"text": text}, func(w io.Writer) { fmt.Fprintln(w, text) })
		},
	}
	cmd.Flags().StringVar(&joinEUI, "join-eui", "", "join EUI (formerly application EUI)")
	cmd.Flags().StringVar(&keyFile, "app-key-file", "", "file with the application key, 32 hexadecimal digits")
	cmd.Flags().StringVar(&pngFile, "png", "", "file to write the QR code to")
	require(cmd, "join-eui", "app-key-file")
	return cmd
}

func writeQR(path, text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("make the QR code: %w", err)
	}
	// It holds a key.
	return os.WriteFile(path, code.PNG(), 0o600)
}
