package worker

import "time"

// pace is how long the images of a model take alone and together. On a GPU a
// batch is several times as fast; on a CPU a large network can be slower in a
// batch, because its maps no longer fit the cache.
type pace struct {
	alone, together time.Duration // of one image, smoothed; 0: not known yet
	runs            int
	seen            [maxBatch + 1]bool // sizes that have been run
}

// The ways of trying: the choice between the two is looked at again now and
// then.
const (
	tryAgain   = 100 // runs
	trialBatch = 4   // images of a trial
	smoothing  = 4
)

// batch is how many images to run together now.
func (p *pace) batch() int {
	p.runs++
	switch {
	case p.alone == 0:
		return 1
	case p.together == 0:
		return trialBatch
	case p.together <= p.alone:
		if p.runs%tryAgain == 0 {
			return 1
		}
		return maxBatch
	case p.runs%tryAgain == 0:
		return trialBatch
	}
	return 1
}

// took records a run. The first of a size does not count: the runtime plans
// its memory in it.
func (p *pace) took(d time.Duration, images int) {
	if !p.seen[images] {
		p.seen[images] = true
		return
	}
	which := &p.together
	if images == 1 {
		which = &p.alone
	}
	each := d / time.Duration(images)
	if *which == 0 {
		*which = max(each, 1)
		return
	}
	*which += (each - *which) / smoothing
}
