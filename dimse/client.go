package dimse

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// ClientConfig says who calls whom, and how.
type ClientConfig struct {
	CallingAE string
	CalledAE  string
	// TLS secures the transport; nil: plain TCP.
	TLS *tls.Config
	// Response limits waiting for a response; 0: 5 min.
	Response time.Duration
	// UL holds the other times and the maximum PDU length.
	UL ul.Config
	// Identity is sent as user identity (PS3.7 D.3.3.7).
	Identity *ul.UserIdentity
}

// Proposal is a presentation context to propose: a SOP class and the transfer
// syntaxes, the favourite first.
type Proposal struct {
	SOPClassUID      radnode.UID
	TransferSyntaxes []radnode.UID
	// Provide proposes that this side provides the class (SCP role) instead of
	// using it: storage for a C-GET, storage commitment to report.
	Provide bool
	// Extended is the service class application information (PS3.7 D.3.3.5).
	Extended []byte
}

// VerificationContexts is what a C-ECHO needs.
func VerificationContexts() []Proposal {
	return []Proposal{proposal(Verification)}
}

// proposal offers a class in the syntaxes of identifiers.
func proposal(class radnode.UID) Proposal {
	return Proposal{SOPClassUID: class, TransferSyntaxes: []radnode.UID{ExplicitVRLittleEndian, ImplicitVRLittleEndian}}
}

// StorageContexts makes the proposals for objects of the given SOP classes and
// transfer syntaxes: one context for each pair, so that the peer's answer
// tells of each syntax whether it takes it. Equal pairs count once.
func StorageContexts(pairs ...StoreOptions) []Proposal {
	var list []Proposal
	seen := map[[2]radnode.UID]bool{}
	for _, p := range pairs {
		key := [2]radnode.UID{p.SOPClassUID, p.TransferSyntaxUID}
		if !seen[key] {
			seen[key] = true
			list = append(list, Proposal{SOPClassUID: p.SOPClassUID, TransferSyntaxes: []radnode.UID{p.TransferSyntaxUID}})
		}
	}
	return list
}

// Client is an association that this side opened. Its methods are called one
// at a time.
type Client struct {
	assoc     *ul.Association
	info      *Association
	messageID uint16
	buf       bytes.Buffer
	store     Storer       // takes the objects of a C-GET
	reports   reportKeeper // storage commitment reports not yet asked for
}

// Dial opens an association and proposes the contexts. A refusal is an error
// with code Forbidden (permanent) or Unavailable (for now) around a
// *ul.Reject; a peer that cannot be reached or does not answer is Unavailable.
func Dial(ctx context.Context, address string, cfg ClientConfig, contexts []Proposal) (*Client, error) {
	const op = "open DICOM association"
	if len(contexts) == 0 || len(contexts) > ul.MaxContexts {
		return nil, radnode.Errorf(radnode.Invalid, op, "%d presentation contexts: an association takes 1 to %d", len(contexts), ul.MaxContexts)
	}
	rq := cfg.request(contexts)
	// Between the messages of an association that this side drives there is
	// only waiting for a response.
	if cfg.Response > 0 {
		cfg.UL.Idle = cfg.Response
	}
	if cfg.TLS != nil {
		cfg.UL.DialContext = dialTLS(cfg.TLS, cfg.UL.DialContext)
	}
	assoc, err := ul.Dial(ctx, address, rq, cfg.UL)
	if err != nil {
		return nil, dialError(op, address, err)
	}
	return &Client{assoc: assoc, info: newAssociation(assoc, rq)}, nil
}

// request builds the A-ASSOCIATE-RQ.
func (cfg *ClientConfig) request(contexts []Proposal) *ul.AssociateRQ {
	rq := &ul.AssociateRQ{CalledAE: cfg.CalledAE, CallingAE: cfg.CallingAE}
	u := &rq.User
	u.ImplementationClassUID = string(dicom.ImplementationClass)
	u.ImplementationVersionName = dicom.ImplementationVersion
	u.Identity = cfg.Identity
	for i, p := range contexts {
		c := ul.ContextRQ{ID: byte(2*i + 1), AbstractSyntax: string(p.SOPClassUID)}
		for _, ts := range p.TransferSyntaxes {
			c.TransferSyntaxes = append(c.TransferSyntaxes, string(ts))
		}
		rq.Contexts = append(rq.Contexts, c)
		if _, done := u.Role(c.AbstractSyntax); p.Provide && !done { // one for each SOP class
			u.Roles = append(u.Roles, ul.RoleSelection{SOPClassUID: c.AbstractSyntax, SCP: true})
		}
		if _, done := u.Negotiated(c.AbstractSyntax); len(p.Extended) > 0 && !done {
			u.Extended = append(u.Extended, ul.ExtendedNegotiation{SOPClassUID: c.AbstractSyntax, Information: p.Extended})
		}
	}
	return rq
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTLS does the handshake as part of opening the transport.
func dialTLS(cfg *tls.Config, dial dialFunc) dialFunc {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := cfg.Clone()
		if own.ServerName == "" {
			own.ServerName = hostOf(address)
		}
		conn := tls.Client(raw, own)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return conn, nil
	}
}

func dialError(op, address string, err error) error {
	code := radnode.Unavailable
	var rj *ul.Reject
	switch {
	case errors.As(err, &rj) && !rj.Transient():
		code = radnode.Forbidden
	case errors.Is(err, context.Canceled):
		code = radnode.Canceled
	}
	return radnode.Errorf(code, op, "%s: %w", address, err)
}

// lost is the error for an association that did not carry an operation
// through.
func (c *Client) lost(ctx context.Context, op string, err error) error {
	if cause := c.assoc.Cause(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if c.assoc.Cause() == nil {
		// The peer may still answer an operation that was given up: what comes
		// next on this association could not be told apart.
		_ = c.assoc.Abort()
	}
	if errors.Is(err, ul.ErrIdle) {
		err = fmt.Errorf("no response in time: %w", err)
	}
	if ctx.Err() != nil {
		return radnode.Errorf(radnode.Canceled, op, "%w", errors.Join(context.Cause(ctx), err))
	}
	return radnode.Errorf(radnode.Unavailable, op, "%w", err)
}

// accepted returns the context on which this side may use a SOP class, nil if
// the peer accepted none in the wanted transfer syntaxes (any if none is
// named). The first wanted that was accepted counts.
func (c *Client) accepted(class radnode.UID, wanted ...radnode.UID) *ul.Context {
	contexts := c.assoc.Contexts()
	for _, pc := range contexts {
		if len(wanted) == 0 && pc.RequestorSCU && pc.AbstractSyntax == string(class) {
			return pc
		}
	}
	for _, ts := range wanted {
		for _, pc := range contexts {
			if pc.RequestorSCU && pc.AbstractSyntax == string(class) && pc.TransferSyntax == string(ts) {
				return pc
			}
		}
	}
	return nil
}

// Accepts reports whether the peer takes objects of a SOP class in a transfer
// syntax on this association.
func (c *Client) Accepts(class, syntax radnode.UID) bool { return c.accepted(class, syntax) != nil }

// ContextOutcome is what the peer answered to one proposal.
type ContextOutcome struct {
	SOPClassUID       radnode.UID
	Proposed          []radnode.UID // transfer syntaxes
	TransferSyntaxUID radnode.UID   // chosen; "" unless accepted
	Result            ul.ContextResult
}

// Outcomes returns the peer's answer to each proposal, in their order: what a
// node learns of a peer's abilities.
func (c *Client) Outcomes() []ContextOutcome {
	byID := map[byte]ul.ContextAC{}
	for _, ac := range c.assoc.Answer().Contexts {
		byID[ac.ID] = ac
	}
	var list []ContextOutcome
	for _, p := range c.assoc.Request().Contexts {
		o := ContextOutcome{SOPClassUID: radnode.UID(p.AbstractSyntax), Result: ul.NoReason}
		for _, ts := range p.TransferSyntaxes {
			o.Proposed = append(o.Proposed, radnode.UID(ts))
		}
		if ac, ok := byID[p.ID]; ok {
			o.Result = ac.Result
			if ac.Result == ul.Acceptance {
				o.TransferSyntaxUID = radnode.UID(ac.TransferSyntax)
			}
		}
		list = append(list, o)
	}
	return list
}

// PeerImplementation returns the peer's implementation class UID and version.
func (c *Client) PeerImplementation() (class, version string) {
	u := c.assoc.Peer()
	return u.ImplementationClassUID, u.ImplementationVersionName
}

// Release ends the association in order and closes the transport.
func (c *Client) Release(ctx context.Context) error {
	err := c.assoc.Release(ctx)
	if closeErr := c.assoc.Close(); err == nil && !errors.Is(closeErr, net.ErrClosed) {
		err = closeErr
	}
	if err != nil {
		return radnode.Errorf(radnode.Unavailable, "release DICOM association", "%w", err)
	}
	return nil
}

// Abort ends the association at once.
func (c *Client) Abort() error {
	_ = c.assoc.Abort()
	if err := c.assoc.CloseNow(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close releases the association if it still stands, within ten seconds. It
// is for defer; after Release or Abort it does nothing.
func (c *Client) Close() error {
	if c.assoc.State() != ul.Sta6 {
		return c.Abort()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.Release(ctx)
}

// Response is a final response.
type Response struct {
	Status            Status
	ErrorComment      string
	OffendingElements []string // tags
}

// Err returns nil for success and warnings, else a *StatusError.
func (r Response) Err() error {
	if k := r.Status.Class(); k == Success || k == Warning {
		return nil
	}
	return &StatusError{Status: r.Status, Comment: r.ErrorComment}
}

func newResponse(cmd *Command) Response {
	r := Response{Status: cmd.Status, ErrorComment: cmd.ErrorComment}
	for _, t := range cmd.OffendingElements {
		r.OffendingElements = append(r.OffendingElements, t.String())
	}
	return r
}

// newRequest numbers a request.
func (c *Client) newRequest(field Field, class radnode.UID) *Command {
	c.messageID++
	if c.messageID == 0 {
		c.messageID = 1
	}
	return &Command{Field: field, MessageID: c.messageID, AffectedSOPClassUID: class}
}

func (c *Client) send(contextID byte, cmd *Command, data io.Reader) error {
	return sendCommand(c.assoc.Send, contextID, cmd, data)
}

// receive waits for the next response to rq. Its data set, if it has one, is
// not yet read. Requests of the peer that come in between are answered.
func (c *Client) receive(ctx context.Context, rq *Command) (*ul.Context, *Command, error) {
	for {
		stream, err := c.assoc.Next()
		if err != nil {
			return nil, nil, err
		}
		pc, cmd, err := readCommand(c.assoc, stream, &c.buf)
		if err != nil {
			return nil, nil, err
		}
		if !cmd.Field.IsResponse() {
			if err := c.serve(ctx, pc, cmd); err != nil {
				return nil, nil, err
			}
			continue
		}
		if rq == nil || cmd.Field != rq.Field.Response() || cmd.MessageIDBeingRespondedTo != rq.MessageID {
			return nil, nil, fmt.Errorf("peer sent %s for message %d, which was not asked for", cmd.Field, cmd.MessageIDBeingRespondedTo)
		}
		return pc, cmd, nil
	}
}

// serve answers a request of the peer: objects of a C-GET, storage commitment
// reports, echo.
func (c *Client) serve(ctx context.Context, pc *ul.Context, cmd *Command) error {
	r := &request{Association: c.info, cmd: cmd, context: pc}
	if cmd.HasDataSet {
		var err error
		if r.data, err = c.assoc.NextData(); err != nil {
			return err
		}
	}
	rsp := r.response()
	fault := c.fulfil(ctx, r, rsp)
	if r.data != nil && r.data.Err() == nil {
		if err := r.data.Discard(maxDrain); err != nil {
			return err
		}
	}
	if r.data != nil && r.data.Err() != io.EOF {
		return r.data.Err()
	}
	kind := normalizedService
	if cmd.Field == CStoreRQ {
		kind = storeService
	}
	statusOf(fault, kind).apply(rsp)
	return c.send(pc.ID, rsp, nil)
}

// maxDrain limits reading to the end of a data set that nobody wants.
const maxDrain = 1 << 30

func (c *Client) fulfil(ctx context.Context, r *request, rsp *Command) error {
	switch {
	case r.cmd.Field == CEchoRQ:
		return nil
	case r.cmd.Field == CStoreRQ && c.store != nil:
		req, err := newStoreRequest(r)
		if err != nil {
			return err
		}
		return c.store.Store(ctx, req, r.data)
	case r.cmd.Field == NEventReportRQ:
		rsp.EventTypeID = r.cmd.EventTypeID
		d, err := readIdentifier(r.data, r.context, limitsOf(CFindRSP, maxIdentifier))
		if err != nil {
			return err
		}
		return takeReport(ctx, r, d, &c.reports)
	}
	return &StatusError{Status: StatusUnrecognizedOperation}
}

// maxIdentifier limits the data sets of responses and reports in memory.
const maxIdentifier = 16 << 20

// call sends a request and waits for its only response. A data set that comes
// with the response is dropped.
func (c *Client) call(ctx context.Context, op string, contextID byte, rq *Command, data io.Reader) (*Command, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.assoc.CloseNow() })
	defer stop()
	if err := c.send(contextID, rq, data); err != nil {
		return nil, c.lost(ctx, op, err)
	}
	_, rsp, err := c.receive(ctx, rq)
	if err != nil {
		return nil, c.lost(ctx, op, err)
	}
	if rsp.HasDataSet {
		stream, err := c.assoc.NextData()
		if err == nil {
			err = stream.Discard(4 << 20)
		}
		if err != nil {
			return nil, c.lost(ctx, op, err)
		}
	}
	return rsp, nil
}

// Echo verifies the peer (PS3.4 Annex A). The error is nil only if the peer
// answered with success.
func (c *Client) Echo(ctx context.Context) error {
	const op = "C-ECHO"
	pc := c.accepted(Verification)
	if pc == nil {
		return radnode.Errorf(radnode.Unsupported, op, "peer does not offer verification on this association")
	}
	rsp, err := c.call(ctx, op, pc.ID, c.newRequest(CEchoRQ, Verification), nil)
	if err != nil {
		return err
	}
	if err := newResponse(rsp).Err(); err != nil {
		return radnode.Errorf(radnode.Unavailable, op, "%w", err)
	}
	return nil
}

// StoreOptions names the object that is sent.
type StoreOptions struct {
	SOPClassUID             radnode.UID
	SOPInstanceUID          radnode.UID
	TransferSyntaxUID       radnode.UID
	Priority                Priority
	MoveOriginatorAE        string // set for a C-MOVE sub-operation
	MoveOriginatorMessageID uint16
}

// Store sends one object. data is the data set without Part 10 header in
// o.TransferSyntaxUID and is read to io.EOF. The error says that the object
// did not travel: Unsupported if the peer did not accept class and syntax on
// this association (send it in another or not at all), Unavailable or Canceled
// if the association broke. What the peer thinks of the object stands in the
// Response, whose Err tells success and warnings from failures.
func (c *Client) Store(ctx context.Context, o StoreOptions, data io.Reader) (Response, error) {
	const op = "C-STORE"
	pc := c.accepted(o.SOPClassUID, o.TransferSyntaxUID)
	if pc == nil {
		return Response{}, radnode.Errorf(radnode.Unsupported, op, "peer does not accept SOP class %s in transfer syntax %s", o.SOPClassUID, o.TransferSyntaxUID)
	}
	rq := c.newRequest(CStoreRQ, o.SOPClassUID)
	rq.AffectedSOPInstanceUID, rq.Priority, rq.HasDataSet = o.SOPInstanceUID, o.Priority, true
	rq.MoveOriginatorAE, rq.MoveOriginatorMessageID = o.MoveOriginatorAE, o.MoveOriginatorMessageID
	rsp, err := c.call(ctx, op, pc.ID, rq, data)
	if err != nil {
		return Response{}, err
	}
	return newResponse(rsp), nil
}
