package preprocess

import (
	"slices"
	"sync"
)

// Step describes one entry of the step table: what a pipeline may ask for.
type Step struct {
	Name   string  `json:"name"`
	Group  string  `json:"group"`
	Doc    string  `json:"doc"`
	Params []Param `json:"params"`

	output output
	enters func(a args) []string               // the groups of features that it enters; nil: none
	rules  map[string]any                      // keywords of JSON Schema for what single parameters cannot say
	flow   func(a args, in flow) (flow, error) // what the step makes of the image, known before any image
	build  func(a args) (action, error)        // checks what single parameters cannot say
}

// action is one step at work on one image.
type action func(r *run) error

// output says where the result of a step goes.
type output int

const (
	toImage   output = iota // the result is the new image
	toEither                // an image operation that also works on a mask: parameters source and as
	toMask                  // makes a mask: it becomes the image, or with parameter as a named mask
	toResults               // image untouched: features and pictures only
)

var (
	sourceParam = Param{Name: "source", Kind: Name, Optional: true, Doc: "mask to work on in place of the image"}
	asParam     = Param{Name: "as", Kind: Name, Optional: true, Doc: "name of the mask that takes the result; the image stays as it is"}
	withinParam = Param{Name: "mask", Kind: Name, Optional: true, Doc: "mask to look at only; empty: the whole image"}
)

// depth is what one sample of an image is.
type depth int

const (
	display depth = iota // 0..255, 8-bit or float as the image came: made 8-bit where a step needs it
	byte8                // 0..255 in 8 bits
	float                // 32-bit float in any unit
)

// flow is what is known of the image between two steps before any image is
// seen. Zero for rows, columns or channels: depends on the image.
type flow struct {
	channels, rows, columns int
	depth                   depth
	moved                   bool // no longer on the pixel grid of the source
	touched                 bool // a step has changed it
	masks                   []string
	entered                 []string // groups of features by the beginning of their names
	tensor                  *tensorFormat
}

func (f flow) hasMask(name string) bool { return slices.Contains(f.masks, name) }

func (f flow) withMask(name string) flow {
	if name != "" && !f.hasMask(name) {
		f.masks = append(slices.Clone(f.masks), name)
	}
	return f
}

// Table returns every step, in the order of the documentation.
func Table() []Step {
	return slices.Concat(greySteps, contrastSteps, geometrySteps, filterSteps, stainSteps,
		morphologySteps, maskSteps, segmentSteps, regionSteps, anatomySteps, edgeSteps, houghSteps, featureSteps, outputSteps)
}

// byName indexes the table; built once, since steps refer to each other
// (a branch holds steps).
var byName = sync.OnceValue(func() map[string]*Step {
	table := Table()
	m := make(map[string]*Step, len(table))
	for i := range table {
		s := &table[i]
		switch s.output {
		case toEither:
			s.Params = append(slices.Clone(s.Params), sourceParam, asParam)
		case toMask:
			s.Params = append(slices.Clone(s.Params), asParam)
		}
		m[s.Name] = s
	}
	return m
})
