package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/radnode/radnode"
)

// longestPause is how seldom a start asks for what it waits for.
const longestPause = time.Minute

// persist does a step of the start again until it succeeds: an index that is
// locked, gone or without room is no reason to end. Other errors are.
func persist(ctx context.Context, log *slog.Logger, what string, pause time.Duration, do func() error) error {
	for ; ; pause = min(2*pause, longestPause) {
		err := do()
		if code := radnode.CodeOf(err); ctx.Err() != nil || code != radnode.Unavailable && code != radnode.NoResources {
			return err
		}
		log.Error(what+" waits for the index", "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
