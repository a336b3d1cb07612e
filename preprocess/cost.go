package preprocess

import (
	"github.com/radnode/radnode"
)

// stepSeconds bounds the time that a step may be expected to take on one core.
// OpenCV cannot be stopped in the middle, so what takes too long is refused
// before it begins, on every machine alike.
const stepSeconds = 30

// mostPixels bounds the steps whose time grows faster than the image.
const mostPixels = 1 << 20

// Nanoseconds for one sample: what a core of the year 2022 took, rounded up.
const (
	morphologyTap   = 0.006 // each pixel of a kernel that is no rectangle, 8 bits
	bilateralTap    = 0.25  // each pixel of the square around the kernel
	nonLocalMeans   = 800
	kmeansCluster   = 120
	levelSetStep    = 8
	levelSetSmooth  = 5
	adaptiveGauss   = 0.2 // each pixel of the side
	houghLineVotes  = 420
	thinningVisits  = 10
	thinningAllowed = stepSeconds * 1e9 / thinningVisits
)

// afford refuses work on b that is expected to take longer than stepSeconds.
func afford(b *buffer, nanoseconds float64, remedy string) error {
	seconds := float64(b.rows*b.columns*matChannels(b.kind)) * nanoseconds / 1e9
	if seconds > stepSeconds {
		return radnode.Errorf(radnode.TooLarge, "preprocess", "on an image of %d x %d this would take about %.0f seconds; the limit is %d: put a resize step before, or %s", b.rows, b.columns, seconds, stepSeconds, remedy)
	}
	return nil
}

// affordPixels refuses an image of more than mostPixels.
func affordPixels(b *buffer) error {
	if b.rows*b.columns > mostPixels {
		return radnode.Errorf(radnode.TooLarge, "preprocess", "the image of %d x %d has more pixels than the %d that this step takes: put a resize step with longest 1024 before", b.rows, b.columns, mostPixels)
	}
	return nil
}
