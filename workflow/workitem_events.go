package workflow

import (
	"context"
	"errors"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/store"
)

// WorkitemEvent is what subscribers are told of a workitem (PS3.4 CC.2.4).
type WorkitemEvent struct {
	Workitem radnode.UID
	Type     int
	Detail   *dicom.Dataset
}

// The types of events (PS3.4 Table CC.2.4-1).
const (
	stateReportEvent     = 1
	cancelRequestedEvent = 2
	progressReportEvent  = 3
)

func stateReport(item *store.Workitem) WorkitemEvent {
	d := dicom.NewDataset()
	d.Copy(item.Attributes, dicom.ProcedureStepState, dicom.InputReadinessState)
	if info := item.Attributes.Item(dicom.ProcedureStepProgressInformationSequence); item.State == store.WorkitemCanceled && info != nil {
		d.Copy(info, dicom.ReasonForCancellation, dicom.ProcedureStepDiscontinuationReasonCodeSequence)
	}
	return WorkitemEvent{item.UID, stateReportEvent, d}
}

func progressReport(item *store.Workitem) WorkitemEvent {
	d := dicom.NewDataset()
	d.Copy(item.Attributes, dicom.ProcedureStepProgressInformationSequence)
	return WorkitemEvent{item.UID, progressReportEvent, d}
}

func cancelRequested(item *store.Workitem, request *dicom.Dataset) WorkitemEvent {
	d := dicom.NewDataset()
	d.Copy(request, dicom.RequestingAE, dicom.ReasonForCancellation, dicom.ProcedureStepDiscontinuationReasonCodeSequence,
		dicom.ContactURI, dicom.ContactDisplayName)
	return WorkitemEvent{item.UID, cancelRequestedEvent, d}
}

// listeners are the open channels by AE title.
type listeners struct {
	mu  sync.Mutex
	all map[string]map[chan WorkitemEvent]bool
}

// listenBuffer is how many events a listener may be behind before it is let go;
// when it comes back it is told where everything stands.
const listenBuffer = 256

// ListenToWorkitems hears the events that an AE title has subscribed to,
// beginning with the state of each workitem that is not final. The account must
// be the one that subscribed. cancel ends it and closes the channel.
func (w *Workflow) ListenToWorkitems(ctx context.Context, account, ae string) (events <-chan WorkitemEvent, cancel func(), err error) {
	s, err := w.store.Subscriber(ctx, ae)
	if err != nil {
		return nil, nil, err
	}
	if s.Account != account {
		return nil, nil, radnode.Errorf(radnode.Forbidden, opWorkitem, "this AE title belongs to another account")
	}
	ch, cancel := w.listeners.add(ae)
	standing, err := w.store.SubscribedWorkitems(ctx, ae, listenBuffer/2)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	for _, item := range standing {
		w.listeners.tell([]string{ae}, stateReport(item))
	}
	return ch, cancel, nil
}

func (l *listeners) add(ae string) (<-chan WorkitemEvent, func()) {
	ch := make(chan WorkitemEvent, listenBuffer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]map[chan WorkitemEvent]bool{}
	}
	if l.all[ae] == nil {
		l.all[ae] = map[chan WorkitemEvent]bool{}
	}
	l.all[ae][ch] = true
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(ae, ch)
	}
}

func (l *listeners) drop(ae string, ch chan WorkitemEvent) {
	if !l.all[ae][ch] {
		return
	}
	delete(l.all[ae], ch)
	if len(l.all[ae]) == 0 {
		delete(l.all, ae)
	}
	close(ch)
}

// tell never waits: a listener that is too far behind is let go.
func (l *listeners) tell(titles []string, e WorkitemEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ae := range titles {
		for ch := range l.all[ae] {
			select {
			case ch <- e:
			default:
				l.drop(ae, ch)
			}
		}
	}
}

// tell tells the subscribers of a workitem once the transaction is on disk.
func (w *Workflow) tell(ctx context.Context, tx *store.Tx, item *store.Workitem, e WorkitemEvent) error {
	titles, err := tx.SubscribersOf(ctx, item.UID)
	if err == nil && len(titles) > 0 {
		tx.AfterCommit(func() { w.listeners.tell(titles, e) })
	}
	return err
}

// subscribeGlobals subscribes who wants to hear of new workitems to a new one.
func (w *Workflow) subscribeGlobals(ctx context.Context, tx *store.Tx, item *store.Workitem) error {
	all, err := tx.GlobalSubscribers(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		match, err := store.Matcher(s.Filter, false)
		if err != nil {
			return err
		}
		if s.Scope == store.ScopeFiltered && !match(item.Attributes) {
			continue
		}
		if err := tx.Subscribe(ctx, item.UID, s.AETitle, s.Locked); err != nil {
			return err
		}
	}
	return nil
}

// Subscription is what an AE title wants to be told of.
type Subscription struct {
	AETitle  string
	Account  string
	Workitem radnode.UID // or GlobalSubscription, FilteredSubscription
	Filter   *dicom.Dataset
	Locked   bool // the workitems are kept for the subscriber (deletion lock)
}

// SubscribeToWorkitems subscribes (PS3.4 CC.2.3): to one workitem, or to all
// that there are and that are to come. The subscriber is told of the state of
// each at once.
func (w *Workflow) SubscribeToWorkitems(ctx context.Context, sub Subscription) error {
	global := sub.Workitem == GlobalSubscription || sub.Workitem == FilteredSubscription
	match, err := store.Matcher(orEmpty(sub.Filter), false)
	if err != nil {
		return err
	}
	var items []radnode.UID
	if global {
		for _, state := range []string{store.WorkitemScheduled, store.WorkitemInProgress} {
			err = errors.Join(err, w.store.EachWorkitem(ctx, state, func(item *store.Workitem) error {
				if sub.Workitem == GlobalSubscription || match(item.Attributes) {
					items = append(items, item.UID)
				}
				return nil
			}))
		}
	} else {
		items = []radnode.UID{sub.Workitem}
	}
	if err != nil {
		return err
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := w.saveSubscriber(ctx, tx, sub, global); err != nil {
			return err
		}
		for _, uid := range items {
			item, err := tx.Workitem(ctx, uid)
			if err != nil {
				return err
			}
			if err := tx.Subscribe(ctx, uid, sub.AETitle, sub.Locked); err != nil {
				return err
			}
			tx.AfterCommit(func() { w.listeners.tell([]string{sub.AETitle}, stateReport(item)) })
		}
		return nil
	})
}

func orEmpty(d *dicom.Dataset) *dicom.Dataset {
	if d == nil {
		return dicom.NewDataset()
	}
	return d
}

func (w *Workflow) saveSubscriber(ctx context.Context, tx *store.Tx, sub Subscription, global bool) error {
	s := store.Subscriber{AETitle: sub.AETitle, Account: sub.Account, Scope: store.ScopeNone}
	old, err := tx.Subscriber(ctx, sub.AETitle)
	switch {
	case err == nil:
		s = old
		s.Account = sub.Account // SaveSubscriber refuses another one
	case radnode.CodeOf(err) != radnode.NotFound:
		return err
	default:
		n, err := tx.CountSubscribers(ctx)
		if err != nil {
			return err
		}
		if n >= mostSubscribers {
			return radnode.Errorf(radnode.NoResources, opWorkitem, "more than %d subscribers", mostSubscribers)
		}
	}
	if global {
		s.Scope, s.Filter, s.Locked, s.Suspended = store.ScopeAll, nil, sub.Locked, false
		if sub.Workitem == FilteredSubscription {
			s.Scope, s.Filter = store.ScopeFiltered, sub.Filter
		}
	}
	return tx.SaveSubscriber(ctx, &s)
}

// UnsubscribeFromWorkitems ends a subscription; that to all ends every one.
func (w *Workflow) UnsubscribeFromWorkitems(ctx context.Context, sub Subscription) error {
	return w.changeSubscriber(ctx, sub, func(ctx context.Context, tx *store.Tx, _ *store.Subscriber) error {
		if sub.Workitem == GlobalSubscription || sub.Workitem == FilteredSubscription {
			return tx.Unsubscribe(ctx, "", sub.AETitle)
		}
		if _, err := tx.Workitem(ctx, sub.Workitem); err != nil {
			return err
		}
		return tx.Unsubscribe(ctx, sub.Workitem, sub.AETitle)
	})
}

// SuspendWorkitems ends the subscription to workitems that are to come and
// leaves the others.
func (w *Workflow) SuspendWorkitems(ctx context.Context, sub Subscription) error {
	return w.changeSubscriber(ctx, sub, func(ctx context.Context, tx *store.Tx, s *store.Subscriber) error {
		s.Suspended = true
		return tx.SaveSubscriber(ctx, s)
	})
}

func (w *Workflow) changeSubscriber(ctx context.Context, sub Subscription, fn func(context.Context, *store.Tx, *store.Subscriber) error) error {
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		s, err := tx.Subscriber(ctx, sub.AETitle)
		if err != nil {
			return err
		}
		if s.Account != sub.Account {
			return radnode.Errorf(radnode.Forbidden, opWorkitem, "this AE title belongs to another account")
		}
		return fn(ctx, tx, &s)
	})
}
