package radnode

import "time"

// Activity is what a node did in the last hours, the oldest first, and what
// waits now. It holds no patient data.
type Activity struct {
	Hours  []ActivityHour `json:"hours"`
	Queues []QueueDepth   `json:"queues"`
}

// ActivityHour counts one hour.
type ActivityHour struct {
	Begin     time.Time `json:"begin"`
	Studies   int       `json:"studies"` // whose last image came in this hour
	Images    int       `json:"images"`  // of these studies
	Drafted   int       `json:"drafted"`
	Signed    int       `json:"signed"`
	Delivered int       `json:"delivered"`
}

// QueueDepth is how much work of a kind waits.
type QueueDepth struct {
	Kind    string `json:"kind"` // of the job; "pixel worker" for requests that wait for a process
	Due     int    `json:"due"`
	Later   int    `json:"later"` // waits for its time: a study that still arrives, a pause after a failure
	Running int    `json:"running"`
	Error   string `json:"error,omitempty"` // of the newest failed attempt
}
