package node

import (
	"context"

	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/workflow"
)

// subscriptions are those of DICOMweb to the workitems of the workflow.
type subscriptions struct{ flow *workflow.Workflow }

var (
	_ dicomweb.Workitems     = (*workflow.Workflow)(nil)
	_ dicomweb.Subscriptions = subscriptions{}
)

func subscriptionOf(s dicomweb.Subscription) workflow.Subscription {
	return workflow.Subscription{AETitle: s.AETitle, Account: s.Account, Workitem: s.Workitem, Filter: s.Filter, Locked: s.Locked}
}

// Subscribe implements dicomweb.Subscriptions.
func (x subscriptions) Subscribe(ctx context.Context, s dicomweb.Subscription) error {
	return x.flow.SubscribeToWorkitems(ctx, subscriptionOf(s))
}

// Unsubscribe implements dicomweb.Subscriptions.
func (x subscriptions) Unsubscribe(ctx context.Context, s dicomweb.Subscription) error {
	return x.flow.UnsubscribeFromWorkitems(ctx, subscriptionOf(s))
}

// Suspend implements dicomweb.Subscriptions.
func (x subscriptions) Suspend(ctx context.Context, s dicomweb.Subscription) error {
	return x.flow.SuspendWorkitems(ctx, subscriptionOf(s))
}

// Listen implements dicomweb.Subscriptions.
func (x subscriptions) Listen(ctx context.Context, account, ae string) (<-chan dicomweb.WorkitemEvent, func(), error) {
	from, cancel, err := x.flow.ListenToWorkitems(ctx, account, ae)
	if err != nil {
		return nil, nil, err
	}
	to, stopped := make(chan dicomweb.WorkitemEvent), make(chan struct{})
	go func() { // ends with the subscription or its listener
		defer close(to)
		for e := range from {
			select {
			case to <- dicomweb.WorkitemEvent{Workitem: e.Workitem, Type: e.Type, Detail: e.Detail}:
			case <-stopped:
				return
			}
		}
	}()
	return to, func() { close(stopped); cancel() }, nil
}
