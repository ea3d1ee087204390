package app

import (
	"context"
	"io"

	"github.com/clairberlin/clair-stack/pkg/config"
)

// ConvertCommandName is the command of the process that decodes pictures.
const ConvertCommandName = convertCommandName

// Run runs a command as Main does, with settings and an output of the test's.
func Run(ctx context.Context, out io.Writer, env config.Env, args ...string) error {
	root := newRoot(env)
	root.SetOut(out)
	root.SetErr(io.Discard)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
