package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// RedisOptions are choices for a Redis server.
type RedisOptions struct {
	// Dir keeps the data and the log.
	Dir string
	// Port is the TCP port; 0 chooses a free one.
	Port int
	// Durable keeps the data over a restart. Without it, a restart begins empty.
	Durable bool
}

// Redis is a Redis server of our own.
type Redis struct{ Server }

// NewRedis prepares a server; Start starts it.
func NewRedis(o RedisOptions) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, notInstalled("Redis")
	}
	runAs, err := process.Unprivileged()
	if err != nil {
		return nil, err
	}
	appendOnly := "no"
	if o.Durable {
		appendOnly = "yes"
	}
	r := &Redis{}
	r.Server = Server{
		Port:    o.Port,
		name:    "redis",
		prepare: func(context.Context) error { return runAs.MakeDir(o.Dir) },
		command: func() (process.Spec, error) {
			return process.Spec{
				Name: "redis", Path: path, Dir: o.Dir, User: runAs, LogFile: filepath.Join(o.Dir, "redis.log"),
				Args: []string{
					"--bind", Host, "--port", fmt.Sprint(r.Port), "--dir", o.Dir,
					"--save", "", "--appendonly", appendOnly,
					"--databases", "512", // tests borrow them
				},
			}, nil
		},
		probe: r.ping,
	}
	return r, nil
}

// URL returns the connection string of a started server.
func (r *Redis) URL() string { return "redis://" + r.Address() + "/0" }

// ping fails while the server loads its data, too.
func (r *Redis) ping(ctx context.Context) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "+PONG" {
		return errors.New(answer)
	}
	return nil
}
