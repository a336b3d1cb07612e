package pixel

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// settings are the limits of reading as options: what a whole number means for
// the DefaultLimits here and in package dicom.
var settings = map[string]func(n int64){
	"max_header_mb":       func(n int64) { set(&dicom.DefaultLimits.HeaderBytes, n<<20) },
	"max_value_mb":        func(n int64) { set(&dicom.DefaultLimits.ValueBytes, n<<20) },
	"max_elements":        func(n int64) { set(&dicom.DefaultLimits.Elements, int(n)) },
	"max_items":           func(n int64) { set(&dicom.DefaultLimits.Items, int(n)) },
	"max_depth":           func(n int64) { set(&dicom.DefaultLimits.Depth, int(n)) },
	"max_undefined_depth": func(n int64) { set(&dicom.DefaultLimits.Undefined, int(n)) },
	"max_fragments":       func(n int64) { set(&dicom.DefaultLimits.Fragments, int(n)) },
	"max_inflated_mb":     func(n int64) { set(&dicom.DefaultLimits.InflatedBytes, n<<20) },
	"max_inflation":       func(n int64) { set(&dicom.DefaultLimits.InflateRatio, n) },
	"max_frames":          func(n int64) { set(&DefaultLimits.Frames, int(n)) },
	"max_frame_mb": func(n int64) {
		set(&DefaultLimits.FrameBytes, n<<20)
		set(&DefaultLimits.CodedBytes, n<<20)
	},
	"max_work_mb":   func(n int64) { set(&DefaultLimits.WorkBytes, n<<20) },
	"max_expansion": func(n int64) { set(&DefaultLimits.Ratio, n) },
}

// set leaves alone what is right already: somebody may be reading.
func set[T comparable](field *T, v T) {
	if *field != v {
		*field = v
	}
}

// frameTime is the one limit that is a duration.
const frameTime = "frame_time"

// mostSetting keeps a limit in megabytes within 64 bits.
const mostSetting = 1 << 30

// SetLimit sets a limit of this process by the name of its option: a whole
// number from 1 on, or for frame_time a duration (0s: none). A program calls it
// at its start, before it reads anything.
func SetLimit(name, value string) error {
	const op = "set limit"
	if name == frameTime {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return radnode.Errorf(radnode.Invalid, op, "%s: %q is no duration such as 30s", name, value)
		}
		set(&DefaultLimits.FrameTime, d)
		return nil
	}
	apply, ok := settings[name]
	if !ok {
		return radnode.Errorf(radnode.Invalid, op, "there is no limit %q; there are %v", name, LimitNames())
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 1 || n > mostSetting {
		return radnode.Errorf(radnode.Invalid, op, "%s: %q is no whole number from 1 to %d", name, value, mostSetting)
	}
	apply(n)
	return nil
}

// LimitNames lists the names that SetLimit knows.
func LimitNames() []string {
	return append(slices.Sorted(maps.Keys(settings)), frameTime)
}
