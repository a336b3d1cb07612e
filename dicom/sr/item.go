package sr

import (
	"fmt"
	"strings"

	"github.com/radnode/radnode"
)

// ValueType is the type of a content item (PS3.3 C.17.3.2.1).
type ValueType string

// The value types.
const (
	Text      ValueType = "TEXT"
	Num       ValueType = "NUM"
	Code      ValueType = "CODE"
	DateTime  ValueType = "DATETIME"
	Date      ValueType = "DATE"
	Time      ValueType = "TIME"
	UIDRef    ValueType = "UIDREF"
	PName     ValueType = "PNAME"
	Composite ValueType = "COMPOSITE"
	Image     ValueType = "IMAGE"
	Waveform  ValueType = "WAVEFORM"
	SCoord    ValueType = "SCOORD"
	SCoord3D  ValueType = "SCOORD3D"
	TCoord    ValueType = "TCOORD"
	Container ValueType = "CONTAINER"
	Table     ValueType = "TABLE"
)

// Relationship is how an item relates to the one above it (PS3.3 C.17.3.2.4).
type Relationship string

// The relationship types.
const (
	Contains      Relationship = "CONTAINS"
	HasObsContext Relationship = "HAS OBS CONTEXT"
	HasAcqContext Relationship = "HAS ACQ CONTEXT"
	HasConceptMod Relationship = "HAS CONCEPT MOD"
	HasProperties Relationship = "HAS PROPERTIES"
	InferredFrom  Relationship = "INFERRED FROM"
	SelectedFrom  Relationship = "SELECTED FROM"
)

// Item is one node of the content tree. Which of the value fields counts is
// told by Type.
type Item struct {
	Relationship Relationship    `json:"relationship,omitempty"` // "" at the root
	Type         ValueType       `json:"type"`
	Name         radnode.Concept `json:"name"` // a container or a reference may go without

	Text       string           `json:"text,omitempty"` // TEXT, PNAME, UIDREF, DATE, TIME, DATETIME
	Code       *radnode.Concept `json:"code,omitempty"`
	Number     *Number          `json:"number,omitempty"`
	Reference  *Reference       `json:"reference,omitempty"`  // IMAGE, COMPOSITE, WAVEFORM
	Graphic    *Graphic         `json:"graphic,omitempty"`    // SCOORD, SCOORD3D
	Template   string           `json:"template,omitempty"`   // template identifier (DCMR) of a container
	Continuous bool             `json:"continuous,omitempty"` // CONTAINER: CONTINUOUS instead of SEPARATE
	Target     []int            `json:"target,omitempty"`     // by reference: 1-based path of the item that is meant

	Items []*Item `json:"items,omitempty"`
}

// Number is the value of a NUM item. A number that is not there is told by
// Qualifier alone (PS3.3 C.18.1).
type Number struct {
	Value     float64          `json:"value"`
	Text      string           `json:"text,omitempty"` // as received; "" writes Value
	Unit      radnode.Concept  `json:"unit"`
	Missing   bool             `json:"missing,omitempty"`
	Qualifier *radnode.Concept `json:"qualifier,omitempty"` // CID 42
}

// Reference names an instance, and for an image the frames or segments meant.
type Reference struct {
	StudyInstanceUID  radnode.UID `json:"study_uid,omitempty"` // where they are known
	SeriesInstanceUID radnode.UID `json:"series_uid,omitempty"`
	SOPClassUID       radnode.UID `json:"sop_class_uid"`
	SOPInstanceUID    radnode.UID `json:"sop_instance_uid"`
	Frames            []int       `json:"frames,omitempty"`
	Segments          []int       `json:"segments,omitempty"`
}

// Graphic is a shape: column, row pairs in an image (PS3.3 C.18.6; 0.0, 0.0 is
// the top left corner of the top left pixel) or x, y, z triplets in a frame of
// reference (C.18.9).
type Graphic struct {
	Type             string      `json:"type"` // POINT, MULTIPOINT, POLYLINE, CIRCLE, ELLIPSE; 3D also POLYGON, ELLIPSOID
	Points           []float64   `json:"points"`
	FrameOfReference radnode.UID `json:"frame_of_reference_uid,omitempty"`
}

// Is reports whether two concepts mean the same: value and scheme count, the
// meaning is only for people (PS3.3 8.3).
func Is(a, b radnode.Concept) bool {
	return a.Value == b.Value && scheme(a.Scheme) == scheme(b.Scheme)
}

// scheme maps the designators of SNOMED that received objects use to one
// (PS3.16 8.1). The values of SRT differ and are not mapped.
func scheme(s string) string {
	switch s {
	case "SNM3", "99SDM":
		return "SRT"
	case "SCT", "SNOMED-CT", "2.16.840.1.113883.6.96":
		return "SCT"
	}
	return s
}

// Walk calls f for i and everything below it, with the depth; f returns false
// to leave out what is below.
func (i *Item) Walk(f func(it *Item, depth int) bool) { i.walk(f, 0) }

func (i *Item) walk(f func(*Item, int) bool, depth int) {
	if i == nil || !f(i, depth) {
		return
	}
	for _, c := range i.Items {
		c.walk(f, depth+1)
	}
}

// Find returns the children with this concept name.
func (i *Item) Find(name radnode.Concept) []*Item {
	var out []*Item
	if i == nil {
		return nil
	}
	for _, c := range i.Items {
		if Is(c.Name, name) {
			out = append(out, c)
		}
	}
	return out
}

// First returns the first child with this concept name, or nil.
func (i *Item) First(name radnode.Concept) *Item {
	if f := i.Find(name); len(f) > 0 {
		return f[0]
	}
	return nil
}

// Tree prints the content tree as text, one item per line, for people and for
// golden files.
func (i *Item) Tree() string {
	var b strings.Builder
	i.Walk(func(it *Item, depth int) bool {
		b.WriteString(strings.Repeat("  ", depth))
		b.WriteString(it.line())
		b.WriteByte('\n')
		return true
	})
	return b.String()
}

func (i *Item) line() string {
	parts := []string{}
	if i.Relationship != "" {
		parts = append(parts, strings.ToLower(string(i.Relationship))+":")
	}
	if len(i.Target) > 0 {
		return strings.Join(append(parts, "-> "+path(i.Target)), " ")
	}
	parts = append(parts, string(i.Type))
	if i.Name.Value != "" {
		parts = append(parts, concept(i.Name))
	}
	if v := i.valueText(); v != "" {
		parts = append(parts, "=", v)
	}
	if i.Template != "" {
		parts = append(parts, "[TID "+i.Template+"]")
	}
	return strings.Join(parts, " ")
}

func (i *Item) valueText() string {
	switch {
	case i.Code != nil:
		return concept(*i.Code)
	case i.Number != nil && i.Number.Missing:
		return "no value"
	case i.Number != nil:
		return i.Number.text() + " " + i.Number.Unit.Value
	case i.Reference != nil:
		s := string(i.Reference.SOPInstanceUID)
		if len(i.Reference.Frames) > 0 {
			s += fmt.Sprintf(" frames %v", i.Reference.Frames)
		}
		if len(i.Reference.Segments) > 0 {
			s += fmt.Sprintf(" segments %v", i.Reference.Segments)
		}
		return s
	case i.Graphic != nil:
		return fmt.Sprintf("%s %v", i.Graphic.Type, i.Graphic.Points)
	case i.Text != "":
		return fmt.Sprintf("%q", i.Text)
	}
	return ""
}

func concept(c radnode.Concept) string {
	return fmt.Sprintf("(%s, %s, %q)", c.Value, c.Scheme, c.Meaning)
}

func path(p []int) string {
	s := make([]string, len(p))
	for i, n := range p {
		s[i] = fmt.Sprint(n)
	}
	return strings.Join(s, ".")
}
