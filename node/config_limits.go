package node

import (
	"errors"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dimse/ul"
)

// Limits bound what anything that arrives may ask for, in this process and in
// the pixel workers.
type Limits struct {
	PDU            int           `yaml:"max_pdu_kb"`
	Object         int           `yaml:"max_object_gb"`
	Header         int           `yaml:"max_header_mb"`
	Value          int           `yaml:"max_value_mb"`
	Elements       int           `yaml:"max_elements"`
	Items          int           `yaml:"max_items"`
	Depth          int           `yaml:"max_depth"`
	UndefinedDepth int           `yaml:"max_undefined_depth"`
	Fragments      int           `yaml:"max_fragments"`
	Inflated       int           `yaml:"max_inflated_mb"`
	Inflation      int           `yaml:"max_inflation"`
	Frame          int           `yaml:"max_frame_mb"`
	Frames         int           `yaml:"max_frames"`
	Work           int           `yaml:"max_work_mb"`
	Expansion      int           `yaml:"max_expansion"`
	FrameTime      time.Duration `yaml:"frame_time"`
}

// limitsOfPeers is how many of the limitOptions, the first ones, are about what
// peers send.
const limitsOfPeers = 2

// limitOptions are the options of Limits. All but those of peers are limits of
// package pixel by the same name.
var limitOptions = []option{
	{"max_pdu_kb", "RADNODE_MAX_PDU_KB", "longest P-DATA-TF that peers may send us", func(c *Config) any { return &c.Limits.PDU }, false},
	{"max_object_gb", "RADNODE_MAX_OBJECT_GB", "largest object that a peer may store", func(c *Config) any { return &c.Limits.Object }, false},
	{"max_header_mb", "RADNODE_MAX_HEADER_MB", "most bytes of values, without pixel data, of an object that is read", func(c *Config) any { return &c.Limits.Header }, false},
	{"max_value_mb", "RADNODE_MAX_VALUE_MB", "longest value that is read; a longer one is passed over", func(c *Config) any { return &c.Limits.Value }, false},
	{"max_elements", "RADNODE_MAX_ELEMENTS", "most data elements of an object that is read", func(c *Config) any { return &c.Limits.Elements }, false},
	{"max_items", "RADNODE_MAX_ITEMS", "most sequence items of an object that is read", func(c *Config) any { return &c.Limits.Items }, false},
	{"max_depth", "RADNODE_MAX_DEPTH", "deepest nesting of sequences", func(c *Config) any { return &c.Limits.Depth }, false},
	{"max_undefined_depth", "RADNODE_MAX_UNDEFINED_DEPTH", "deepest nesting of sequences of undefined length", func(c *Config) any { return &c.Limits.UndefinedDepth }, false},
	{"max_fragments", "RADNODE_MAX_FRAGMENTS", "most fragments of encapsulated pixel data", func(c *Config) any { return &c.Limits.Fragments }, false},
	{"max_inflated_mb", "RADNODE_MAX_INFLATED_MB", "largest deflated data set once it is inflated", func(c *Config) any { return &c.Limits.Inflated }, false},
	{"max_inflation", "RADNODE_MAX_INFLATION", "most bytes inflated from one byte of a deflated data set; the first MB is free of it", func(c *Config) any { return &c.Limits.Inflation }, false},
	{"max_frame_mb", "RADNODE_MAX_FRAME_MB", "largest decoded frame that is read, and longest codestream of one", func(c *Config) any { return &c.Limits.Frame }, false},
	{"max_frames", "RADNODE_MAX_FRAMES", "most frames of an object that is read", func(c *Config) any { return &c.Limits.Frames }, false},
	{"max_work_mb", "RADNODE_MAX_WORK_MB", "most memory that a codec may ask for beside the frame", func(c *Config) any { return &c.Limits.Work }, false},
	{"max_expansion", "RADNODE_MAX_EXPANSION", "most bytes decoded from one byte of a codestream; frames up to 64 MB are free of it", func(c *Config) any { return &c.Limits.Expansion }, false},
	{"frame_time", "RADNODE_FRAME_TIME", "longest decoding of one frame; 0s: as long as a worker is waited for", func(c *Config) any { return &c.Limits.FrameTime }, false},
}

func defaultLimits() Limits {
	d, p := dicom.DefaultLimits, pixel.DefaultLimits
	return Limits{
		PDU: ul.DefaultMaxPDU >> 10, Object: 64, Header: int(d.HeaderBytes >> 20), Value: int(d.ValueBytes >> 20), Elements: d.Elements, Items: d.Items,
		Depth: d.Depth, UndefinedDepth: d.Undefined, Fragments: d.Fragments, Inflated: int(d.InflatedBytes >> 20), Inflation: int(d.InflateRatio),
		Frame: int(p.FrameBytes >> 20), Frames: p.Frames, Work: int(p.WorkBytes >> 20), Expansion: int(p.Ratio), FrameTime: p.FrameTime,
	}
}

// The bounds of max_pdu_kb: PS3.8 D.1 leaves the length open, a receiver
// buffers one.
const leastPDU, mostPDU = 4, 16 << 10

// mostDepth keeps the nesting of sequences within the stack.
const mostDepth = 1000

func (l Limits) check() error {
	const op = "configuration"
	if l.PDU < leastPDU || l.PDU > mostPDU {
		return radnode.Errorf(radnode.Invalid, op, "max_pdu_kb: %d is not in %d..%d", l.PDU, leastPDU, mostPDU)
	}
	if l.Depth > mostDepth {
		return radnode.Errorf(radnode.Invalid, op, "max_depth: %d is over %d", l.Depth, mostDepth)
	}
	c := Config{Limits: l}
	for _, o := range limitOptions {
		if n, ok := o.field(&c).(*int); ok && (*n < 1 || *n > 1<<30) {
			return radnode.Errorf(radnode.Invalid, op, "%s: %d is not in 1..%d", o.name, *n, 1<<30)
		}
	}
	if l.FrameTime < 0 {
		return radnode.Errorf(radnode.Invalid, op, "frame_time: %s is negative", l.FrameTime)
	}
	return nil
}

// each calls f with the name and value of every limit of reading.
func (l Limits) each(f func(name, value string)) {
	c := Config{Limits: l}
	for _, o := range limitOptions[limitsOfPeers:] {
		f(o.name, quoted(o.field(&c)))
	}
}

// Apply makes the limits those of this process. A program calls it at its
// start, before it reads anything.
func (l Limits) Apply() error {
	if err := l.check(); err != nil {
		return err
	}
	var failed error
	l.each(func(name, value string) { failed = errors.Join(failed, pixel.SetLimit(name, value)) })
	return failed
}

// arguments are the limits for a pixel worker.
func (l Limits) arguments() []string {
	var args []string
	l.each(func(name, value string) { args = append(args, "--limit", name+"="+value) })
	return args
}

// patience is how long a worker may take over one frame: codecs in C cannot be
// stopped from inside.
func (l Limits) patience() time.Duration {
	if l.FrameTime == 0 {
		return 0
	}
	return l.FrameTime + 5*time.Second
}
