package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/workflow"
)

// evidence knows what speaks for a study being whole before it has been quiet
// for long enough: a performed procedure step that is completed and whose
// instances are all here, or the release of the association that brought it.
// Each word is weighed again when the study is about to be read; an image that
// comes later re-opens it anyway.
type evidence struct {
	store  *store.Store
	hasten func(ctx context.Context, study radnode.UID) error
	log    *slog.Logger

	rules func(ctx context.Context) ([]radnode.Peer, error) // the peers
	count func(ctx context.Context, peer radnode.Peer, study radnode.UID) (int, error)

	mu       sync.Mutex
	sending  map[string]*sent // by association
	released map[radnode.UID]time.Time
	counts   map[question]counted
	news     chan news
	asks     chan question
}

var _ workflow.Completeness = (*evidence)(nil)

// sent is what one association has brought.
type sent struct {
	count   int
	last    []radnode.UID // the newest instances
	refused bool          // one of its instances was not taken
}

// news is what may complete studies: a step that is over, or an association.
type news struct {
	study     radnode.UID
	instances []radnode.UID // of a released association
	few       bool          // too few for the release to mean anything
	at        time.Time
}

const (
	// rememberedInstances is how many instances of an association are looked
	// up when it ends.
	rememberedInstances = 256
	// rememberedStudies bounds the releases that are remembered.
	rememberedStudies = 4096
	// waitingNews bounds what waits to be weighed. What finds no room is lost:
	// the study then waits for its quiet time.
	waitingNews = 256
	// manyEnough is how many instances an association must have brought for
	// its release to mean anything: some devices open one for each.
	manyEnough = 2
	// fewTogether is how long a sender of one image at a time is waited for
	// before what its images complete is weighed, once for all of them.
	fewTogether = 100 * time.Millisecond
)

func newEvidence(log *slog.Logger) *evidence {
	return &evidence{log: log, sending: map[string]*sent{}, released: map[radnode.UID]time.Time{},
		counts: map[question]counted{}, news: make(chan news, waitingNews), asks: make(chan question, waitingNews)}
}

// stored notes an instance that an association has brought.
func (e *evidence) stored(association string, instance radnode.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.by(association)
	s.count++
	if len(s.last) == rememberedInstances {
		s.last = slices.Delete(s.last, 0, rememberedInstances/2)
	}
	s.last = append(s.last, instance)
}

// refused notes that an association has brought an instance that was not
// taken: its release says nothing then.
func (e *evidence) refused(association string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.by(association).refused = true
}

// by is what an association has brought; e.mu is held.
func (e *evidence) by(association string) *sent {
	s := e.sending[association]
	if s == nil {
		s = &sent{}
		e.sending[association] = s
	}
	return s
}

// ended is told of each association that is over; cause is nil after an
// orderly release.
func (e *evidence) ended(_ context.Context, a *dimse.Association, cause error) {
	e.mu.Lock()
	s := e.sending[a.ID]
	delete(e.sending, a.ID)
	e.mu.Unlock()
	if s != nil && s.count > 0 && !s.refused && cause == nil {
		e.tell(news{instances: s.last, few: s.count < manyEnough, at: time.Now()})
	}
}

// completed is told of each study one of whose steps is completed.
func (e *evidence) completed(study radnode.UID) { e.tell(news{study: study}) }

func (e *evidence) tell(n news) {
	select {
	case e.news <- n:
	default:
	}
}

// run weighs the news and asks senders until ctx ends.
func (e *evidence) run(ctx context.Context) error {
	var asking errgroup.Group
	for range askersAtOnce {
		asking.Go(func() error { return e.askAll(ctx) })
	}
	few := news{few: true}
	var due <-chan time.Time
	for {
		var n news
		select {
		case <-ctx.Done():
			return asking.Wait()
		case n = <-e.news:
			if n.few {
				few.instances = append(few.instances, n.instances...)
				if due == nil {
					due = time.After(fewTogether)
				}
				continue
			}
		case <-due:
			n, few.instances, due = few, nil, nil
		}
		if err := e.weigh(ctx, n); err != nil && ctx.Err() == nil {
			e.log.Warn("a study waits for its quiet time: other evidence could not be weighed", "error", err)
		}
	}
}

// weigh has the studies read that may be whole now.
func (e *evidence) weigh(ctx context.Context, n news) error {
	studies := []radnode.UID{n.study}
	if n.study == "" {
		var err error
		if studies, err = e.releasedBy(ctx, n); err != nil {
			return err
		}
	}
	for _, study := range studies {
		last, err := e.store.LastReceived(ctx, study)
		if err != nil {
			return err
		}
		if last.IsZero() {
			continue
		}
		c, err := e.Judge(ctx, study, last)
		if err != nil {
			return err
		}
		if c.State == radnode.ImagesArriving {
			continue
		}
		if err := e.hasten(ctx, study); err != nil {
			return err
		}
	}
	return nil
}

// releasedBy lists the studies that a released association brought and that no
// other association is bringing.
func (e *evidence) releasedBy(ctx context.Context, n news) ([]radnode.UID, error) {
	e.mu.Lock()
	var others []radnode.UID
	for _, s := range e.sending {
		others = append(others, s.last[max(0, len(s.last)-1):]...)
	}
	e.mu.Unlock()
	studies, _, err := e.store.StudiesOf(ctx, n.instances)
	if err != nil {
		return nil, err
	}
	busy, _, err := e.store.StudiesOf(ctx, others)
	if err != nil {
		return nil, err
	}
	if n.few {
		return studies, nil
	}
	studies = slices.DeleteFunc(studies, func(study radnode.UID) bool { return slices.Contains(busy, study) })
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.released) > rememberedStudies {
		clear(e.released)
	}
	for _, study := range studies {
		e.released[study] = n.at
	}
	return studies, nil
}
