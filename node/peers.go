package node

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/workflow"
)

// peerBook is the list of peers as people change it.
type peerBook struct{ *workflow.Workflow }

var _ api.Peers = peerBook{}

// AddPeer adds or replaces a peer; of its passcode only a hash is kept.
func (b peerBook) AddPeer(ctx context.Context, p radnode.Peer) error {
	if p.Passcode != "" {
		if len(p.Passcode) < auth.MinPassword || len(p.Passcode) > 1024 {
			return radnode.Errorf(radnode.Invalid, "add peer", "a passcode has %d to 1024 characters", auth.MinPassword)
		}
		p.PasscodeHash, p.Passcode = auth.HashPasscode(p.Passcode), ""
	}
	return b.Workflow.AddPeer(ctx, p)
}
