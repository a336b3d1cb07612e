package node

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/radnode/radnode"
)

func TestAStartWaitsForItsIndexAndForNothingElse(t *testing.T) {
	locked, broken := radnode.Errorf(radnode.Unavailable, "x", "locked"), radnode.Errorf(radnode.Internal, "x", "broken")
	for name, c := range map[string]struct {
		answers []error
		want    error
	}{
		"at once":            {[]error{nil}, nil},
		"locked for a while": {[]error{locked, locked, nil}, nil},
		"a defect":           {[]error{locked, broken, nil}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := persist(t.Context(), slog.New(slog.DiscardHandler), "it", time.Millisecond, func() error {
				calls++
				return c.answers[calls-1]
			})
			if radnode.CodeOf(err) != radnode.CodeOf(c.want) {
				t.Errorf("%v after %d calls", err, calls)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := persist(ctx, slog.New(slog.DiscardHandler), "it", time.Hour, func() error { return locked }); err == nil {
		t.Error("it succeeded")
	}
}
