package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

// Calls are the options about what callers may bring and who they must be.
type Calls struct {
	UnknownClasses   bool   `yaml:"unknown_classes"`
	UnknownSyntaxes  bool   `yaml:"unknown_syntaxes"`
	Identity         string `yaml:"identity"`
	IdentityKinds    string `yaml:"identity_kinds"`
	IdentityKey      string `yaml:"identity_key"`
	IdentityIssuer   string `yaml:"identity_issuer"`
	IdentityAudience string `yaml:"identity_audience"`
}

// Values of the option identity.
const (
	identityIgnored  = "ignore"  // neither checked nor answered (PS3.7 D.3.3.7)
	identityChecked  = "check"   // one that is offered must be right
	identityRequired = "require" // every caller offers one that is right
)

// identityKinds are the names of the kinds in the option identity_kinds.
// Kerberos tickets are always refused: there is nothing to verify them with.
var identityKinds = map[string]ul.IdentityType{
	"name": ul.IdentityUsername, "passcode": ul.IdentityPasscode, "jwt": ul.IdentityJWT, "saml": ul.IdentitySAML,
}

// identities decides about the user identities that callers offer.
type identities struct {
	mode     string
	kinds    map[ul.IdentityType]bool
	accounts *auth.Accounts
	callers  *callers
	issuer   *auth.Issuer // nil: no token is accepted

	mu     sync.Mutex
	salt   [32]byte
	proved map[[sha256.Size]byte]time.Time // digests of what was right, until when
}

const (
	// provedFor is how long a passcode that was right is not hashed again: a
	// device may open an association for each image.
	provedFor = time.Minute
	// maxProved bounds what is remembered.
	maxProved = 1000
	// identityTime limits deciding.
	identityTime = 10 * time.Second
)

// identities reads the options.
func (c Calls) identities(accounts *auth.Accounts, from *callers) (*identities, error) {
	d := &identities{mode: c.Identity, kinds: map[ul.IdentityType]bool{}, accounts: accounts, callers: from, proved: map[[sha256.Size]byte]time.Time{}}
	_, _ = rand.Read(d.salt[:]) // never fails (crypto/rand)
	for _, name := range fields(c.IdentityKinds) {
		d.kinds[identityKinds[strings.TrimSpace(name)]] = true
	}
	if c.IdentityKey == "" {
		return d, nil
	}
	var err error
	d.issuer, err = auth.OpenIssuer(c.IdentityKey, c.IdentityIssuer, c.IdentityAudience)
	return d, err
}

// check refuses options that cannot work.
func (c Calls) check() error {
	const op = "configuration"
	if !slices.Contains([]string{identityIgnored, identityChecked, identityRequired}, c.Identity) {
		return radnode.Errorf(radnode.Invalid, op, "identity: %q is none of ignore, check, require", c.Identity)
	}
	for _, name := range fields(c.IdentityKinds) {
		if _, known := identityKinds[strings.TrimSpace(name)]; !known {
			return radnode.Errorf(radnode.Invalid, op, "identity_kinds: %q is none of name, passcode, jwt, saml", name)
		}
	}
	return nil
}

// identify implements dimse.ServerConfig.Identify.
func (d *identities) identify(ctx context.Context, a *dimse.Association, id *ul.UserIdentity) ([]byte, error) {
	const op = "check user identity"
	ctx, cancel := context.WithTimeout(ctx, identityTime)
	defer cancel()
	required, err := d.required(ctx, a)
	if err != nil {
		return nil, err
	}
	switch {
	case id == nil && required:
		return nil, radnode.Errorf(radnode.Unauthorized, op, "the caller offers no user identity")
	case id == nil || d.mode == identityIgnored && !required:
		return nil, nil
	case !d.kinds[id.Type]:
		return nil, radnode.Errorf(radnode.Unauthorized, op, "a %s is not accepted here", id)
	}
	if a.User, err = d.user(ctx, a, id); err != nil {
		return nil, err
	}
	// PS3.7 D.3.3.7.2: the response is empty for a name, a passcode and a token;
	// an assertion that nobody verified has none either.
	return []byte{}, nil
}

// required reports whether a caller must offer an identity.
func (d *identities) required(ctx context.Context, a *dimse.Association) (bool, error) {
	peers, err := d.callers.of(ctx, a)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(peers, func(p radnode.Peer) bool { return p.RequireIdentity }) {
		return true, nil
	}
	return d.mode == identityRequired && !d.callers.fromHere(a), nil
}

// user is who an identity stands for.
func (d *identities) user(ctx context.Context, a *dimse.Association, id *ul.UserIdentity) (string, error) {
	const op = "check user identity"
	switch id.Type {
	case ul.IdentityUsername:
		known, err := d.accounts.Enabled(ctx, string(id.Primary))
		if err != nil || known {
			return string(id.Primary), err
		}
		return "", radnode.Errorf(radnode.Unauthorized, op, "there is no such account")
	case ul.IdentityPasscode:
		return string(id.Primary), d.passcode(ctx, a, string(id.Primary), string(id.Secondary))
	case ul.IdentityJWT:
		if d.issuer == nil {
			return "", radnode.Errorf(radnode.Unauthorized, op, "no key of a token issuer is configured")
		}
		return d.issuer.Verify(string(id.Primary), time.Now())
	case ul.IdentitySAML:
		return "unverified SAML assertion", nil
	}
	return "", radnode.Errorf(radnode.Unauthorized, op, "unknown kind of identity")
}

// passcode checks a name with its passcode: that of the calling peer, whose
// name is its AE title, or that of an account.
func (d *identities) passcode(ctx context.Context, a *dimse.Association, name, passcode string) error {
	kept := ""
	if name == a.CallingAE {
		peers, err := d.callers.of(ctx, a)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(peers, func(p radnode.Peer) bool { return p.PasscodeHash != "" }); i >= 0 {
			kept = peers[i].PasscodeHash
		}
	}
	if kept == "" {
		return d.account(ctx, name, passcode)
	}
	key := d.digest(kept, passcode)
	if d.remembers(key) {
		return nil
	}
	ok, err := d.accounts.CheckPasscode(ctx, kept, passcode)
	if err == nil && !ok {
		err = radnode.Errorf(radnode.Unauthorized, "check user identity", "the passcode of the peer is wrong")
	}
	if err == nil {
		d.remember(key)
	}
	return err
}

func (d *identities) account(ctx context.Context, name, passcode string) error {
	enabled, err := d.accounts.Enabled(ctx, name)
	if err != nil {
		return err
	}
	key := d.digest("account "+name, passcode)
	if enabled && d.remembers(key) {
		return nil
	}
	if _, err = d.accounts.Authenticate(ctx, name, passcode); err == nil {
		d.remember(key)
	}
	return err
}

func (d *identities) digest(whose, passcode string) [sha256.Size]byte {
	return sha256.Sum256([]byte(string(d.salt[:]) + whose + "\x00" + passcode))
}

func (d *identities) remembers(key [sha256.Size]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.proved[key])
}

func (d *identities) remember(key [sha256.Size]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.proved) >= maxProved {
		clear(d.proved)
	}
	d.proved[key] = time.Now().Add(provedFor)
}
