// Package redisconn reads REDIS_URL, for all services alike.
//
//	redis://[user:password@]host:6379/0                       one server
//	rediss://...                                              the same with TLS
//	unix://[user:password@]/path/to/socket?db=0               a socket; redis-socket:// too
//	redis-sentinel://[user:password@]host:26379,host:26379,host:26379/0?master=name
//	rediss-sentinel://...                                     the same with TLS, to the sentinels too
//
// With sentinels, user and password are those of the Redis servers, and
// sentinel_username and sentinel_password (parameters of the URL) those of the
// sentinels; the port is 26379 where none is given. With TLS, the parameter ca names
// a file with certificates (PEM) that the servers' are checked against, instead of
// those of the system. One server may have further parameters of go-redis.
package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/config"
)

// Redis is where Redis is: a server, or what its sentinels say.
type Redis struct {
	server   *redis.Options
	failover *redis.FailoverOptions
}

// IsSet reports whether there is an address.
func (r Redis) IsSet() bool { return r.server != nil || r.failover != nil }

// UnmarshalText takes the address from the environment.
func (r *Redis) UnmarshalText(text []byte) (err error) {
	*r, err = Parse(string(text))
	return err
}

// String returns "[redacted]", because there may be a password, or "" without an address.
func (r Redis) String() string {
	if !r.IsSet() {
		return ""
	}
	return config.NewSecret("an address").String()
}

// GoString is String.
func (r Redis) GoString() string { return r.String() }

// Parse reads the value of REDIS_URL. Errors do not quote it, because of the
// password.
func Parse(text string) (Redis, error) {
	text, sentinels := cutHosts(text)
	u, err := url.Parse(text)
	if err != nil {
		return Redis{}, errors.New("no URL")
	}
	query := u.Query()
	ca := query.Get("ca")
	query.Del("ca")
	u.RawQuery = query.Encode()
	switch u.Scheme {
	case "redis", "unix":
		return parseServer(u, nil)
	case "redis-socket":
		u.Scheme = "unix"
		return parseServer(u, nil)
	case "redis-sentinel":
		return parseSentinels(u, sentinels, nil)
	case "rediss", "rediss-sentinel":
		secure, err := tlsConfig(ca)
		if err != nil {
			return Redis{}, err
		}
		if u.Scheme == "rediss" {
			return parseServer(u, secure)
		}
		return parseSentinels(u, sentinels, secure)
	default:
		return Redis{}, errors.New("not a redis://, rediss://, unix://, redis-sentinel:// or rediss-sentinel:// URL")
	}
}

// cutHosts takes the hosts out of a URL of sentinels, which may be several with a
// port each; no parser of URLs takes that.
func cutHosts(text string) (rest, hosts string) {
	scheme, after, _ := strings.Cut(text, "://")
	if !strings.HasSuffix(scheme, "-sentinel") {
		return text, ""
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	begin := strings.LastIndex(after[:end], "@") + 1
	return scheme + "://" + after[:begin] + "sentinels" + after[end:], after[begin:end]
}

func parseServer(u *url.URL, secure *tls.Config) (Redis, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return Redis{}, errors.New("the address, the number of the database or a parameter is wrong") // err may quote the URL
	}
	o.ContextTimeoutEnabled = true // else a Redis that hangs keeps callers beyond their time
	if secure != nil {
		o.TLSConfig.RootCAs = secure.RootCAs
	}
	return Redis{server: o}, nil
}

func parseSentinels(u *url.URL, hosts string, secure *tls.Config) (Redis, error) {
	q := u.Query()
	o := &redis.FailoverOptions{
		MasterName:       q.Get("master"),
		SentinelUsername: q.Get("sentinel_username"), SentinelPassword: q.Get("sentinel_password"),
		Username:  u.User.Username(),
		TLSConfig: secure, // without a name: each server has its own

		ContextTimeoutEnabled: true,
	}
	o.Password, _ = u.User.Password()
	if o.MasterName == "" {
		return Redis{}, errors.New("the parameter master has to name what the sentinels watch")
	}
	for name := range q {
		switch name {
		case "master", "sentinel_username", "sentinel_password":
		default:
			return Redis{}, fmt.Errorf("the parameter %q is unknown", name)
		}
	}
	for address := range strings.SplitSeq(hosts, ",") {
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(strings.Trim(address, "[]"), "26379")
		}
		if strings.HasPrefix(address, ":") {
			return Redis{}, errors.New("a sentinel has no address")
		}
		o.SentinelAddrs = append(o.SentinelAddrs, address)
	}
	if database := strings.Trim(u.Path, "/"); database != "" {
		n, err := strconv.Atoi(database)
		if err != nil || n < 0 {
			return Redis{}, errors.New("the path is the number of the database")
		}
		o.DB = n
	}
	return Redis{failover: o}, nil
}

func tlsConfig(ca string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("the parameter ca: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file that ca names has no certificate")
	}
	return c, nil
}

// Client returns a client; it connects when it is used.
func (r Redis) Client() redis.UniversalClient {
	if r.failover != nil {
		return redis.NewFailoverClient(r.failover)
	}
	return redis.NewClient(r.server)
}

// MakeRedisClient makes it an asynq.RedisConnOpt.
func (r Redis) MakeRedisClient() any { return r.Client() }
