package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"
	"golang.org/x/term"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

type registration struct {
	apiRoot, tokenFile, csvFile, codec string
	protocol, model, owner, alias      string
}

// newNode is a node to be registered.
type newNode struct {
	eui   lorawan.EUI64
	alias string
}

func registerNodeCommand(out *output) *cobra.Command {
	var o registration
	cmd := &cobra.Command{
		Use:   "register-node [DEVICE-EUI...]",
		Short: "Register nodes in the inventory",
		Long: `Registers nodes in the managair's inventory: those of the command line, or those
of a CSV file with the columns dev_eui and, if you like, alias or name. The file
from which The Things Stack imports devices is one; its keys stay where they are.
Without --token-file it asks for user name and password of an owner of the organization.
Model and organization are told by name or id, and may be left out where there is
only one; the protocol follows from the codec.
A node that is registered already counts as failed. The exit code is 3 when some
failed, and 1 when all did.`,
		Example: "  clairctl register-node --codec clairchen --model \"Clairchen Rot\" --owner \"My school\" --alias \"Room 12\" 9876B600001193E0",
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := findCodec(o.codec)
			if err != nil {
				return err
			}
			nodes, err := o.nodes(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			api := &managair{root: strings.TrimSuffix(o.apiRoot, "/") + "/", client: &http.Client{Timeout: time.Minute}}
			if err := o.login(cmd.Context(), api, cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
				return err
			}
			if err := o.find(cmd.Context(), api, d); err != nil {
				return err
			}
			return o.register(cmd.Context(), api, d, nodes, out, cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.apiRoot, "api-root", "http://localhost:8888/api/v1/", "root of the managair's API")
	f.StringVar(&o.tokenFile, "token-file", "", "file with an API token")
	f.StringVar(&o.csvFile, "csv", "", "file with the nodes")
	f.StringVar(&o.protocol, "protocol", "", "the nodes' protocol in the inventory, by identifier or id; default: the codec's")
	f.StringVar(&o.model, "model", "", "the nodes' model, by name or id; default: the only one")
	f.StringVar(&o.owner, "owner", "", "the organization that owns them, by name or id; default: the only one")
	f.StringVar(&o.alias, "alias", "", "alias of a single node; default: its device EUI")
	addCodec(cmd, &o.codec)
	require(cmd, "codec")
	return cmd
}

func (o *registration) nodes(args []string, stdin io.Reader) ([]newNode, error) {
	if o.csvFile != "" {
		if len(args) > 0 {
			return nil, usageError{errors.New("device EUIs and --csv exclude each other")}
		}
		file, err := os.Open(o.csvFile)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		return readNodes(file)
	}
	euis, err := deviceEUIs(args, stdin)
	if err != nil {
		return nil, err
	}
	if o.alias != "" && len(euis) != 1 {
		return nil, usageError{errors.New("--alias is for a single node")}
	}
	nodes := make([]newNode, len(euis))
	for i, eui := range euis {
		nodes[i] = newNode{eui, o.alias}
	}
	return nodes, nil
}

// readNodes reads CSV with the columns dev_eui and, if it has one, alias or name, in any order,
// with commas or semicolons between them. So it takes the file from which The Things Stack
// imports devices (https://www.thethingsindustries.com/docs, CSV File Reference), and reads no
// key in it.
func readNodes(r io.Reader) ([]newNode, error) {
	text, err := io.ReadAll(io.LimitReader(r, largestCSV+1))
	if err != nil {
		return nil, fmt.Errorf("read CSV: %w", err)
	}
	if len(text) > largestCSV {
		return nil, fmt.Errorf("read CSV: it has more than %d bytes", largestCSV)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // spreadsheets write it
	reader := csv.NewReader(bytes.NewReader(text))
	if header, _, _ := bytes.Cut(text, []byte("\n")); bytes.ContainsRune(header, ';') {
		reader.Comma = ';'
	}
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read CSV: %w", err)
	}
	if len(rows) == 0 {
		return nil, errors.New("read CSV: it is empty")
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	euiColumn, ok := column["dev_eui"]
	if !ok {
		return nil, errors.New("read CSV: the first line names no column dev_eui")
	}
	aliasColumn, hasAlias := column["alias"]
	if !hasAlias {
		aliasColumn, hasAlias = column["name"]
	}
	var nodes []newNode
	seen := map[lorawan.EUI64]int{}
	for i, row := range rows[1:] {
		eui, err := lorawan.ParseEUI64(strings.TrimSpace(row[euiColumn]))
		if err != nil {
			return nil, fmt.Errorf("read CSV: row %d, dev_eui: %w", i+2, err)
		}
		if before := seen[eui]; before != 0 {
			return nil, fmt.Errorf("read CSV: row %d, dev_eui: %s is in row %d, too", i+2, eui, before)
		}
		seen[eui] = i + 2
		n := newNode{eui: eui}
		if hasAlias {
			n.alias = strings.TrimSpace(row[aliasColumn])
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// largestCSV is enough for 100,000 devices with all that The Things Stack takes.
const largestCSV = 64 << 20

// login takes the token from the file, or gets one for a user's password.
func (o *registration) login(ctx context.Context, api *managair, in io.Reader, prompt io.Writer) error {
	if o.tokenFile != "" {
		token, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return err
		}
		api.token = strings.TrimSpace(string(token))
		return nil
	}
	user, err := askUser(prompt, in, "User name: ")
	if err != nil {
		return err
	}
	var password string
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(prompt)
		if err != nil {
			return err
		}
		password = string(typed)
	} else if password, err = askUser(prompt, in, "Password: "); err != nil {
		return err
	}
	answer, err := api.post(ctx, "auth/login/", map[string]any{"data": map[string]any{
		"type": "LoginView", "attributes": map[string]string{"username": user, "password": password},
	}})
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if api.token = gjson.GetBytes(answer, "data.attributes.key").String(); api.token == "" {
		return errors.New("log in: the answer has no key")
	}
	return nil
}

// find replaces names by the ids of what they name.
func (o *registration) find(ctx context.Context, api *managair, d codec.Decoder) (err error) {
	if o.protocol, err = api.choose(ctx, "protocol", "protocols/", o.protocol, func(r gjson.Result) bool {
		by, ok := catalog.ForProtocol(r.Get("attributes.identifier").String())
		return ok && by.Protocol() == d.Protocol()
	}, "identifier"); err != nil {
		return err
	}
	every := func(gjson.Result) bool { return true }
	if o.model, err = api.choose(ctx, "model", "models/", o.model, every, "name", "trade_name"); err != nil {
		return err
	}
	o.owner, err = api.choose(ctx, "owner", "organizations/", o.owner, every, "name")
	return err
}

func (o *registration) register(ctx context.Context, api *managair, d codec.Decoder, nodes []newNode, out *output, complaints io.Writer) error {
	type row struct {
		DevEUI lorawan.EUI64 `json:"dev_eui"`
		NodeID string        `json:"node_id"`
		Error  string        `json:"error,omitempty"`
	}
	rows, failed := []row{}, 0
	progress := newProgress("nodes registered")
	for _, n := range nodes {
		r := row{DevEUI: n.eui, NodeID: measurement.NodeID(d.Protocol(), n.eui).String()}
		if n.alias == "" {
			n.alias = n.eui.String()
		}
		related := func(kind, id string) any {
			return map[string]any{"data": map[string]string{"type": kind, "id": id}}
		}
		_, err := api.post(ctx, "nodes/", map[string]any{"data": map[string]any{
			"type": "Node", "id": r.NodeID,
			"attributes": map[string]string{"eui64": n.eui.String(), "alias": n.alias},
			"relationships": map[string]any{
				"protocol": related("Protocol", o.protocol), "model": related("Model", o.model), "owner": related("Organization", o.owner),
			},
		}})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			r.Error = err.Error()
			fmt.Fprintf(complaints, "node %s: %v\n", n.eui, err)
		} else {
			progress.add(n.eui.String())
		}
		rows = append(rows, r)
	}
	progress.end()
	err := out.print(rows, func(w io.Writer) {
		for _, r := range rows {
			if r.Error == "" {
				fmt.Fprintf(w, "%s\t%s\n", r.DevEUI, r.NodeID)
			}
		}
	})
	switch {
	case err != nil:
		return err
	case failed > 0 && failed == len(nodes):
		return errors.New("no node was registered")
	case failed > 0:
		return partlyError{failed, len(nodes)}
	}
	return nil
}

// managair calls the HTTP API.
type managair struct {
	root, token string
	client      *http.Client
}

// choose returns the id of the resource that has a name in one of some attributes, or has
// it as its id. Without a name it is the only one of those that count.
func (m *managair) choose(ctx context.Context, flag, path, name string, counts func(gjson.Result) bool, attributes ...string) (string, error) {
	answer, err := m.do(ctx, http.MethodGet, path+"?page%5Bsize%5D=1000", nil)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	var there []string // the names of those that count
	var found []string // ids
	for _, r := range gjson.GetBytes(answer, "data").Array() {
		id := r.Get("id").String()
		called := false
		for _, attribute := range attributes {
			called = called || strings.EqualFold(r.Get("attributes."+attribute).String(), name)
		}
		switch {
		case name != "" && id == name:
			return id, nil
		case name != "" && called || name == "" && counts(r):
			found = append(found, id)
		}
		if counts(r) {
			there = append(there, fmt.Sprintf("%q", r.Get("attributes."+attributes[0]).String()))
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(there) == 0:
		return "", fmt.Errorf("--%s: there is none in the inventory; an administrator adds it in the admin pages", flag)
	case len(found) > 1:
		return "", usageError{fmt.Errorf("--%s: there are several: choose one of %s, or an id", flag, strings.Join(there, ", "))}
	default:
		return "", usageError{fmt.Errorf("--%s: %q is not there: choose one of %s", flag, name, strings.Join(there, ", "))}
	}
}

// post sends a document and returns the answer's.
func (m *managair) post(ctx context.Context, path string, document any) ([]byte, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	return m.do(ctx, http.MethodPost, path, body)
}

func (m *managair) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.root+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Language", "en") // as all that this command says
	req.Header.Set("Content-Type", jsonapi.MediaType)
	req.Header.Set("Accept", jsonapi.MediaType)
	if m.token != "" {
		req.Header.Set("Authorization", "Token "+m.token)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	const largest = 8 << 20
	answer, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		var details []string
		for _, e := range gjson.GetBytes(answer, "errors").Array() {
			details = append(details, strings.TrimSpace(e.Get("source.pointer").String()+" "+e.Get("detail").String()))
		}
		return nil, fmt.Errorf("%s: %s", resp.Status, strings.Join(details, "; "))
	}
	return answer, nil
}
