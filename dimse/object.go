package dimse

import (
	"context"
	"errors"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// Object is a composite object that can be sent.
type Object struct {
	SOPClassUID    radnode.UID
	SOPInstanceUID radnode.UID
	// Syntaxes are the transfer syntaxes it can be sent in: as stored first,
	// then those it can be turned into without loss.
	Syntaxes []radnode.UID
	// Open returns the data set, without Part 10 header, in one of Syntaxes.
	Open func(ctx context.Context, syntax radnode.UID) (io.ReadCloser, error)
}

// ObjectContexts returns the presentation contexts that objects need: one for
// each pair of class and transfer syntax, so that the peer's answer tells
// which it takes.
func ObjectContexts(objects []Object) []Proposal {
	var pairs []StoreOptions
	for _, o := range objects {
		for _, ts := range o.Syntaxes {
			pairs = append(pairs, StoreOptions{SOPClassUID: o.SOPClassUID, TransferSyntaxUID: ts})
		}
	}
	return StorageContexts(pairs...)
}

// batch returns how many of the objects one association's contexts hold.
func batch(objects []Object) (n int, contexts []Proposal) {
	seen := map[[2]radnode.UID]bool{}
	for i, o := range objects {
		added := 0
		for _, ts := range o.Syntaxes {
			if key := [2]radnode.UID{o.SOPClassUID, ts}; !seen[key] {
				seen[key] = true
				added++
			}
		}
		if len(seen) > ul.MaxContexts && i > 0 {
			return i, ObjectContexts(objects[:i])
		}
	}
	return len(objects), ObjectContexts(objects)
}

// SendObject sends one object in the first of its syntaxes that the peer
// accepted: as stored if it can be (PS3.4 B.3). The errors are those of Store
// and of o.Open.
func (c *Client) SendObject(ctx context.Context, o Object, from StoreOptions) (Response, error) {
	const op = "C-STORE"
	pc := c.accepted(o.SOPClassUID, o.Syntaxes...)
	if pc == nil {
		return Response{}, radnode.Errorf(radnode.Unsupported, op, "peer does not accept SOP class %s in any transfer syntax it can be sent in", o.SOPClassUID)
	}
	from.SOPClassUID, from.SOPInstanceUID, from.TransferSyntaxUID = o.SOPClassUID, o.SOPInstanceUID, radnode.UID(pc.TransferSyntax)
	data, err := o.Open(ctx, from.TransferSyntaxUID)
	if err != nil {
		return Response{}, err
	}
	rsp, err := c.Store(ctx, from, data)
	return rsp, errors.Join(err, data.Close())
}

// Destination is where SendObjects sends to.
type Destination struct {
	Address string
	Client  ClientConfig
	// Answered is told what the peer answered to the proposals of each
	// association; nil: nobody is.
	Answered func([]ContextOutcome)
}

// redials is how often SendObjects opens a lost association again.
const redials = 2

// SendObjects sends objects over as many associations as their contexts need.
// done is told of each object, in order: the peer's response, or why there is
// none. A lost association is opened again for the objects after the one it
// was lost on. from carries priority and move originator. The error says that
// the rest was not tried; done has then been called for what was.
func SendObjects(ctx context.Context, to Destination, objects []Object, from StoreOptions, done func(o Object, rsp Response, err error) error) error {
	losses := 0
	for len(objects) > 0 {
		n, contexts := batch(objects)
		c, err := Dial(ctx, to.Address, to.Client, contexts)
		if err != nil {
			return err
		}
		if to.Answered != nil {
			to.Answered(c.Outcomes())
		}
		sent, err := sendBatch(ctx, c, objects[:n], from, done)
		objects = objects[sent:]
		if err != nil {
			return errors.Join(err, c.Abort())
		}
		if sent == n {
			if err := c.Close(); err != nil && len(objects) == 0 {
				return nil // every object has its answer; how the peer says goodbye changes none
			}
			continue
		}
		if losses++; losses > redials {
			return radnode.Errorf(radnode.Unavailable, "C-STORE", "association with %s was lost %d times", to.Address, losses)
		}
	}
	return nil
}

// sendBatch sends objects until all are sent, done or ctx stops it (err), or
// the association is lost (sent less than all).
func sendBatch(ctx context.Context, c *Client, objects []Object, from StoreOptions, done func(Object, Response, error) error) (sent int, err error) {
	for i, o := range objects {
		rsp, err := c.SendObject(ctx, o, from)
		if err := done(o, rsp, err); err != nil {
			return i + 1, err
		}
		if ctx.Err() != nil {
			return i + 1, context.Cause(ctx)
		}
		if c.assoc.State() != ul.Sta6 {
			return i + 1, nil
		}
	}
	return len(objects), nil
}
