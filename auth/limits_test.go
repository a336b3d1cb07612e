package auth

import (
	"context"
	"testing"
	"time"

	"github.com/radnode/radnode"
)

func TestTokensAreHeldToTheirLimits(t *testing.T) {
	a := mustOpen(t)
	ctx := context.Background()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	a.now = func() time.Time { return now }
	for _, name := range []string{"fast", "slow"} {
		if _, err := a.CreateToken(ctx, name, radnode.Service, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.SetLimits(ctx, "slow", Limits{PerMinute: 6, PerDay: 10}); err != nil {
		t.Fatal(err)
	}
	spend := func(a *Accounts, name string) time.Duration {
		wait, err := a.Spend(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for range 1000 {
		if wait := spend(a, "fast"); wait != 0 {
			t.Fatalf("a token without limits waits %s", wait)
		}
	}
	for i := range 6 {
		if wait := spend(a, "slow"); wait != 0 {
			t.Fatalf("request %d waits %s", i, wait)
		}
	}
	if wait := spend(a, "slow"); wait < 9*time.Second || wait > 10*time.Second {
		t.Errorf("after a burst the wait is %s", wait)
	}
	now = now.Add(11 * time.Second)
	if wait := spend(a, "slow"); wait != 0 {
		t.Errorf("a moment later the wait is %s", wait)
	}
	now = now.Add(time.Minute)
	for range 3 {
		spend(a, "slow")
	}
	if wait := spend(a, "slow"); wait < 11*time.Hour {
		t.Errorf("after the quota of the day the wait is %s", wait)
	}
	now = now.Add(11 * time.Second)
	spend(a, "slow") // writes what was counted
	again, err := Open(ctx, a.db, a.read)
	if err != nil {
		t.Fatal(err)
	}
	again.now = a.now
	if wait := spend(again, "slow"); wait < 11*time.Hour {
		t.Errorf("after a restart the wait is %s", wait)
	}
	now = now.Add(12 * time.Hour)
	if wait := spend(again, "slow"); wait != 0 {
		t.Errorf("the next day the wait is %s", wait)
	}
	if err := a.SetLimits(ctx, "nobody", Limits{}); radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("limits of no token: %v", err)
	}
	if err := a.SetLimits(ctx, "slow", Limits{PerDay: -1}); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("a negative limit: %v", err)
	}
}
