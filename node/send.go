package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/store"
)

// Target is a DICOM peer to call, and the AE title we call it with.
type Target struct {
	CalledAE  string
	Address   string // host:port
	CallingAE string
	TLS       *TLSFiles     // nil: plain TCP
	Identity  *Identity     // user identity to offer; nil: none
	Patience  time.Duration // longest wait for an answer; 0: the usual times

	peer  string // name of the configured peer; "": none
	learn *abilities
}

// Identity is a user identity to call with (PS3.7 D.3.3.7).
type Identity = ul.UserIdentity

// PasscodeIdentity is a user name with a passcode, or alone.
func PasscodeIdentity(user, passcode string) *Identity {
	if passcode == "" {
		return &Identity{Type: ul.IdentityUsername, PositiveResponseRequested: true, Primary: []byte(user)}
	}
	return &Identity{Type: ul.IdentityPasscode, PositiveResponseRequested: true, Primary: []byte(user), Secondary: []byte(passcode)}
}

// TokenIdentity is a JSON web token.
func TokenIdentity(token string) *Identity {
	return &Identity{Type: ul.IdentityJWT, PositiveResponseRequested: true, Primary: []byte(token)}
}

// TLSFiles names the files of a TLS connection.
type TLSFiles = ul.TLSFiles

// calling is how this node calls others.
type calling struct {
	ae    string
	tls   TLSFiles
	learn *abilities // nil: nothing is learned
}

// to is a peer as a target.
func (c calling) to(peer radnode.Peer) Target {
	t := Target{CalledAE: peer.AETitle, Address: net.JoinHostPort(peer.Host, strconv.Itoa(peer.Port)), CallingAE: c.ae,
		Patience: time.Duration(peer.TimeoutSeconds) * time.Second, peer: peer.Name, learn: c.learn}
	if peer.TLS {
		t.TLS = &c.tls
	}
	return t
}

// ParseTarget reads CALLED@HOST:PORT.
func ParseTarget(text, callingAE string) (Target, error) {
	peer, err := ParsePeer("peer", text)
	if err != nil {
		return Target{}, err
	}
	if !ValidAETitle(callingAE) {
		return Target{}, radnode.Errorf(radnode.Invalid, "peer", "calling AE title %q is not valid", callingAE)
	}
	peer.Name = ""
	return calling{ae: callingAE}.to(peer), nil
}

// destination says how to reach the target. The files of TLS are read anew
// each time: renewed ones count at once.
func (t Target) destination() (dimse.Destination, error) {
	d := dimse.Destination{Address: t.Address, Client: dimse.ClientConfig{CallingAE: t.CallingAE, CalledAE: t.CalledAE, Identity: t.Identity}}
	if t.Patience > 0 {
		d.Client.Response = t.Patience
		d.Client.UL.Connect, d.Client.UL.Response, d.Client.UL.Read, d.Client.UL.Write = t.Patience, t.Patience, t.Patience, t.Patience
	}
	if t.learn != nil {
		d.Answered = func(outcomes []dimse.ContextOutcome) { t.learn.learn(t.peer, outcomes) }
	}
	if t.TLS == nil {
		return d, nil
	}
	var err error
	if d.Client.TLS, err = ul.ClientTLS(*t.TLS); err != nil {
		return d, radnode.Errorf(radnode.Invalid, "TLS", "%w", err)
	}
	return d, nil
}

func (t Target) dial(ctx context.Context, contexts []dimse.Proposal) (*dimse.Client, error) {
	d, err := t.destination()
	if err != nil {
		return nil, err
	}
	client, err := dimse.Dial(ctx, d.Address, d.Client, contexts)
	if err == nil && d.Answered != nil {
		d.Answered(client.Outcomes())
	}
	return client, err
}

// Echo verifies that the peer answers, and says how long the whole
// association took.
func (t Target) Echo(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	client, err := t.dial(ctx, dimse.VerificationContexts())
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if err := client.Echo(ctx); err != nil {
		return 0, err
	}
	if err := client.Release(ctx); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

// Outgoing is a file to be sent with C-STORE.
type Outgoing struct {
	Path string
	dimse.StoreOptions
	offset int64 // of the data set
	size   int64
}

// ReadOutgoing reads what a C-STORE request must say about a file.
func ReadOutgoing(path string) (Outgoing, error) {
	file, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		return Outgoing{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Outgoing{}, err
	}
	o := Outgoing{Path: path, offset: file.DatasetOffset, size: info.Size() - file.DatasetOffset}
	o.SOPClassUID = file.Dataset.UID(dicom.SOPClassUID)
	o.SOPInstanceUID = file.Dataset.UID(dicom.SOPInstanceUID)
	o.TransferSyntaxUID = file.TransferSyntax
	if !o.SOPClassUID.Valid() || o.SOPInstanceUID == "" {
		return Outgoing{}, radnode.Errorf(radnode.Invalid, "send", "the file names no SOP class or no SOP instance; it is no composite object")
	}
	return o, nil
}

// object makes the file ready to be sent: as it is, or in a native syntax
// where the peer does not take that.
func (o Outgoing) object() dimse.Object {
	made := egress{}.object(store.StoredObject{
		SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID, TransferSyntaxUID: o.TransferSyntaxUID, Path: o.Path,
	})
	recode := made.Open
	made.Open = func(ctx context.Context, syntax radnode.UID) (io.ReadCloser, error) {
		if syntax != o.TransferSyntaxUID {
			return recode(ctx, syntax)
		}
		file, err := os.Open(o.Path)
		if err != nil {
			return nil, radnode.Errorf(radnode.NotFound, "send", "the file is gone: %w", err)
		}
		if _, err := file.Seek(o.offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return file, nil
	}
	return made
}

// store sends the file on an open association.
func (o Outgoing) store(ctx context.Context, client *dimse.Client) (dimse.Response, error) {
	return client.SendObject(ctx, o.object(), dimse.StoreOptions{})
}

// Sent is what became of one file.
type Sent struct {
	File           string      `json:"file"`
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	Status         string      `json:"status"` // four hexadecimal digits; "" if nothing was answered
	Bytes          int64       `json:"bytes"`
	Error          error       `json:"-"`
	Untried        bool        `json:"-"` // Error, which ends Send, kept it from being sent
}

// Send sends files to the peer, in as few associations as their presentation
// contexts need, and tells report about each file, those that were not tried
// included. A file that fails does not stop the others; a peer that cannot be
// reached, refuses or is lost again and again does.
func (t Target) Send(ctx context.Context, paths []string, report func(Sent)) error {
	var batch []Outgoing
	var stopped error
	flush := func() {
		if stopped == nil {
			stopped = t.sendBatch(ctx, batch, report)
		} else {
			reportUnsent(batch, stopped, report)
		}
		batch = nil
	}
	err := EachFile(ctx, paths, func(path string, err error) error {
		var o Outgoing
		if err == nil {
			o, err = ReadOutgoing(path)
		}
		if err != nil {
			report(Sent{File: path, Error: err})
			return nil
		}
		if batch = append(batch, o); len(batch) == maxBatch {
			flush()
		}
		return nil
	})
	flush()
	return errors.Join(stopped, err)
}

// maxBatch is the most files that are held ready.
const maxBatch = 1000

func (t Target) sendBatch(ctx context.Context, batch []Outgoing, report func(Sent)) error {
	to, err := t.destination()
	if err != nil {
		reportUnsent(batch, err, report)
		return err
	}
	objects := make([]dimse.Object, len(batch))
	for i, o := range batch {
		objects[i] = o.object()
	}
	done := 0
	err = dimse.SendObjects(ctx, to, objects, dimse.StoreOptions{}, func(_ dimse.Object, response dimse.Response, err error) error {
		sent := batch[done].sent(err)
		done++
		if err == nil {
			sent.Status = fmt.Sprintf("%04X", uint16(response.Status))
			sent.Error = response.Err()
		}
		report(sent)
		return nil
	})
	reportUnsent(batch[done:], err, report)
	return err
}

func (o Outgoing) sent(err error) Sent {
	return Sent{File: o.Path, SOPInstanceUID: o.SOPInstanceUID, Bytes: o.size, Error: err}
}

// reportUnsent tells of files that were not tried, and why.
func reportUnsent(batch []Outgoing, err error, report func(Sent)) {
	for _, o := range batch {
		sent := o.sent(radnode.Errorf(radnode.CodeOf(err), "send", "not sent: %w", err))
		sent.Untried = true
		report(sent)
	}
}

// String names a peer in messages.
func (t Target) String() string { return strings.TrimSpace(t.CalledAE) + "@" + t.Address }
