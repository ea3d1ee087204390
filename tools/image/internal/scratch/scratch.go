// Package scratch makes container images of one static binary and nothing else.
//
// Such an image has no shell and no package that could be out of date. It runs
// as a number without privileges, and its health check is the binary's own
// subcommand "healthcheck".
package scratch

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User is who the binary runs as: no one that a host knows.
const (
	User   = "65532:65532"
	userID = 65532
)

// MediaFolder is the one folder of an image that its user may write to, for a
// service that is given a volume there.
const MediaFolder = "media"

// BillOfMaterialsPath is where an image keeps the list of its modules.
const BillOfMaterialsPath = "sbom.cdx.json"

// Spec says what to pack.
type Spec struct {
	Binary   string // path of a Go binary; its last part is the name in the image
	Platform v1.Platform
	Created  time.Time // of the commit, so that the same commit makes the same image
	Version  string
	Revision string
}

// Packed is an image and what is to be told with it.
type Packed struct {
	Image           v1.Image
	Platform        v1.Platform
	BillOfMaterials []byte // CycloneDX JSON
}

// Pack makes the image.
func Pack(s Spec) (Packed, error) {
	binary, err := os.ReadFile(s.Binary)
	if err != nil {
		return Packed{}, err
	}
	service := filepath.Base(s.Binary)
	bill, err := billOfMaterials(service, s.Version, binary)
	if err != nil {
		return Packed{}, err
	}
	archive, err := archive(s.Created,
		file{service, 0o755, binary},
		file{BillOfMaterialsPath, 0o644, bill},
	)
	if err != nil {
		return Packed{}, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return Packed{}, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:     layer,
		MediaType: types.OCILayer,
		History:   v1.History{Created: v1.Time{Time: s.Created}, CreatedBy: "tools/image"},
	})
	if err != nil {
		return Packed{}, err
	}
	image, err = mutate.ConfigFile(image, configFile(image, s, service))
	return Packed{Image: image, Platform: s.Platform, BillOfMaterials: bill}, err
}

func configFile(image v1.Image, s Spec, service string) *v1.ConfigFile {
	layers, err := partial.ConfigFile(image)
	if err != nil {
		panic(err) // the image was made in memory, by us
	}
	c := layers.DeepCopy()
	c.OS, c.Architecture = s.Platform.OS, s.Platform.Architecture
	c.Created = v1.Time{Time: s.Created}
	c.Config = v1.Config{
		Entrypoint: []string{"/" + service},
		User:       User,
		WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.created":  s.Created.Format(time.RFC3339),
			"org.opencontainers.image.licenses": "BSD-3-Clause",
			"org.opencontainers.image.revision": s.Revision,
			"org.opencontainers.image.source":   "https://github.com/clairberlin/clair-stack",
			"org.opencontainers.image.title":    service,
			"org.opencontainers.image.vendor":   "Clair Berlin",
			"org.opencontainers.image.version":  s.Version,
		},
		Healthcheck: &v1.HealthConfig{
			Test:        []string{"CMD", "/" + service, "healthcheck"},
			Interval:    10 * time.Second,
			Timeout:     5 * time.Second,
			StartPeriod: 10 * time.Second,
			Retries:     3,
		},
	}
	return c
}

type file struct {
	name    string
	mode    int64
	content []byte
}

func archive(modified time.Time, files ...file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// A new volume takes its owner from the folder that it covers.
	folder := &tar.Header{
		Typeflag: tar.TypeDir, Name: MediaFolder + "/", Mode: 0o755,
		Uid: userID, Gid: userID, ModTime: modified, Format: tar.FormatPAX,
	}
	if err := w.WriteHeader(folder); err != nil {
		return nil, err
	}
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode,
			Size: int64(len(f.content)), ModTime: modified, Format: tar.FormatPAX,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// Index binds the images of all platforms under one name.
func Index(images []Packed) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, i := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        i.Image,
			Descriptor: v1.Descriptor{Platform: &i.Platform},
		})
	}
	return index
}

// Size returns the bytes that the image's files take when unpacked.
func Size(image v1.Image) (int64, error) {
	layers, err := image.Layers()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, l := range layers {
		n, err := partial.UncompressedSize(l)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// billOfMaterials lists the modules that the linker wrote into the binary. It
// carries neither time nor serial number, which would differ each time.
func billOfMaterials(service, version string, binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("is it a Go binary? %w", err)
	}
	if !isStatic(info.Settings) {
		return nil, fmt.Errorf("it was built with cgo, and an image has no C library")
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, BOMRef: service, Name: service, Version: version,
	}}
	components := []cyclonedx.Component{module("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Version == "" {
			// One of this repository's own modules, which has the version of the whole.
			components = append(components, module(m.Path, version))
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		components = append(components, module(m.Path, m.Version))
	}
	bom.Components = &components
	var b bytes.Buffer
	err = cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return b.Bytes(), err
}

func module(path, version string) cyclonedx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cyclonedx.Component{
		Type: cyclonedx.ComponentTypeLibrary, BOMRef: purl, Name: path, Version: version, PackageURL: purl,
	}
}

func isStatic(settings []debug.BuildSetting) bool {
	for _, s := range settings {
		if s.Key == "CGO_ENABLED" {
			return s.Value == "0"
		}
	}
	return false
}
