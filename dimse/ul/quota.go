package ul

import "sync"

// Quota counts what is in use, in total and per peer, against limits.
type Quota struct {
	total, perPeer int
	mu             sync.Mutex
	used           int
	peers          map[string]int
}

// NewQuota makes a Quota; a limit of 0 means none.
func NewQuota(total, perPeer int) *Quota {
	return &Quota{total: total, perPeer: perPeer, peers: map[string]int{}}
}

// Take asks for one more for a peer. If it is granted, Return must follow.
func (q *Quota) Take(peer string) bool { return q.TakeOf(peer, 0) }

// TakeOf is Take for a peer with a limit of its own; 0: that of all peers.
func (q *Quota) TakeOf(peer string, limit int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if limit == 0 {
		limit = q.perPeer
	}
	if q.total > 0 && q.used >= q.total || limit > 0 && q.peers[peer] >= limit {
		return false
	}
	q.used++
	q.peers[peer]++
	return true
}

// Return gives back what Take granted.
func (q *Quota) Return(peer string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used--
	if q.peers[peer]--; q.peers[peer] <= 0 {
		delete(q.peers, peer)
	}
}

// Used returns how many are in use.
func (q *Quota) Used() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used
}
