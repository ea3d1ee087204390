package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// kept chooses among the uplinks that were kept undecoded.
type kept struct {
	forwarder, device string
}

func uplinksCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "uplinks",
		Short: "Look at uplinks that could not be decoded, and decode them after all",
		Long: `Looks at uplinks that could not be decoded, and decodes them after all. It calls
the ingestair, which it finds by the environment, as the forwarders do:
INGESTAIR_ADDRESS, INGEST_TOKEN or INGEST_TOKEN_FILE.`,
	}
	var k kept
	cmd.PersistentFlags().StringVar(&k.forwarder, "forwarder", "", "only those of this service")
	cmd.PersistentFlags().StringVar(&k.device, "device", "", "only those of this device EUI")
	cmd.AddCommand(k.listCommand(out), k.redecodeCommand(out))
	return cmd
}

// each calls a function for pages of uplinks.
func (k *kept) each(ctx context.Context, client *ingestclient.Client, call func([]*ingestv1.KeptUplink) error) error {
	request := &ingestv1.ListUndecodedRequest{Forwarder: k.forwarder}
	if k.device != "" {
		eui, err := lorawan.ParseEUI64(k.device)
		if err != nil {
			return usageError{fmt.Errorf("--device: %w", err)}
		}
		request.DevEui = uint64(eui)
	}
	for {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		page, err := client.Service.ListUndecoded(ctx, request)
		cancel()
		if err != nil {
			return fmt.Errorf("list undecoded uplinks: %w", err)
		}
		uplinks := page.GetUplinks()
		if len(uplinks) == 0 {
			return nil
		}
		if err := call(uplinks); err != nil {
			return err
		}
		request.AfterId = uplinks[len(uplinks)-1].GetId()
	}
}

func dialIngestair() (*ingestclient.Client, error) {
	var cfg ingestclient.Config
	if err := config.FromOS().Load(&cfg); err != nil {
		return nil, usageError{err}
	}
	return ingestclient.New(cfg)
}

func (k *kept) listCommand(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List uplinks that could not be decoded",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := dialIngestair()
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			type row struct {
				ID        int64     `json:"id"`
				KeptAt    time.Time `json:"kept_at"`
				Forwarder string    `json:"forwarder"`
				DevEUI    string    `json:"dev_eui"`
				FPort     uint32    `json:"f_port"`
				Payload   string    `json:"payload"`
				Reason    string    `json:"reason"`
			}
			rows := []row{}
			err = k.each(cmd.Context(), client, func(page []*ingestv1.KeptUplink) error {
				for _, u := range page {
					m := u.GetUplink().GetMetadata()
					rows = append(rows, row{
						u.GetId(), u.GetKeptAt().AsTime(), u.GetUplink().GetForwarder(), lorawan.EUI64(m.GetDevEui()).String(),
						m.GetFPort(), fmt.Sprintf("%X", u.GetUplink().GetPayload()), u.GetUplink().GetReason(),
					})
				}
				return nil
			})
			if err != nil {
				return err
			}
			return out.print(rows, func(w io.Writer) {
				fmt.Fprintln(w, "ID\tKEPT AT\tFORWARDER\tDEVICE EUI\tPORT\tPAYLOAD\tREASON")
				for _, r := range rows {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", r.ID, r.KeptAt.Format(time.RFC3339), r.Forwarder, r.DevEUI, r.FPort, r.Payload, r.Reason)
				}
			})
		},
	}
}

// codecOfForwarder has the codecs of the services.
var codecOfForwarder = map[string]string{"clairchen-forwarder": "clairchen", "ers-forwarder": "elsys", "lorawan-forwarder": catalog.AnySensor}

// redecoding is what became of uplinks.
type redecoding struct {
	Decoded  int               `json:"decoded"`
	Failed   int               `json:"still_undecodable"`
	Partly   int               `json:"partly_decoded,omitempty"`       // what was read is stored
	Empty    int               `json:"without_measurements,omitempty"` // nothing in them was measured, as it seems
	Untaken  int               `json:"not_taken,omitempty"`            // the ingestair is of before, and knows no readings
	Outcomes map[string]int    `json:"samples"`
	Readings map[string]int    `json:"readings,omitempty"`
	codec    string            // for all; empty: by forwarder and profile
	profiles map[string]string // codecs by profile
	mappings string            // folder of those that an operator has beside ours
	dryRun   bool
	codecs   map[string]codec.Decoder // found before
}

func (k *kept) redecodeCommand(out *output) *cobra.Command {
	r := redecoding{Outcomes: map[string]int{}, Readings: map[string]int{}, codecs: map[string]codec.Decoder{}}
	cmd := &cobra.Command{
		Use:   "redecode",
		Short: "Decode kept uplinks with today's codecs, and store their samples",
		Long: `Decodes kept uplinks with today's codecs, stores their samples, and forgets the
uplinks that are stored. What still cannot be decoded stays; so do those of which
only a part was read, which is stored, those that have no measurements, and those with
readings where the ingestair is of a version that knows none: update it first. The
exit code is 3 when there is some of that.

What the lorawan-forwarder has kept is read as it reads uplinks, with --codec and
--codec-by-profile in the place of its CODEC_BY_PROFILE: the nodes are the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return err
			}
			client, err := dialIngestair()
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			progress := newProgress("uplinks tried")
			err = k.each(cmd.Context(), client, func(page []*ingestv1.KeptUplink) error {
				for _, u := range page {
					progress.add("")
					if err := r.one(cmd.Context(), client, u); err != nil {
						return err
					}
				}
				return nil
			})
			progress.end()
			if err != nil {
				return err
			}
			err = out.print(r, func(w io.Writer) {
				fmt.Fprintf(w, "decoded\t%d\nstill undecodable\t%d\n", r.Decoded, r.Failed)
				if r.Partly > 0 {
					fmt.Fprintf(w, "decoded only in part; they are kept\t%d\n", r.Partly)
				}
				if r.Empty > 0 {
					fmt.Fprintf(w, "without measurements; they are kept\t%d\n", r.Empty)
				}
				if r.Untaken > 0 {
					fmt.Fprintf(w, "not taken: the ingestair knows no readings, update it first\t%d\n", r.Untaken)
				}
				for _, outcome := range slices.Sorted(maps.Keys(r.Outcomes)) {
					fmt.Fprintf(w, "samples %s\t%d\n", outcome, r.Outcomes[outcome])
				}
				for _, outcome := range slices.Sorted(maps.Keys(r.Readings)) {
					fmt.Fprintf(w, "readings %s\t%d\n", outcome, r.Readings[outcome])
				}
			})
			left := r.Failed + r.Partly + r.Empty
			if all := left + r.Decoded; err == nil && left+r.Untaken > 0 {
				err = partlyError{left + r.Untaken, all}
			}
			return err
		},
	}
	addCodec(cmd, &r.codec)
	cmd.Flags().StringToStringVar(&r.profiles, "codec-by-profile", nil, "codecs of device profiles, as profile=codec")
	cmd.Flags().StringVar(&r.mappings, "mappings", "", "folder with mappings, as MAPPINGS_FOLDER of the lorawan-forwarder")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "decode, but store and forget nothing")
	return cmd
}

// check refuses codecs that there are not, though no uplink may need them, and reads the mappings.
func (r *redecoding) check() error {
	if r.codec != "" {
		if _, err := findCodec(r.codec); err != nil {
			return err
		}
	}
	if _, err := findCodecs(r.profiles); err != nil {
		return err
	}
	set, err := mapping.Load(r.mappings)
	if err != nil {
		return usageError{fmt.Errorf("--mappings: %w", err)}
	}
	// As in the service: a codec that was used itself would make other nodes.
	for profile, name := range r.profiles {
		if name != catalog.AnySensor {
			set.Assign(profile, name)
		}
	}
	if r.codec != "" && r.codec != catalog.AnySensor {
		set.AssignAll(r.codec)
	}
	if r.codecs[catalog.AnySensor], err = catalog.ForSensors(set); err != nil {
		return usageError{fmt.Errorf("--mappings: %w", err)}
	}
	return nil
}

// one decodes, stores and forgets one uplink.
func (r *redecoding) one(ctx context.Context, client *ingestclient.Client, kept *ingestv1.KeptUplink) error {
	u, err := parseMessage(kept.GetUplink().GetEnvelope(), kept.GetKeptAt().AsTime())
	if _, event := errors.AsType[*lorawan.OtherEvent](err); event || err == nil && u.Simulated {
		r.Decoded++ // older forwarders kept these, too; there is nothing in them
		return r.forget(ctx, client, kept)
	}
	if err != nil {
		r.Failed++
		return nil // it stays, and is counted
	}
	decoder, err := r.find(kept.GetUplink().GetForwarder(), u.Profile)
	if err != nil {
		return err
	}
	m, err := decoder.Decode(&u)
	if err != nil {
		r.Failed++
		return nil // it stays, and is counted
	}
	switch {
	case len(m.Samples)+len(m.Readings) == 0:
		r.Empty++
		return nil // it stays: a mapping that is wrong may say so, and nobody else has it
	case m.Unread != nil:
		r.Partly++
	default:
		r.Decoded++
	}
	if r.dryRun {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	response, err := client.Service.Store(ctx, &ingestv1.StoreRequest{
		Uplinks: []*ingestv1.Uplink{ingestclient.Uplink(&u, decoder, m, ingestv1.Source_SOURCE_REDECODED)},
	})
	if err != nil {
		return fmt.Errorf("store the samples of uplink %d: %w", kept.GetId(), err)
	}
	for _, o := range response.GetOutcomes() {
		r.Outcomes[ingestclient.OutcomeName(o)]++
	}
	for _, o := range response.GetReadingOutcomes() {
		r.Readings[ingestclient.OutcomeName(o)]++
	}
	if m.Unread != nil {
		return nil // it stays, for the rest
	}
	if len(response.GetReadingOutcomes()) < len(m.Readings) {
		r.Untaken++
		return nil // it stays: nobody else has them
	}
	return r.forget(ctx, client, kept)
}

func (r *redecoding) forget(ctx context.Context, client *ingestclient.Client, kept *ingestv1.KeptUplink) error {
	if r.dryRun {
		return nil
	}
	if _, err := client.Service.ForgetUndecoded(ctx, &ingestv1.ForgetUndecodedRequest{Ids: []int64{kept.GetId()}}); err != nil {
		return fmt.Errorf("forget uplink %d: %w", kept.GetId(), err)
	}
	return nil
}

// find chooses the codec as the forwarder would.
func (r *redecoding) find(forwarder, profile string) (codec.Decoder, error) {
	name := cmp.Or(r.codec, r.profiles[profile], codecOfForwarder[forwarder])
	if codecOfForwarder[forwarder] == catalog.AnySensor {
		name = catalog.AnySensor // which reads by what check has set
	}
	if name == "" {
		return nil, usageError{fmt.Errorf("there are uplinks of %q: say by which --codec they are read", forwarder)}
	}
	if d, ok := r.codecs[name]; ok {
		return d, nil
	}
	d, err := catalog.Find(name)
	if err != nil {
		return nil, usageError{err}
	}
	r.codecs[name] = d
	return d, nil
}
