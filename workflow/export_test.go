package workflow

import "time"

// Wake has the queue look at once, after a test set its clock forward.
func (w *Workflow) Wake() { w.queue.Wake(time.Time{}) }
