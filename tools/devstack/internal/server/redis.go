package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
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
	// ACL is a file of users (compose/redis.acl with digests of passwords); without one
	// everybody may do everything.
	ACL []byte
}

// Redis is a Redis server of our own.
type Redis struct {
	Server

	acl bool
}

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
	r := &Redis{acl: o.ACL != nil}
	aclFile := filepath.Join(o.Dir, "users.acl")
	r.Server = Server{
		Port: o.Port,
		name: "redis",
		prepare: func(context.Context) error {
			if err := runAs.MakeDir(o.Dir); err != nil || !r.acl {
				return err
			}
			if err := os.WriteFile(aclFile, o.ACL, 0o600); err != nil {
				return err
			}
			return runAs.Own(aclFile)
		},
		command: func() (process.Spec, error) {
			args := []string{
				"--bind", Host, "--port", fmt.Sprint(r.Port), "--dir", o.Dir,
				"--save", "", "--appendonly", appendOnly,
				"--databases", "512", // tests borrow them
			}
			if r.acl {
				args = append(args, "--aclfile", aclFile)
			}
			return process.Spec{
				Name: "redis", Path: path, Dir: o.Dir, User: runAs, LogFile: filepath.Join(o.Dir, "redis.log"), Args: args,
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
	answers := bufio.NewReader(conn)
	say := func(command, want string) error {
		if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
			return err
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if answer = strings.TrimSpace(answer); answer != want {
			return errors.New(answer)
		}
		return nil
	}
	if r.acl { // as the container's health check
		if err := say("AUTH health none", "+OK"); err != nil {
			return err
		}
	}
	return say("PING", "+PONG")
}
