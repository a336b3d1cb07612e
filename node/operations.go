package node

import (
	"context"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/api"
)

var _ api.Operations = (*node)(nil)

// Activity implements api.Operations: the jobs of the queue, and the requests
// that wait for a pixel worker.
func (n *node) Activity(ctx context.Context) (radnode.Activity, error) {
	a, err := n.desk.flow.Activity(ctx)
	if err != nil {
		return a, err
	}
	workers := n.pool.Stats()
	a.Queues = append(a.Queues, radnode.QueueDepth{Kind: "pixel worker", Due: workers.Waiting, Running: workers.Processes})
	return a, nil
}

// ModelUse implements api.Operations.
func (n *node) ModelUse(ctx context.Context, id, version string) (radnode.ModelUse, error) {
	return n.desk.flow.ModelUse(ctx, id, version)
}

// Settings implements api.Operations.
func (n *node) Settings() []api.Setting {
	now, usual := n.config, DefaultConfig()
	var all []api.Setting
	for _, o := range slices.Concat(options, limitOptions) {
		s := api.Setting{Name: o.name, Environment: o.env, Doc: o.doc}
		if o.secret {
			s.Secret = true
		} else {
			s.Value = quoted(o.field(&now))
			s.Changed = s.Value != quoted(o.field(&usual))
		}
		all = append(all, s)
	}
	return all
}

// Verify implements api.Operations.
func (n *node) Verify(ctx context.Context) ([]api.SelfTest, error) {
	list, err := n.pool.Verify(ctx)
	if err != nil {
		return nil, err
	}
	tests := make([]api.SelfTest, len(list))
	for i, v := range list {
		tests[i] = api.SelfTest{Model: v.Model, Case: v.Case, Device: v.Device, Deviation: v.Deviation, Tolerance: v.Tolerance, OK: v.OK, Reason: v.Reason}
	}
	return tests, nil
}
