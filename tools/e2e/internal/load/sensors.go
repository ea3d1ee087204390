package load

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// sensors are simulated nodes, whose past is played, and what they have sent.
type sensors struct {
	broker  string   // address that uplinks are published to
	hook    *webhook // that those of the last nodes are posted to; nil: all are published
	nodes   []*simulate.Node
	from    time.Time // since when they measure
	played  time.Time // until when they have been played
	running *uplinks
	sent    map[sampleKey]bool
}

// Some nodes come by the webhook alone, where there is one: what is published as well would
// not be missed.
const numNodes, numPosted = 26, 6

func newSensors(broker string, days int) sensors {
	from := time.Now().AddDate(0, 0, -days).Truncate(time.Hour)
	return sensors{broker: broker, nodes: simulate.Nodes(numNodes, time.UTC), from: from, played: from, sent: map[sampleKey]bool{}}
}

// start plays the nodes on from where they have been played to: what is sent again is
// stored already, and would not be missed.
func (s *sensors) start(ctx context.Context) (err error) {
	const speed = 400 // some ten uplinks a second
	published, posted := s.nodes, []*simulate.Node(nil)
	if s.hook != nil {
		published, posted = s.nodes[:numNodes-numPosted], s.nodes[numNodes-numPosted:]
	}
	s.running, err = startUplinks(ctx, s.broker, published, s.hook, posted, s.played, speed)
	return err
}

// stop returns how many uplinks there were, and with how many samples.
func (s *sensors) stop() (uplinks, samples int, err error) {
	uplinks, sent, until, err := s.running.stop()
	if err != nil {
		return 0, 0, err
	}
	before := len(s.sent)
	for key := range sent {
		s.sent[key] = true
	}
	if len(s.sent) == before {
		return 0, 0, errors.New("no uplink was sent, or none with new samples")
	}
	s.played = until
	return uplinks, len(sent), nil
}

// ofNodes returns the times of samples by their nodes.
func ofNodes(samples map[sampleKey]bool) map[uuid.UUID][]int64 {
	times := map[uuid.UUID][]int64{}
	for key := range samples {
		times[key.node] = append(times[key.node], key.time)
	}
	return times
}

// stored returns the keys of all samples that the stack has.
func stored(ctx context.Context, s *stack.Stack) (map[sampleKey]bool, error) {
	out, err := s.Tool(ctx, "dump-samples-csv.sh", "-")
	if err != nil {
		return nil, err
	}
	rows := map[sampleKey]bool{}
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, r := range records[1:] {
		node, err := uuid.Parse(r[0])
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, r[2])
		if err != nil {
			return nil, err
		}
		key := sampleKey{node, at.Unix()}
		if rows[key] {
			return nil, fmt.Errorf("node %s has two samples at %s", node, at)
		}
		rows[key] = true
	}
	return rows, nil
}
