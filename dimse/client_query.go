package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// QueryContexts proposes a query, worklist or retrieve class and the
// extensions wanted.
func QueryContexts(class radnode.UID, wanted QueryOptions) []Proposal {
	p := proposal(class)
	switch serviceClasses[class] {
	case kindFind:
		p.Extended = []byte{bit(wanted.Relational), bit(wanted.DateTime), bit(wanted.FuzzyNames), bit(wanted.TimezoneAdjust), bit(wanted.EnhancedMultiple)}
	case kindMove, kindGet:
		p.Extended = []byte{bit(wanted.Relational), bit(wanted.EnhancedMultiple)}
	}
	if wanted == (QueryOptions{}) {
		p.Extended = nil
	}
	return []Proposal{p}
}

// GetContexts proposes a C-GET class and the storage classes wanted back, each
// with the transfer syntaxes that may be used, at most 127 classes.
func GetContexts(class radnode.UID, classes, syntaxes []radnode.UID) []Proposal {
	list := QueryContexts(class, QueryOptions{})
	for _, c := range classes {
		list = append(list, Proposal{SOPClassUID: c, TransferSyntaxes: syntaxes, Provide: true})
	}
	return list
}

// cancelPatience is how long a peer has to end an operation after C-CANCEL.
const cancelPatience = 10 * time.Second

// converse sends a request with an identifier and handles its responses until
// the final one. When ctx ends it cancels the operation, waits for the peer to
// say so, and keeps the association.
func (c *Client) converse(ctx context.Context, op string, rq *Command, identifier *dicom.Dataset, each func(*Command, *dicom.Dataset) error) (*Command, *dicom.Dataset, error) {
	pc := c.accepted(rq.AffectedSOPClassUID)
	if pc == nil {
		return nil, nil, radnode.Errorf(radnode.Unsupported, op, "peer does not offer SOP class %s on this association", rq.AffectedSOPClassUID)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, identifier, radnode.UID(pc.TransferSyntax)); err != nil {
		return nil, nil, err
	}
	rq.HasDataSet = true
	if err := c.send(pc.ID, rq, &b); err != nil {
		return nil, nil, c.lost(ctx, op, err)
	}
	cancel := c.canceller(ctx, pc, rq)
	defer cancel.stop()
	var stopped error
	for {
		rsp, d, err := c.response(ctx, rq)
		if err != nil {
			return nil, nil, c.lost(ctx, op, errors.Join(err, stopped))
		}
		if !rsp.Status.Pending() {
			return rsp, d, stopped
		}
		if stopped != nil {
			continue // matches that were on their way
		}
		if stopped = each(rsp, d); stopped != nil {
			cancel.now()
		}
	}
}

// canceller sends C-CANCEL once, when ctx ends or the caller has enough, and
// closes the association if the peer does not heed it.
type canceller struct {
	send    func()
	unwatch func() bool
	once    sync.Once
	mu      sync.Mutex
	timer   *time.Timer // nil until the cancel request went out
	stopped bool
}

func (c *Client) canceller(ctx context.Context, pc *ul.Context, rq *Command) *canceller {
	k := &canceller{}
	k.send = func() {
		k.mu.Lock()
		if k.stopped {
			k.mu.Unlock()
			return
		}
		k.timer = time.AfterFunc(cancelPatience, func() { _ = c.assoc.CloseNow() })
		k.mu.Unlock()
		// If it fails the association is over, as the reader will notice.
		_ = sendCommand(c.assoc.Send, pc.ID, &Command{Field: CCancelRQ, MessageIDBeingRespondedTo: rq.MessageID}, nil)
	}
	k.unwatch = context.AfterFunc(ctx, k.now)
	return k
}

func (k *canceller) now() { k.once.Do(k.send) }

func (k *canceller) stop() {
	k.unwatch()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// response reads the next response to rq with its data set.
func (c *Client) response(ctx context.Context, rq *Command) (*Command, *dicom.Dataset, error) {
	pc, rsp, err := c.receive(ctx, rq)
	if err != nil || !rsp.HasDataSet {
		return rsp, nil, err
	}
	stream, err := c.assoc.NextData()
	if err != nil {
		return nil, nil, err
	}
	d, err := readIdentifier(stream, pc, limitsOf(CFindRSP, maxIdentifier))
	if err != nil {
		return nil, nil, fmt.Errorf("identifier of a response: %w", err)
	}
	return rsp, d, stream.Discard(maxIdentifier)
}

// Find queries a peer (PS3.4 C.4.1). each gets the matches; its error cancels
// the query and is returned, and so does the end of ctx. The Response tells
// how the query ended: success, B001 if the peer stopped at a limit, FE00.
func (c *Client) Find(ctx context.Context, class radnode.UID, identifier *dicom.Dataset, each func(*dicom.Dataset) error) (Response, error) {
	const op = "C-FIND"
	rsp, _, err := c.converse(ctx, op, c.newRequest(CFindRQ, class), identifier, func(_ *Command, d *dicom.Dataset) error {
		if d == nil {
			return radnode.Errorf(radnode.Invalid, op, "peer sent a match without an identifier")
		}
		return each(d)
	})
	return finalOf(ctx, op, rsp, err)
}

func finalOf(ctx context.Context, op string, rsp *Command, err error) (Response, error) {
	if rsp == nil {
		return Response{}, err
	}
	if err == nil && rsp.Status == StatusCancel && ctx.Err() != nil {
		err = radnode.Errorf(radnode.Canceled, op, "%w", context.Cause(ctx))
	}
	return newResponse(rsp), err
}

// Retrieval is the outcome of a C-MOVE or C-GET.
type Retrieval struct {
	Response
	SubOperations SubOperations
	FailedUIDs    []radnode.UID
}

// Move asks a peer to send what the identifier names to an AE title (PS3.4
// C.4.2). progress, which may be nil, gets the counts on the way.
func (c *Client) Move(ctx context.Context, class radnode.UID, destination string, identifier *dicom.Dataset, progress func(SubOperations)) (Retrieval, error) {
	rq := c.newRequest(CMoveRQ, class)
	rq.MoveDestination = destination
	return c.retrieve(ctx, "C-MOVE", rq, identifier, progress)
}

// Get fetches what the identifier names over this association (PS3.4 C.4.3);
// the contexts come from GetContexts. store takes the objects while they
// arrive.
func (c *Client) Get(ctx context.Context, class radnode.UID, identifier *dicom.Dataset, store Storer, progress func(SubOperations)) (Retrieval, error) {
	c.store = store
	defer func() { c.store = nil }()
	return c.retrieve(ctx, "C-GET", c.newRequest(CGetRQ, class), identifier, progress)
}

func (c *Client) retrieve(ctx context.Context, op string, rq *Command, identifier *dicom.Dataset, progress func(SubOperations)) (Retrieval, error) {
	rsp, d, err := c.converse(ctx, op, rq, identifier, func(cmd *Command, _ *dicom.Dataset) error {
		if progress != nil {
			progress(cmd.SubOperations.orZero())
		}
		return nil
	})
	var result Retrieval
	result.Response, err = finalOf(ctx, op, rsp, err)
	if rsp != nil {
		result.SubOperations = rsp.SubOperations.orZero()
	}
	if d != nil {
		for _, uid := range d.Texts(dicom.FailedSOPInstanceUIDList) {
			result.FailedUIDs = append(result.FailedUIDs, radnode.UID(strings.TrimSpace(uid)))
		}
	}
	return result, err
}
