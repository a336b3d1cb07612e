package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// TestLimitsAreOptions: each limit of reading is an option by its name, the
// defaults are the readers' own, and a worker is told all of them.
func TestLimitsAreOptions(t *testing.T) {
	c := DefaultConfig()
	var names []string
	c.Limits.each(func(name, _ string) { names = append(names, name) })
	slices.Sort(names)
	want := pixel.LimitNames()
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("options %v, limits %v", names, want)
	}
	wasDICOM, wasPixel := dicom.DefaultLimits, pixel.DefaultLimits
	if err := c.Limits.Apply(); err != nil || dicom.DefaultLimits != wasDICOM || pixel.DefaultLimits != wasPixel {
		t.Errorf("the defaults change the limits: %v", err)
	}
	if args := strings.Join(c.Limits.arguments(), " "); !strings.Contains(args, "--limit max_depth=32") || !strings.Contains(args, "--limit frame_time=30s") {
		t.Errorf("arguments %q", args)
	}
}

// TestLimitsThatCannotWorkAreRefused names the option.
func TestLimitsThatCannotWorkAreRefused(t *testing.T) {
	for name, change := range map[string]func(l *Limits){
		"max_pdu_kb": func(l *Limits) { l.PDU = 1 }, "max_frames": func(l *Limits) { l.Frames = 0 },
		"max_depth": func(l *Limits) { l.Depth = 1 << 20 }, "frame_time": func(l *Limits) { l.FrameTime = -1 },
		"max_header_mb": func(l *Limits) { l.Header = -5 },
	} {
		c := DefaultConfig()
		change(&c.Limits)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
