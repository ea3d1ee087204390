package media

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/clairberlin/clair-stack/pkg/config"
)

// Config is what the environment says about pictures.
type Config struct {
	Folder    string        `env:"MEDIA_FOLDER" envDefault:"media" desc:"folder of uploaded pictures: a volume that all replicas share"`
	Endpoint  string        `env:"MEDIA_S3_URL" desc:"address of an S3-compatible store, which is used instead of the folder"`
	Bucket    string        `env:"MEDIA_S3_BUCKET" desc:"bucket of the pictures; it must exist"`
	Region    string        `env:"MEDIA_S3_REGION" envDefault:"us-east-1" desc:"its region"`
	AccessKey string        `env:"MEDIA_S3_ACCESS_KEY" desc:"access key"`
	SecretKey config.Secret `env:"MEDIA_S3_SECRET_KEY" desc:"secret key"`
}

// Validate refuses a store without a bucket.
func (c Config) Validate() error {
	if c.Endpoint != "" && c.Bucket == "" {
		return fmt.Errorf("MEDIA_S3_URL needs MEDIA_S3_BUCKET")
	}
	return nil
}

// New returns the store that the configuration describes. It connects when it is used.
func New(c Config) (Store, error) { return open(c, "", kind{}) }

// NewShelf returns the store of parts of other files, beside the pictures: whatever keeps those for all replicas keeps
// these, too. isPart reports which names are those of parts: all others are refused, so it must know none that leads
// elsewhere.
func NewShelf(c Config, isPart func(name string) bool) (*Shelf, error) {
	store, err := open(c, "exports", kind{isPart})
	return &Shelf{store}, err
}

// open opens a store of the files of a kind, in a folder of its own.
func open(c Config, within string, of kind) (Store, error) {
	if c.Endpoint == "" {
		return Folder{Path: filepath.Join(c.Folder, within), of: of}, nil
	}
	address, err := url.Parse(c.Endpoint)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("MEDIA_S3_URL %q: want an address such as https://s3.example.org", c.Endpoint)
	}
	client, err := minio.New(address.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKey, c.SecretKey.Reveal(), ""),
		Secure: address.Scheme == "https", Region: c.Region,
	})
	if err != nil {
		return nil, fmt.Errorf("MEDIA_S3_URL: %w", err)
	}
	prefix := ""
	if within != "" {
		prefix = within + "/"
	}
	return &bucket{client, c.Bucket, prefix, of}, nil
}

// bucket keeps pictures in an S3-compatible store, under names that begin with its prefix.
type bucket struct {
	client *minio.Client
	name   string
	prefix string
	of     kind
}

// Put is part of Store.
func (b *bucket) Put(ctx context.Context, name string, content io.Reader, size int64) error {
	if err := b.of.check(name); err != nil {
		return err
	}
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, content, size,
		minio.PutObjectOptions{ContentType: b.of.contentType(name), NumThreads: 1})
	if err != nil {
		return fmt.Errorf("store picture: %w", err)
	}
	return nil
}

// Open is part of Store.
func (b *bucket) Open(ctx context.Context, name string) (*File, error) {
	if err := b.of.check(name); err != nil {
		return nil, err
	}
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	info, err := object.Stat()
	if err != nil {
		_ = object.Close() // nothing was read
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil, b.of.notFound()
		}
		return nil, fmt.Errorf("read picture: %w", err)
	}
	return &File{object, info.LastModified}, nil
}

// Delete is part of Store.
func (b *bucket) Delete(ctx context.Context, name string) error {
	if !b.of.fits(name) {
		return nil // what cannot be there needs no deletion
	}
	if err := b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("delete picture: %w", err)
	}
	return nil
}

// List is part of Store.
func (b *bucket) List(ctx context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for object := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix}) {
			if object.Err != nil {
				yield(Listed{}, fmt.Errorf("list pictures: %w", object.Err))
				return
			}
			name := strings.TrimPrefix(object.Key, b.prefix)
			if b.of.check(name) == nil && !yield(Listed{name, object.LastModified}, nil) {
				return
			}
		}
	}
}
