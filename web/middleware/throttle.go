package middleware

import (
	"sync"
	"time"
)

// Throttle counts failed proofs of identity per key (name and address) and
// says when further tries must wait. Its memory is bounded: when it is full,
// keys whose window has passed go first, then it refuses new keys for a while
// rather than forget the ones it guards against.
type Throttle struct {
	limit  int
	window time.Duration
	keys   int
	now    func() time.Time

	mu     sync.Mutex
	failed map[string]*failures
}

type failures struct {
	count int
	until time.Time
}

// NewThrottle allows limit failures per key within window.
func NewThrottle(limit int, window time.Duration) *Throttle {
	return &Throttle{limit: limit, window: window, keys: 10_000, now: time.Now, failed: map[string]*failures{}}
}

// Wait returns how long all of the keys must wait; 0 means go on.
func (t *Throttle) Wait(keys ...string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var longest time.Duration
	for _, key := range keys {
		f, ok := t.failed[key]
		if !ok || f.count < t.limit {
			continue
		}
		longest = max(longest, f.until.Sub(t.now()))
	}
	return max(longest, 0)
}

// Failed counts one failure for each key.
func (t *Throttle) Failed(keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, key := range keys {
		f, ok := t.failed[key]
		if !ok || now.After(f.until) {
			if !ok && len(t.failed) >= t.keys && !t.sweep(now) {
				continue
			}
			f = &failures{until: now.Add(t.window)}
			t.failed[key] = f
		}
		f.count++
	}
}

// Succeeded forgets the failures of the keys.
func (t *Throttle) Succeeded(keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		delete(t.failed, key)
	}
}

// sweep drops keys whose window has passed and reports whether there is room.
func (t *Throttle) sweep(now time.Time) bool {
	for key, f := range t.failed {
		if now.After(f.until) {
			delete(t.failed, key)
		}
	}
	return len(t.failed) < t.keys
}
