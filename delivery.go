package radnode

import "time"

// DeliveryFilter selects deliveries. A delivery that is not finished, refused or
// not provable is "open".
type DeliveryFilter struct {
	State  DeliveryState // "": every state
	Peer   string        // "": every destination
	Limit  int           // 1..500
	Offset int
}

// BreakerState says whether a destination is called.
type BreakerState string

// The states of a circuit breaker.
const (
	BreakerClosed   BreakerState = "closed"    // it answers
	BreakerOpen     BreakerState = "open"      // it did not for so long that nothing is sent until Next
	BreakerHalfOpen BreakerState = "half_open" // one delivery finds out whether it answers again
)

// Breaker keeps a node from calling a destination that does not answer.
type Breaker struct {
	State    BreakerState `json:"state"`
	Failures int          `json:"failures"` // in a row
	Since    *time.Time   `json:"since"`    // of the first of them
	Next     *time.Time   `json:"next"`     // when it is called again
	Reason   string       `json:"reason"`   // of the last of them
}

// Destination is where signed reports go, and how that fares.
type Destination struct {
	Name       string                `json:"name"`
	Kind       string                `json:"kind"`    // dimse, stow, fhir, hl7
	Address    string                `json:"address"` // AE@host:port or URL
	Deliver    []string              `json:"deliver"`
	Breaker    Breaker               `json:"breaker"`
	Deliveries map[DeliveryState]int `json:"deliveries"`
	Learned    []string              `json:"learned"` // what its answers taught, one sentence each
}
