package middleware

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottleHoldsBackAfterFailuresUntilTheWindowHasPassed(t *testing.T) {
	now := time.Unix(0, 0)
	th := NewThrottle(3, time.Minute)
	th.now = func() time.Time { return now }
	for range 3 {
		if th.Wait("a") != 0 {
			t.Fatal("held back too early")
		}
		th.Failed("a")
	}
	if got := th.Wait("b", "a"); got != time.Minute {
		t.Errorf("waits %v", got)
	}
	if th.Wait("b") != 0 {
		t.Error("another name is held back")
	}
	now = now.Add(61 * time.Second)
	if th.Wait("a") != 0 {
		t.Error("still held back after the window")
	}
	th.Failed("a")
	if th.Wait("a") != 0 {
		t.Error("one failure of a new window holds back")
	}
	th.Failed("a")
	th.Failed("a")
	th.Succeeded("a")
	if th.Wait("a") != 0 {
		t.Error("held back after a success")
	}
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	th := NewThrottle(1, time.Minute)
	th.keys, th.now = 10, func() time.Time { return now }
	for i := range 100 {
		th.Failed(fmt.Sprint(i))
	}
	if len(th.failed) != 10 || th.Wait("3") == 0 {
		t.Errorf("%d keys", len(th.failed))
	}
	now = now.Add(2 * time.Minute)
	th.Failed("new")
	if len(th.failed) != 1 {
		t.Errorf("%d keys after the window", len(th.failed))
	}
}
