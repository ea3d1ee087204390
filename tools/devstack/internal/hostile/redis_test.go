package hostile

import (
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// What a service could do at Redis if somebody had taken it over: what its work needs,
// and no more. The rights are those of a deployed stack; that they are enough is seen
// wherever a whole stack is tested, with the same ones.
func TestRedisUsersCannotMore(t *testing.T) {
	t.Parallel()
	s := newScore(t, "Redis users")
	server, users := stacktest.StartRedis(t)
	operator := users.Client(t, server, "default")
	const (
		mails     = "asynq:{managair}:t:mail:1"
		clairchen = "asynq:{forward:clairchen-forwarder}:pending"
		ers       = "asynq:{forward:ers-forwarder}:pending"
		stream    = "clair:live:samples"
		bookmark  = "clair:clairchen-forwarder:clairchen@ttn:stored_until"
		workers   = "asynq:workers:{host:1:x}"
	)
	for _, command := range []string{
		"HSET " + mails + " msg secret", "LPUSH " + clairchen + " 1", "LPUSH " + ers + " 1", "XADD " + stream + " * s 1",
		"SET " + bookmark + " 1", "HSET " + workers + " a secret",
	} {
		if err := do(t, operator, command); err != nil {
			t.Fatal(command, err)
		}
	}
	everybody := []string{"managair", "worker", "ingestair", "clairchen_forwarder", "ers_forwarder", "lorawan_forwarder", "exporter", "health"}
	for _, tt := range []struct {
		command string
		may     string // those of everybody who may
	}{
		{"HGET " + mails + " msg", "managair worker"},
		{"HSET " + mails + " msg forged", "managair worker"},
		{"LPUSH asynq:{managair}:pending 1", "managair worker"},
		{"EVAL return(redis.call('hget',KEYS[1],'msg')) 1 " + mails, "managair worker"},
		{"EVAL return(redis.call('hget','" + mails + "','msg')) 0", "managair worker"}, // keys that are not told
		{"LRANGE " + clairchen + " 0 -1", "managair clairchen_forwarder"},
		{"LPUSH " + clairchen + " 2", "managair clairchen_forwarder"},
		{"LRANGE " + ers + " 0 -1", "managair ers_forwarder"},
		{"LPUSH asynq:{forward:lorawan-forwarder}:pending 1", "managair lorawan_forwarder"},
		{"COPY " + mails + " asynq:{forward:ers-forwarder}:t:1", "managair"},
		{"RENAME " + clairchen + " asynq:{forward:clairchen-forwarder}:gone", "managair clairchen_forwarder"},
		{"GET " + bookmark, "clairchen_forwarder"},
		{"SET " + bookmark + " 2", "clairchen_forwarder"},
		{"XADD " + stream + " * s 1", "managair worker ingestair"},
		{"XRANGE " + stream + " - +", "managair worker"},
		{"DEL " + stream, "managair worker"},
		{"HGETALL " + workers, "managair worker clairchen_forwarder ers_forwarder lorawan_forwarder"},
		{"SADD asynq:queues managair", "managair worker clairchen_forwarder ers_forwarder lorawan_forwarder"},
		{"PUBLISH asynq:cancel 1", ""},
		{"SUBSCRIBE clair", ""},
		{"KEYS *", ""},
		{"SCAN 0", ""},
		{"RANDOMKEY", ""},
		{"DBSIZE", ""},
		{"FLUSHALL", ""},
		{"FLUSHDB", ""},
		{"SWAPDB 0 1", ""},
		{"SHUTDOWN NOSAVE", ""},
		{"DEBUG SLEEP 0", ""},
		{"MONITOR", ""},
		{"CONFIG SET dir /tmp", ""},
		{"MODULE LOAD /tmp/x.so", ""},
		{"REPLICAOF 127.0.0.1 1", ""},
		{"SCRIPT FLUSH", ""},
		{"FUNCTION LOAD x", ""},
		{"CLIENT LIST", ""},
		{"CLIENT KILL TYPE normal", ""},
		{"SLOWLOG GET", ""},
		{"ACL LIST", ""},
		{"ACL SETUSER exporter on nopass ~* +@all", ""},
		{"CONFIG GET maxmemory", "exporter"},
		{"INFO", "managair worker clairchen_forwarder ers_forwarder lorawan_forwarder exporter"},
		{"PING", "managair worker ingestair clairchen_forwarder ers_forwarder lorawan_forwarder exporter health"},
	} {
		for _, user := range everybody {
			client := users.Client(t, server, user)
			if user == "health" {
				client = redis.NewClient(&redis.Options{Addr: server.Address(), Username: "health", Password: "none", DisableIdentity: true})
				t.Cleanup(func() { _ = client.Close() })
			}
			may := strings.Contains(" "+tt.may+" ", " "+user+" ")
			err := do(t, client, tt.command)
			refused := err != nil && refusal.MatchString(err.Error())
			s.check(t, may != refused, "%s: %s: %v, may: %v", user, tt.command, err, may)
		}
	}
	nobody := redis.NewClient(&redis.Options{Addr: server.Address(), DisableIdentity: true})
	t.Cleanup(func() { _ = nobody.Close() })
	for _, command := range []string{"PING", "GET x", "ACL LIST"} {
		err := do(t, nobody, command)
		s.check(t, err != nil && strings.HasPrefix(err.Error(), "NOAUTH"), "without a name: %s: %v", command, err)
	}
}

// TestRedisKeepsWhatScriptsWrote: at a start all of it is there again. In the append-only
// file that is a transaction, of which the rights are looked at once more.
func TestRedisKeepsWhatScriptsWrote(t *testing.T) {
	t.Parallel()
	s := newScore(t, "Redis starts anew")
	server, users := stacktest.StartRedis(t)
	forwarder := users.Client(t, server, "clairchen_forwarder")
	const pending = "asynq:{forward:clairchen-forwarder}:pending"
	err := forwarder.Eval(t.Context(), "redis.call('SET', KEYS[1], 'task') return redis.call('LPUSH', KEYS[2], '1')",
		[]string{"asynq:{forward:clairchen-forwarder}:t:1", pending}).Err()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	forwarder = users.Client(t, server, "clairchen_forwarder")
	waiting, err := forwarder.LLen(t.Context(), pending).Result()
	s.check(t, err == nil && waiting == 1, "after a start %d of 1 uplinks wait: %v", waiting, err)
}

// refusal is how Redis says that somebody may not, and the last that nobody may.
var refusal = regexp.MustCompile(`^NOPERM|The user executing the script can't|(DEBUG|MODULE) command not allowed`)

// do says a command whose words have no blanks.
func do(t *testing.T, client *redis.Client, command string) error {
	t.Helper()
	var words []any
	for word := range strings.FieldsSeq(command) {
		words = append(words, word)
	}
	return client.Do(t.Context(), words...).Err()
}
