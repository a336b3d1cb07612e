package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/workflow"
)

// Desk is the node's data without the running node: what the commands work
// on. It may be open beside a running node.
type Desk struct {
	store    *store.Store
	flow     *workflow.Workflow
	accounts *auth.Accounts
	trail    *audit.Trail
}

// OpenDesk opens the data folder of a configuration. The folder is made if it
// is not there.
func OpenDesk(ctx context.Context, c Config) (*Desk, error) {
	return openDesk(ctx, c, workflow.Options{AE: c.AETitle, Quiet: c.Quiet}, store.Options{}, slog.New(slog.DiscardHandler))
}

func openDesk(ctx context.Context, c Config, o workflow.Options, how store.Options, log *slog.Logger) (*Desk, error) {
	how.Dir, how.Schemas, how.Log = c.Data, workflow.Schemas(), log
	s, err := store.Open(ctx, how)
	if err != nil {
		return nil, err
	}
	o.Store, o.Log = s, log
	d := &Desk{store: s, flow: workflow.New(o)}
	if d.accounts, err = auth.Open(ctx, s, s.Reader()); err == nil {
		d.trail, err = audit.Open(ctx, s, s.Reader())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return d, nil
}

// ReadDesk opens a data folder that must be there: a mistyped name must not
// look like an empty node.
func ReadDesk(ctx context.Context, c Config) (*Desk, error) {
	if _, err := os.Stat(filepath.Join(c.Data, "radnode.db")); err != nil {
		return nil, radnode.Errorf(radnode.NotFound, "open data folder", "there is no node's data in %s: name its folder with --data", c.Data)
	}
	return OpenDesk(ctx, c)
}

// Close closes the data folder.
func (d *Desk) Close() error { return d.store.Close() }

// Users lists the accounts.
func (d *Desk) Users(ctx context.Context) ([]radnode.User, error) { return d.accounts.List(ctx) }

// Tokens lists the tokens.
func (d *Desk) Tokens(ctx context.Context) ([]auth.Token, error) { return d.accounts.Tokens(ctx) }

// AddUser adds or replaces an account and returns its password, which it
// makes where none is given.
func (d *Desk) AddUser(ctx context.Context, u radnode.User, password string) (string, error) {
	if password == "" {
		password = auth.NewPassword()
	}
	if err := d.accounts.Save(ctx, u, password); err != nil {
		return "", err
	}
	return password, d.record(ctx, audit.AccountChanged, u.Name)
}

// ChangeUser changes an account and keeps its password.
func (d *Desk) ChangeUser(ctx context.Context, u radnode.User) error {
	if err := d.accounts.Save(ctx, u, ""); err != nil {
		return err
	}
	return d.record(ctx, audit.AccountChanged, u.Name)
}

// CreateToken makes a token and returns its secret.
func (d *Desk) CreateToken(ctx context.Context, name string, role radnode.Role) (string, error) {
	secret, err := d.accounts.CreateToken(ctx, name, role, "")
	if err != nil {
		return "", err
	}
	return secret, d.record(ctx, audit.TokenCreated, name)
}

// LimitToken bounds what the holder of a token may ask for; 0 is without bound.
func (d *Desk) LimitToken(ctx context.Context, name string, perMinute, perDay int) error {
	return d.accounts.SetLimits(ctx, name, auth.Limits{PerMinute: perMinute, PerDay: perDay})
}

// RevokeToken removes a token.
func (d *Desk) RevokeToken(ctx context.Context, name string) error {
	if err := d.accounts.RevokeToken(ctx, name); err != nil {
		return err
	}
	return d.record(ctx, audit.AccountChanged, name)
}

// Peers lists the peers.
func (d *Desk) Peers(ctx context.Context) ([]radnode.Peer, error) { return d.flow.Peers(ctx) }

// AddPeer adds or replaces a peer.
func (d *Desk) AddPeer(ctx context.Context, p radnode.Peer) error {
	if err := (peerBook{d.flow}).AddPeer(ctx, p); err != nil {
		return err
	}
	return d.record(ctx, audit.PeerChanged, p.Name)
}

// RemovePeer removes a peer.
func (d *Desk) RemovePeer(ctx context.Context, name string) error {
	if err := d.flow.RemovePeer(ctx, name); err != nil {
		return err
	}
	return d.record(ctx, audit.PeerChanged, name)
}

// Ledger is the balance of everything the node accepted.
func (d *Desk) Ledger(ctx context.Context) ([]radnode.LedgerRow, error) { return d.flow.Ledger(ctx) }

// Verify is Ledger after reading every stored file.
func (d *Desk) Verify(ctx context.Context) ([]radnode.LedgerRow, error) { return d.flow.Verify(ctx) }

// record notes what a command changed, and who ran it.
func (d *Desk) record(ctx context.Context, action audit.Action, object string) error {
	actor := "command line"
	if u, err := user.Current(); err == nil {
		actor += " (" + u.Username + ")"
	}
	return d.trail.Record(ctx, audit.Event{Action: action, Actor: actor, Remote: "local", ObjectID: object})
}

// Imported is what became of one file.
type Imported struct {
	File           string      `json:"file"`
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	Error          error       `json:"-"`
}

// Import takes files into the store as if they had been sent; a running node
// analyses them.
func (d *Desk) Import(ctx context.Context, paths []string, report func(Imported)) error {
	return EachFile(ctx, paths, func(path string, err error) error {
		result := Imported{File: path, Error: err}
		if err == nil {
			result.SOPInstanceUID, result.Error = d.importFile(ctx, path)
		}
		report(result)
		if hopeless(result.Error) {
			return result.Error
		}
		return nil
	})
}

// hopeless reports whether the next file would fare no better.
func hopeless(err error) bool {
	code := radnode.CodeOf(err)
	return code == radnode.NoResources || code == radnode.Unavailable || code == radnode.Canceled
}

func (d *Desk) importFile(ctx context.Context, path string) (radnode.UID, error) {
	o, err := ReadOutgoing(path)
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return o.SOPInstanceUID, radnode.Errorf(radnode.NotFound, "import", "the file is gone: %w", err)
	}
	defer file.Close()
	source := workflow.Source{Name: "import", Remote: "local"}
	return o.SOPInstanceUID, d.flow.Ingest(ctx, source, o.TransferSyntaxUID, o.SOPClassUID, o.SOPInstanceUID, io.NewSectionReader(file, o.offset, o.size))
}

// Reindex writes the rows of the files of a data folder that have none: all of
// them where the index was lost, those that came after a backup where one was
// restored. No node may work on the folder meanwhile.
func Reindex(ctx context.Context, c Config, report func(Imported)) (err error) {
	if _, err := os.Stat(filepath.Join(c.Data, "instances")); err != nil {
		return radnode.Errorf(radnode.NotFound, "reindex", "there are no instances in %s: name the node's folder with --data", c.Data)
	}
	o := workflow.Options{AE: c.AETitle, Quiet: c.Quiet}
	d, err := openDesk(ctx, c, o, store.Options{Exclusive: true, Rebuild: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	paths, err := d.store.Unindexed(ctx)
	if err != nil {
		return err
	}
	for _, path := range paths {
		result := Imported{File: path}
		result.SOPInstanceUID, result.Error = d.flow.Reindex(ctx, path)
		report(result)
		if hopeless(result.Error) {
			return result.Error
		}
	}
	return nil
}
