package worker

import (
	"testing"
	"time"
)

// run plays n runs with always enough callers waiting and returns the images
// of the last hundred runs.
func run(p *pace, n int, cost func(images int) time.Duration) map[int]int {
	last := map[int]int{}
	for i := range n {
		images := p.batch()
		p.took(cost(images), images)
		if i >= n-100 {
			last[images]++
		}
	}
	return last
}

func TestImagesAreRunTogetherWhereThatIsFaster(t *testing.T) {
	gpu := func(images int) time.Duration { return 5*time.Millisecond + time.Duration(images)*time.Millisecond/4 }
	if got := run(&pace{}, 150, gpu); got[maxBatch] < 98 {
		t.Errorf("sizes of batches: %v", got)
	}
}

func TestImagesAreRunAloneWhereABatchIsSlower(t *testing.T) {
	cpu := func(images int) time.Duration {
		if images > 1 {
			return time.Duration(images) * 50 * time.Millisecond
		}
		return 30 * time.Millisecond
	}
	if got := run(&pace{}, 150, cpu); got[1] < 98 {
		t.Errorf("sizes of batches: %v", got)
	}
}

func TestTheFirstRunOfASizeDoesNotDecide(t *testing.T) {
	seen := map[int]bool{}
	planned := func(images int) time.Duration {
		d := 10*time.Millisecond + time.Duration(images)*10*time.Millisecond
		if !seen[images] {
			seen[images] = true
			d += time.Second // memory is planned
		}
		return d
	}
	if got := run(&pace{}, 150, planned); got[maxBatch] < 98 {
		t.Errorf("sizes of batches: %v", got)
	}
}

func TestTheChoiceIsLookedAtAgain(t *testing.T) {
	slow := true
	cost := func(images int) time.Duration {
		if images > 1 && slow {
			return time.Duration(images) * 50 * time.Millisecond
		}
		if images > 1 {
			return time.Duration(images) * time.Millisecond
		}
		return 30 * time.Millisecond
	}
	p := &pace{}
	run(p, 300, cost)
	slow = false
	if got := run(p, 6000, cost); got[maxBatch] < 90 {
		t.Errorf("sizes of batches: %v, %+v", got, *p)
	}
}
