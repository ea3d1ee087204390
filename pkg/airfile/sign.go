package airfile

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeysPath is where an instance publishes its public keys, those of former years too
// (RFC 7517).
const KeysPath = "/.well-known/jwks.json"

// Key is what an instance signs with. It does not show in logs.
type Key struct{ private ed25519.PrivateKey }

// NewKey returns the key of a seed of 32 bytes.
func NewKey(seed []byte) (Key, error) {
	if len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("a key has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	return Key{ed25519.NewKeyFromSeed(seed)}, nil
}

// String keeps it out of logs.
func (Key) String() string { return "[redacted]" }

// GoString keeps it out of logs, too.
func (Key) GoString() string { return "[redacted]" }

// Public returns its public half.
func (k Key) Public() PublicKey {
	public, _ := k.private.Public().(ed25519.PublicKey)
	return PublicKey{public}
}

// PublicKey is what signatures are checked with.
type PublicKey struct{ key ed25519.PublicKey }

// NewPublicKey returns the key of 32 bytes.
func NewPublicKey(raw []byte) (PublicKey, error) {
	if len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("a public key has %d bytes, not %d", ed25519.PublicKeySize, len(raw))
	}
	return PublicKey{raw}, nil
}

// Bytes returns it as it is kept.
func (p PublicKey) Bytes() []byte { return p.key }

// ID returns its thumbprint (RFC 7638): who has the key can make it.
func (p PublicKey) ID() string {
	sum, err := (&jose.JSONWebKey{Key: p.key}).Thumbprint(crypto.SHA256)
	if err != nil {
		panic(err) // it is no key of 32 bytes
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// Keys are some public keys, by id.
type Keys map[string]PublicKey

// KeySet returns the JSON Web Key Set of some keys, the one in use first.
func KeySet(keys []PublicKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(keys))}
	for i, k := range keys {
		set.Keys[i] = jose.JSONWebKey{Key: k.key, KeyID: k.ID(), Algorithm: string(jose.EdDSA), Use: "sig"}
	}
	return json.Marshal(set)
}

// ParseKeys reads a JSON Web Key Set, or a single JSON Web Key. Keys of other kinds are left
// out; each is known by its thumbprint, whatever it calls itself.
func ParseKeys(text []byte) (Keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("keys: this is no JSON Web Key Set: %w", err)
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	keys := Keys{}
	for _, one := range set.Keys {
		var web jose.JSONWebKey
		if err := json.Unmarshal(one, &web); err != nil {
			continue
		}
		if raw, ok := web.Key.(ed25519.PublicKey); ok && len(raw) == ed25519.PublicKeySize {
			key := PublicKey{raw}
			keys[key.ID()] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("keys: this is no JSON Web Key Set with a public key of Ed25519")
	}
	return keys, nil
}

// Sign signs a document in its place.
func (d *Document) Sign(k Key, madeAt time.Time, version int) error {
	d.MadeAt, d.Version = madeAt.Unix(), version
	payload, err := d.Canonical()
	if err != nil {
		return err
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.private, KeyID: k.Public().ID()},
	}, nil)
	if err != nil {
		return err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return err
	}
	d.Signature, err = signed.DetachedCompactSerialize()
	return err
}

// What can be wrong with a signature.
var (
	ErrUnsigned   = errors.New("it has no signature, or none that an air file may have")
	ErrUnknownKey = errors.New("it was signed with a key that is none of those")
	ErrChanged    = errors.New("it was changed after it was signed")
)

// CheckSignature returns the id of the key with which the document was signed as it is, or
// one of the errors.
func (d *Document) CheckSignature(keys Keys) (id string, err error) {
	payload, err := d.Canonical()
	if err != nil {
		return "", err
	}
	signed, err := jose.ParseDetached(d.Signature, payload, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	id = signed.Signatures[0].Protected.KeyID
	key, known := keys[id]
	switch {
	case !known:
		return id, ErrUnknownKey
	case signed.DetachedVerify(payload, key.key) != nil:
		return id, ErrChanged
	}
	return id, nil
}
