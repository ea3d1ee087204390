package media

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Bounds of the process that decodes a picture.
const (
	// childMemory is a soft bound of the runtime: below it nothing is collected in vain.
	childMemory = 96 << 20
	// maxConverted is the size of a result; nothing is larger with maxSide.
	maxConverted = 24 << 20
)

// Exit codes of the process that decodes a picture.
const (
	exitNoImage   = 3
	exitTooLarge  = 4
	exitTooCostly = 5
)

// Converter makes uploads harmless, one at a time, each in a process of its own: a
// picture that needs too much takes that process down and no other.
type Converter struct {
	program string
	args    []string
	turn    chan struct{}
}

// NewConverter returns a converter that starts program, which calls ConvertPipe.
func NewConverter(program string, args ...string) *Converter {
	return &Converter{program, args, make(chan struct{}, 1)}
}

// Convert returns the picture that data holds as it shall be kept, and a name
// that nobody can guess: a picture is visible to those who were told its name.
func (c *Converter) Convert(ctx context.Context, data []byte) (name string, content []byte, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", nil, fault.Wrap(fault.Unavailable, ctx.Err(), "other pictures are being converted")
	}
	limited, cancel := context.WithTimeout(ctx, childTime)
	defer cancel()
	content, err = c.run(limited, data)
	if ctx.Err() == nil && limited.Err() != nil {
		return "", nil, ErrTooCostly
	}
	if err != nil {
		return "", nil, err
	}
	name = strings.ToLower(rand.Text())
	switch {
	case bytes.HasPrefix(content, []byte("\xFF\xD8\xFF")):
		return name + ".jpg", content, nil
	case bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")):
		return name + ".png", content, nil
	default:
		return "", nil, errors.New("convert a picture: the result is none")
	}
}

func (c *Converter) run(ctx context.Context, data []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.program, c.args...)
	cmd.Env = []string{"GOTRACEBACK=none"} // none of our secrets
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(data)
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = time.Second
	out, complaint := &bounded{most: maxConverted}, &bounded{most: 1 << 10}
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return nil, fmt.Errorf("convert a picture: %w", err)
	}
	switch exit.ExitCode() {
	case exitNoImage:
		return nil, ErrNoImage
	case exitTooLarge:
		return nil, ErrTooLarge
	case exitTooCostly:
		return nil, ErrTooCostly
	case 2, -1: // the runtime found no memory; or the kernel ended it
		return nil, ErrTooCostly
	default:
		return nil, fmt.Errorf("convert a picture: %w: %s", err, complaint)
	}
}

// bounded keeps what is written, up to a number of bytes.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, io.ErrShortBuffer
	}
	return b.Buffer.Write(p)
}

// ReadFrom hides that of the buffer, which knows no bound.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}

// ConvertPipe is the process that decodes: it reads an upload and writes what shall be
// kept of it. It returns its exit code.
func ConvertPipe(in io.Reader, out io.Writer) int {
	debug.SetMemoryLimit(childMemory)
	debug.SetGCPercent(20)
	if err := restrainSelf(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil || len(data) > MaxBytes {
		return exitTooLarge
	}
	content, err := convert(data)
	switch {
	case errors.Is(err, ErrNoImage):
		return exitNoImage
	case errors.Is(err, ErrTooLarge):
		return exitTooLarge
	case errors.Is(err, ErrTooCostly):
		return exitTooCostly
	case err == nil:
		_, err = out.Write(content)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
