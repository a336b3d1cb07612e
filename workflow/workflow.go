// Package workflow is the story of a study: it comes in (Ingest), is read by
// the models that fit (Analyze), is reviewed and signed by a person (Decide,
// Sign) and delivered with proof (Deliver).
//
// Each verb has a file of its own and one transaction in which it takes
// effect. What is needed from outside (models, documents, peers) is asked for
// through the small interfaces below, so that the story can be told in a test
// without any of them.
//
// The rules it keeps:
//
//   - nothing is acknowledged before file, row and job are on disk;
//   - every verb may be started again after a crash at any point: a second run
//     finds what the first one filed and goes on from there;
//   - a document's SOP Instance UID is chosen before the document is made, so
//     that no crash gives one report two identities;
//   - every instance, report and delivery is in one defined state (Ledger).
package workflow

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// Analyzer reads one instance with every model that fits it.
type Analyzer interface {
	// Analyze returns one analysis per model and frame. An error with code
	// Unavailable, NoResources or Canceled may pass; any other is final for
	// this instance.
	Analyze(ctx context.Context, req AnalyzeRequest) ([]radnode.Analysis, error)
}

// AnalyzeRequest names an instance and where its stage pictures go.
type AnalyzeRequest struct {
	Path   string // Part 10 file
	OutDir string // exists; Stage.File is relative to it
}

// The kinds of destinations; "" is DIMSE.
const (
	KindSTOW = "stow" // STOW-RS (PS3.18 10.5)
	KindFHIR = "fhir" // a transaction of a FHIR server
	KindHL7  = "hl7"  // HL7 v2 over MLLP
)

// Object is a document or message on its way to a destination.
type Object struct {
	Path              string // Part 10 file; "" for a message
	SOPClassUID       radnode.UID
	SOPInstanceUID    radnode.UID // of a message: of the report it tells
	SeriesInstanceUID radnode.UID
	StudyInstanceUID  radnode.UID
	TransferSyntaxUID radnode.UID
	Message           []byte
}

// Answered marks an error as the answer of a destination that works: it is about
// the object, and nothing speaks against sending others.
func Answered(err error) error { return answered{err} }

type answered struct{ error }

func (a answered) Unwrap() error { return a.error }

// Denied marks an error as the destination's word that it does not keep an
// object and will not: it is no answer that only leaves the proof out.
func Denied(err error) error { return denied{err} }

type denied struct{ error }

func (d denied) Unwrap() error { return d.error }

// own marks an error as the node's: it says nothing about a destination.
type own struct{ error }

func (o own) Unwrap() error { return o.error }

// IsAnswer reports whether an error is an answer in the sense of Answered.
func IsAnswer(err error) bool {
	if a := (answered{}); errors.As(err, &a) {
		return true
	}
	switch radnode.CodeOf(err) {
	case "", radnode.Unavailable, radnode.NoResources, radnode.Canceled:
		return false
	}
	return true
}

// NotBefore is an error after which the destination wants to be left alone for a
// while.
func NotBefore(err error, pause time.Duration) error { return notBefore{err, pause} }

type notBefore struct {
	error
	pause time.Duration
}

func (n notBefore) Unwrap() error { return n.error }

// ErrPending is the answer to a question for proof that has no answer yet: the
// destination is there and takes its time.
var ErrPending = Answered(radnode.Errorf(radnode.Unavailable, "prove delivery", "the destination has not said yet whether it keeps the object"))

// Sender brings objects to destinations.
type Sender interface {
	// Store sends one object; nil means that the destination answered success or
	// a warning. Unavailable, NoResources, Canceled and Internal errors are
	// tried again; Conflict means that it has the instance already; Unsupported
	// that it does not take the SOP class; any other error is a refusal for good.
	Store(ctx context.Context, peer radnode.Peer, object Object) error

	// Prove finds out whether the destination keeps the objects, and how that
	// was found out ("storage commitment", "query"). NotFound means that it does
	// not have them; Unsupported, Forbidden or Invalid that it will not say.
	Prove(ctx context.Context, peer radnode.Peer, objects []Object) (proof string, err error)

	// Takes finds out which SOP classes the destination takes; nil: it does not
	// tell before it is sent one.
	Takes(ctx context.Context, peer radnode.Peer, classes []radnode.UID) (map[radnode.UID]bool, error)
}

// Options say what the workflow works with. Tools that only take objects in or
// read need no Analyzer, Author or Sender; they do not call Start.
type Options struct {
	Store    *store.Store
	Analyzer Analyzer
	Author   Author
	Sender   Sender

	// Completeness knows what speaks for a study being whole beside time. nil:
	// only time does.
	Completeness Completeness
	// AE is our own AE title: what comes from it is not analysed again.
	AE string
	// Urgency is the urgency of a label when present, from the manifest of its
	// model. nil: none is urgent.
	Urgency func(model radnode.ModelRef, label string) int
	// SecondReader asks for the signatures of two persons under each report.
	SecondReader bool

	Quiet           time.Duration   // without new images before a study is read; 0: 5 s
	Patience        time.Duration   // a study is read after this time even if images keep coming; 0: 15 min
	AnalysisWorkers int             // studies read at a time; 0: 1
	DeliveryWorkers int             // deliveries at a time; 0: 4
	AnalysisTimeout time.Duration   // of one study; 0: 1 h
	DeliveryTimeout time.Duration   // of one attempt; 0: 10 min
	GiveUp          time.Duration   // how long a delivery is tried; 0: 7 days
	Pauses          []time.Duration // after the first, second … failed attempt of a delivery; nil: 5 s … 1 h

	Log   *slog.Logger
	Now   func() time.Time  // the clock; nil: time.Now
	Trace func(step string) // told each durable step; tests end the process there
}

// The kinds of jobs.
const (
	analyzeJob = "analyze" // key: Study Instance UID
	deliverJob = "deliver" // key: delivery
	// workitemJob performs a workitem; key: its UID
	workitemJob = "workitem"
	// metadataJob keeps metadata; key: Study Instance UID
	metadataJob = "metadata"
)

// Workflow moves studies along.
type Workflow struct {
	Options
	store  *store.Store
	queue  *jobs.Queue
	events broadcast

	listeners listeners    // to workitems
	forgot    atomic.Int64 // when old workitems were dropped last, Unix time
}

// Schemas are the tables that the workflow needs besides the store's own; give
// them to store.Open.
func Schemas() []store.Schema {
	return []store.Schema{{Name: "jobs", FS: jobs.Migrations()}}
}

// New makes a workflow; Start sets it to work.
func New(o Options) *Workflow {
	defaults(&o.Quiet, 5*time.Second)
	defaults(&o.Patience, 15*time.Minute)
	defaults(&o.AnalysisTimeout, time.Hour)
	defaults(&o.DeliveryTimeout, 10*time.Minute)
	defaults(&o.GiveUp, 7*24*time.Hour)
	defaults(&o.AnalysisWorkers, 1)
	defaults(&o.DeliveryWorkers, 4)
	if len(o.Pauses) == 0 {
		o.Pauses = deliveryPauses
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
	if o.Urgency == nil {
		o.Urgency = func(radnode.ModelRef, string) int { return 0 }
	}
	w := &Workflow{Options: o, store: o.Store}
	w.queue = jobs.New(jobs.Options{
		Write: func(ctx context.Context, fn func(context.Context, jobs.Tx) error) error {
			return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
		},
		Read: w.store.Reader(), Owner: "node", Log: o.Log, Trace: o.Trace, Now: o.Now,
	},
		jobs.Kind{Name: analyzeJob, Handler: w.analyze, Workers: o.AnalysisWorkers, Timeout: o.AnalysisTimeout},
		jobs.Kind{Name: deliverJob, Handler: w.deliver, Workers: o.DeliveryWorkers, Timeout: o.DeliveryTimeout},
		jobs.Kind{Name: metadataJob, Handler: w.describe, Workers: 1, Timeout: 10 * time.Minute},
		jobs.Kind{Name: workitemJob, Handler: w.perform, Workers: 1, Timeout: time.Minute},
	)
	return w
}

func defaults[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Start goes on with whatever is to be done.
func (w *Workflow) Start(ctx context.Context) error { return w.queue.Start(ctx) }

// Stop ends the running jobs, waits for them and puts them back. Ingest and
// the reviewing verbs still work.
func (w *Workflow) Stop() { w.queue.Stop() }

// now has the precision that the store keeps.
func (w *Workflow) now() time.Time { return w.Now().UTC().Truncate(time.Microsecond) }
