package audit

import (
	"sync"
	"time"
)

// Lately remembers what was recorded a short while ago, so that a viewer that
// asks for every frame by itself, or comes back with an entity tag, does not
// fill the trail. Its memory is bounded: when it is full, acts are recorded once
// more rather than not at all.
type Lately struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	latelyTime = 10 * time.Minute
	mostLately = 10_000
)

// Seen reports whether the act was recorded a short while ago, and remembers it.
func (l *Lately) Seen(act string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, ok := l.last[act]; ok && now.Sub(at) < latelyTime {
		return true
	}
	if len(l.last) >= mostLately || l.last == nil {
		l.last = map[string]time.Time{}
	}
	l.last[act] = now
	return false
}

// Forget takes back what Seen remembered: the record could not be written.
func (l *Lately) Forget(act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, act)
}
