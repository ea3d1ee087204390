package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // days are cut by the zone of the site, also where the machine has none

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/airfile"
)

func verdictCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{Use: "verdict", Short: "Check verdicts on the air of rooms"}
	cmd.AddCommand(verifyCommand(out))
	return cmd
}

// differsError says that a file is not what it says.
type differsError struct{ file string }

// Error names the file.
func (e differsError) Error() string { return e.file + " does not match" }

// uncheckedError says that anybody could have made the file.
type uncheckedError struct{ file string }

// Error says what was not checked.
func (e uncheckedError) Error() string {
	return e.file + " matches the samples, but its signature was NOT CHECKED: give --key"
}

func verifyCommand(out *output) *cobra.Command {
	var keys string
	var samples []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check the signature of an air file, and come to its verdict once more",
		Long: `Checks an air file: its signature with --key, and with --samples its hash and its
verdict, which are made anew from the export and compared to the last bit. Everything
else that it takes is in the file. Nothing is sent anywhere; only the keys are fetched,
where --key is an address.

--samples is what the API exports for programs: /api/v1/rooms/{id}/timeseries.csv, from
half an hour before the period to half an hour after it or more (the air file's
samples_url), or documents of /api/v1/installation-timeseries/{id}/. It may be given
several times.

--key is a JSON Web Key Set, or a JSON Web Key: a file, or the address of the instance
that you trust, as https://clair.example` + airfile.KeysPath + `. Do not take the address
from the file: whoever forges one writes their own into it.

Exit codes: 0 all that was asked for matches; 1 it could not be checked; 2 the command
line is wrong; 4 something does not match: another key, a changed file, other samples,
or another verdict; the output says which; 5 the samples match, but without --key the
signature was not checked, and anybody could have made the file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keys == "" && len(samples) == 0 {
				return usageError{errors.New("there is nothing to check by: give --key, --samples, or both")}
			}
			report, err := verifyFile(cmd.Context(), args[0], keys, samples)
			if err != nil {
				return err
			}
			if err := out.print(report, func(w io.Writer) { printReport(w, report) }); err != nil {
				return err
			}
			if report.Differs() {
				return differsError{args[0]}
			}
			if keys == "" {
				return uncheckedError{args[0]}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keys, "key", "", "public keys of the instance: a file, or an address")
	cmd.Flags().StringArrayVar(&samples, "samples", nil, "export of the samples, CSV or JSON; may be repeated")
	return cmd
}

func verifyFile(ctx context.Context, file, keys string, samples []string) (*airfile.Report, error) {
	text, err := readBounded(file, airfile.MaxBytes)
	if err != nil {
		return nil, err
	}
	document, err := airfile.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var known airfile.Keys
	if keys != "" {
		if known, err = readKeys(ctx, keys); err != nil {
			return nil, err
		}
	}
	export, err := readExports(samples)
	if err != nil {
		return nil, err
	}
	return document.Verify(known, export)
}

// readBounded reads a file that is not longer than that.
func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator's own choice
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, err
}

// readExports returns nil when there is none.
func readExports(names []string) (airfile.Export, error) {
	var all airfile.Export
	for _, name := range names {
		f, err := os.Open(name) //nolint:gosec // the operator's own choice
		if err != nil {
			return nil, err
		}
		one, err := airfile.ParseExport(f)
		_ = f.Close()
		if err == nil && all != nil {
			err = all.Add(one)
		} else if err == nil {
			all = one
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

const (
	// maxKeys is how long a set of keys may be.
	maxKeys = 1 << 20
	// keysTime is how long it may take to fetch them.
	keysTime = 30 * time.Second
)

func readKeys(ctx context.Context, from string) (airfile.Keys, error) {
	read := func() ([]byte, error) { return readBounded(from, maxKeys) }
	if address, err := url.Parse(from); err == nil && (address.Scheme == "https" || address.Scheme == "http") {
		read = func() ([]byte, error) { return fetchKeys(ctx, address) }
	}
	text, err := read()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return airfile.ParseKeys(text)
}

// secure refuses addresses at which anybody on the way could put in keys of their own.
func secure(address *url.URL) error {
	host := address.Hostname()
	if ip := net.ParseIP(host); address.Scheme == "https" || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: keys are fetched by https only", address)
}

func fetchKeys(ctx context.Context, address *url.URL) ([]byte, error) {
	if err := secure(address); err != nil {
		return nil, err
	}
	if strings.Trim(address.Path, "/") == "" {
		address = address.JoinPath(airfile.KeysPath)
	}
	ctx, cancel := context.WithTimeout(ctx, keysTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("too many redirects")
		}
		return secure(r.URL)
	}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxKeys))
}

func printReport(w io.Writer, r *airfile.Report) {
	words := map[airfile.Outcome]string{airfile.Matches: "matches", airfile.Differs: "DIFFERS", airfile.NotChecked: "not checked"}
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Of, words[c.Outcome], strings.Join(c.Details, "\n\t\t"))
	}
}
