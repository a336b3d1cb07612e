package workflow

import (
	"sync"

	"github.com/radnode/radnode"
)

// eventBuffer is how many events a subscriber may be behind.
const eventBuffer = 64

// broadcast tells subscribers what changed. It never waits for one: who is too
// far behind gets one event without a study, which means "look again at
// everything".
type broadcast struct {
	mu   sync.Mutex
	subs map[*subscriber]bool
}

type subscriber struct {
	ch     chan radnode.Event
	missed bool
}

// Events subscribes to changes. cancel ends the subscription and closes the
// channel.
func (w *Workflow) Events() (events <-chan radnode.Event, cancel func()) {
	return w.events.subscribe()
}

// Publish tells the subscribers about a change made elsewhere (models, peers).
func (w *Workflow) Publish(e radnode.Event) { w.events.publish(e) }

func (b *broadcast) subscribe() (<-chan radnode.Event, func()) {
	s := &subscriber{ch: make(chan radnode.Event, eventBuffer)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[*subscriber]bool{}
	}
	b.subs[s] = true
	var once sync.Once
	return s.ch, func() {
		once.Do(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.subs, s)
			close(s.ch)
		})
	}
}

func (b *broadcast) publish(e radnode.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		s.send(e)
	}
}

// send leaves room for the "look again" event: the last place of the buffer is
// its.
func (s *subscriber) send(e radnode.Event) {
	switch {
	case len(s.ch) < cap(s.ch)-1:
		s.ch <- e // only this goroutine sends, under the lock
		s.missed = false
	case !s.missed:
		s.missed = true
		s.ch <- radnode.Event{Kind: "study"}
	}
}
