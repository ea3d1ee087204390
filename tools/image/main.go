// Command image packs static binaries into container images that hold nothing
// else. It needs no container engine: the same binary and commit make the same
// digest on every machine, and one run makes the images of all platforms.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/image/internal/scratch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

type options struct {
	binaries   string
	out        string
	repository string
	tag        string
	revision   string
	created    int64
	maxSize    int64
	archive    string
	load       bool
	push       bool
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "image [flags] NAME...",
		Short: "Packs static binaries into container images that hold nothing else",
		Long: `image packs static binaries into container images that hold nothing else. It
finds them as OS_ARCHITECTURE/NAME in the folder --binaries, writes one image
index per NAME as an OCI layout into the folder --out, with a list of the
modules in it (CycloneDX) beside it, and prints digests and sizes.`,
		Args:          cobra.MinimumNArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, names []string) error { return run(cmd.Context(), cmd.OutOrStdout(), o, names) },
	}
	cmd.SetOut(os.Stdout) // what is printed is the result
	f := cmd.Flags()
	f.StringVar(&o.binaries, "binaries", "artefacts/binaries", "folder of the binaries")
	f.StringVar(&o.out, "out", "artefacts/images", "folder to write to")
	f.StringVar(&o.repository, "repository", "clairberlin", "registry and path before the name")
	f.StringVar(&o.tag, "tag", "latest", "tag of all images")
	f.StringVar(&o.revision, "revision", "", "commit, for a label")
	f.Int64Var(&o.created, "created", 0, "time of the commit in Unix seconds")
	f.Int64Var(&o.maxSize, "max-size", 42, "megabytes above which an image is refused")
	f.StringVar(&o.archive, "archive", "", "file to write the images for this machine to, for docker load")
	f.BoolVar(&o.load, "load", false, "hand the images for this machine to the Docker engine")
	f.BoolVar(&o.push, "push", false, "push the indexes to the registry, with the credentials of the docker command")
	return cmd
}

func run(ctx context.Context, w io.Writer, o options, names []string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "image\tplatform\tMB\tdigest\t")
	native := map[name.Reference]v1.Image{}
	for _, service := range names {
		ref, err := name.NewTag(fmt.Sprintf("%s/%s:%s", o.repository, service, o.tag))
		if err != nil {
			return err
		}
		images, err := pack(o, service)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		for _, i := range images {
			size, err := scratch.Size(i.Image)
			if err != nil {
				return err
			}
			if size > o.maxSize*1e6 {
				return fmt.Errorf("%s for %s has %.1f MB, more than the %d allowed", service, i.Platform, float64(size)/1e6, o.maxSize)
			}
			digest, err := i.Image.Digest()
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%.1f\t%s\t\n", service, i.Platform, float64(size)/1e6, digest)
			if i.Platform.OS == "linux" && i.Platform.Architecture == runtime.GOARCH {
				native[ref] = i.Image
			}
		}
		index := scratch.Index(images)
		folder := filepath.Join(o.out, service)
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		if _, err := layout.Write(folder, index); err != nil {
			return err
		}
		if err := writeBillsOfMaterials(o.out, images, service); err != nil {
			return err
		}
		if o.push {
			err := remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
			if err != nil {
				return fmt.Errorf("push %s: %w", ref, err)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if o.archive != "" {
		if err := tarball.MultiRefWriteToFile(o.archive, native); err != nil {
			return err
		}
	}
	if o.load {
		return load(ctx, native)
	}
	return nil
}

func pack(o options, service string) ([]scratch.Packed, error) {
	paths, err := filepath.Glob(filepath.Join(o.binaries, "*_*", service))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no binary in %s", o.binaries)
	}
	slices.Sort(paths)
	var images []scratch.Packed
	for _, path := range paths {
		goos, arch, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "_")
		packed, err := scratch.Pack(scratch.Spec{
			Binary:   path,
			Platform: v1.Platform{OS: goos, Architecture: arch},
			Created:  time.Unix(o.created, 0).UTC(),
			Version:  o.tag,
			Revision: o.revision,
		})
		if err != nil {
			return nil, err
		}
		images = append(images, packed)
	}
	return images, nil
}

func writeBillsOfMaterials(folder string, images []scratch.Packed, service string) error {
	for _, i := range images {
		path := filepath.Join(folder, fmt.Sprintf("%s_%s_%s.cdx.json", service, i.Platform.OS, i.Platform.Architecture))
		if err := os.WriteFile(path, i.BillOfMaterials, 0o644); err != nil { //nolint:gosec // it is public
			return err
		}
	}
	return nil
}

// load streams the images into the command that every Docker has, so that
// contexts and remote engines work as its users expect.
func load(ctx context.Context, images map[name.Reference]v1.Image) error {
	cmd := exec.CommandContext(ctx, "docker", "load", "--quiet")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = errors.Join(tarball.MultiRefWrite(images, stdin), stdin.Close())
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("docker load: %w", err)
	}
	return nil
}
