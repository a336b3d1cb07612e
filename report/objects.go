package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
	"github.com/radnode/radnode/dicom/sr"
)

// Role tells what an object is among those of a report.
type Role string

// The roles.
const (
	Root      Role = "root"      // the structured report; it refers to all others
	Companion Role = "companion" // shows what the report says; the report is whole without it
)

// The kinds of objects, as deliveries and destinations name them.
const (
	KindSR           = "sr"
	KindSegmentation = "seg"
	KindMap          = "pm"
	KindPresentation = "pr"
	KindKeyObjects   = "ko"
	KindCapture      = "sc"
	KindPDF          = "pdf"
)

// Object is one object of a report, checked and ready to be kept and sent.
type Object struct {
	Kind     string
	Role     Role
	Required bool // without it the report has not arrived; the others a peer may refuse

	SOPClassUID       radnode.UID
	SOPInstanceUID    radnode.UID
	SeriesInstanceUID radnode.UID
	Dataset           *dicom.Dataset

	// Err is why the object could not be made; Dataset is nil then. The other
	// objects do not refer to it and may be sent without it.
	Err error
}

// Write writes the object as a file (PS3.10), in explicit VR little endian.
func (o Object) Write(w io.Writer) error {
	if o.Dataset == nil {
		return radnode.Errorf(radnode.Invalid, op, "there is no %s: %w", o.Kind, o.Err)
	}
	return dicom.WriteFile(w, o.Dataset, dicom.ExplicitVRLittleEndian)
}

// Options choose what Documents makes beside the report.
type Options struct {
	// Kinds lists the kinds of companions; nil is all of them. A list without
	// any makes the report alone.
	Kinds []string
	// Pictures are rendered frames for captures and the PDF; see Wanted. A
	// frame without its picture has no capture.
	Pictures []Picture
}

// Frame names one frame of an image.
type Frame struct {
	SOPInstanceUID radnode.UID
	Number         int // 1-based; 0: the only one
}

// Wanted lists the frames whose pictures Documents can use: those of the
// findings, in the order of the images.
func Wanted(in Input) ([]Frame, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	return b.frames(), nil
}

func (b *builder) frames() []Frame {
	seen := map[Frame]bool{}
	var out []Frame
	for _, f := range b.findings {
		k := Frame{f.SOPInstanceUID, max(f.Frame, 1)} // 0 is the only one, which is the first
		if f.Decision == radnode.Rejected || f.Stated().Code == nil || seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, Frame{f.SOPInstanceUID, f.Frame})
	}
	at := map[radnode.UID]int{}
	for i, s := range b.Source {
		at[s.UID(dicom.SOPInstanceUID)] = i
	}
	slices.SortStableFunc(out, func(x, y Frame) int {
		return cmp.Or(cmp.Compare(at[x.SOPInstanceUID], at[y.SOPInstanceUID]), cmp.Compare(x.Number, y.Number))
	})
	return out
}

// companions are the kinds in the order they are sent, with the numbers of
// their series. One that is not made of each frame is of the report as a whole.
var companions = []struct {
	kind   string
	series int
	frames bool
	make   func(in Input, o Options, f Frame) (*dicom.Dataset, error)
}{
	{KindSegmentation, 9903, true, func(in Input, _ Options, f Frame) (*dicom.Dataset, error) {
		return Segmentation(in, f.SOPInstanceUID, f.Number)
	}},
	{KindMap, 9904, true, func(in Input, _ Options, f Frame) (*dicom.Dataset, error) {
		return ParametricMap(in, f.SOPInstanceUID, f.Number)
	}},
	{KindPresentation, 9905, true, func(in Input, _ Options, f Frame) (*dicom.Dataset, error) {
		return Presentation(in, f.SOPInstanceUID, f.Number)
	}},
	{KindCapture, 9906, true, capture},
	{KindPDF, 9907, false, func(in Input, o Options, _ Frame) (*dicom.Dataset, error) { return EncapsulatedPDF(in, o.Pictures...) }},
	{KindKeyObjects, 9908, false, func(in Input, _ Options, _ Frame) (*dicom.Dataset, error) { return KeyObjects(in) }},
}

func capture(in Input, o Options, f Frame) (*dicom.Dataset, error) {
	for _, p := range o.Pictures {
		if p.SOPInstanceUID == f.SOPInstanceUID && max(p.Frame, 1) == max(f.Number, 1) {
			return SecondaryCapture(in, p)
		}
	}
	return nil, nil
}

// InstanceUID is the identity of the report with this base in one class of the
// Ladder: the base itself in the first, and one of its own in each other.
func InstanceUID(base, class radnode.UID) radnode.UID {
	if class == "" || class == Ladder[0] {
		return base
	}
	return radnode.DeriveUID("report in class", string(base), string(class))
}

// Documents makes every object of a report, in the order in which they may be
// sent: the companions, then the structured report, which refers to them.
//
// in.SOPInstanceUID is the base of all identities, so that making them again
// gives the same ones, whatever in.Class is; see InstanceUID.
//
// The error is of the report itself; of a companion it stands in its Err.
func Documents(in Input, o Options) ([]Object, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	var out []Object
	for _, c := range companions {
		if !o.wants(c.kind) && !(c.kind == KindMap && o.wants(KindSegmentation)) {
			continue
		}
		frames := []Frame{{}}
		if c.frames {
			frames = b.frames()
		}
		for _, f := range frames {
			ds, err := c.make(in.companion(c.kind, c.series, len(out), f), o, f)
			if err == nil && ds != nil {
				err = Check(ds)
			}
			switch {
			case err != nil:
				out = append(out, Object{Kind: c.kind, Role: Companion, Err: err})
			case ds != nil && o.wants(kindOf(c.kind, ds)):
				out = append(out, objectOf(kindOf(c.kind, ds), Companion, ds))
			}
		}
	}
	in.Results = referencesTo(b.study, out)
	in.SOPInstanceUID = InstanceUID(in.SOPInstanceUID, in.Class)
	ds, err := SR(in)
	if err != nil {
		return nil, err
	}
	return append(out, objectOf(KindSR, Root, ds)), nil
}

// Check tells the first rule that an object of a report breaks: of its IOD and,
// for a document, of its content and template. What breaks one must not leave.
func Check(ds *dicom.Dataset) error {
	check := iod.Check
	if m := ds.Text(dicom.Modality); m == "SR" || m == "KO" {
		check = sr.Check
	}
	if v := check(ds); len(v) > 0 {
		return radnode.Errorf(radnode.Internal, op, "the object breaks %d rules, the first: %s", len(v), v[0])
	}
	return nil
}

// companion is the input of a companion: the same content under an identity of
// its own, in a series for each kind and version of the report.
func (in Input) companion(kind string, series, before int, f Frame) Input {
	base := string(in.SOPInstanceUID)
	in.SOPInstanceUID = radnode.DeriveUID("companion", kind, base, string(f.SOPInstanceUID), fmt.Sprint(f.Number))
	in.SeriesInstanceUID = radnode.DeriveUID("companion series", kind, base)
	in.Class, in.Predecessors, in.Results = "", nil, nil
	in.SeriesNumber, in.InstanceNumber = series, before+1
	return in
}

func (o Options) wants(kind string) bool { return o.Kinds == nil || slices.Contains(o.Kinds, kind) }

// kindOf is the kind of a companion: a map may be a segmentation.
func kindOf(kind string, ds *dicom.Dataset) string {
	if ds.UID(dicom.SOPClassUID) == dicom.SegmentationStorage {
		return KindSegmentation
	}
	return kind
}

func objectOf(kind string, role Role, ds *dicom.Dataset) Object {
	return Object{Kind: kind, Role: role, Required: role == Root, SOPClassUID: ds.UID(dicom.SOPClassUID),
		SOPInstanceUID: ds.UID(dicom.SOPInstanceUID), SeriesInstanceUID: ds.UID(dicom.SeriesInstanceUID), Dataset: ds}
}

func referencesTo(study radnode.UID, list []Object) []sr.Reference {
	var out []sr.Reference
	for _, o := range list {
		if o.Dataset != nil {
			out = append(out, sr.Reference{StudyInstanceUID: study, SeriesInstanceUID: o.SeriesInstanceUID, SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID})
		}
	}
	return out
}

// resultObjects is the part of the report that refers to the other objects
// (IHE AIR: one result is the root of all others). TID 1500 has no row for
// them and is extensible, so the concept is our own.
func (b *builder) resultObjects() []*sr.Item {
	if len(b.Results) == 0 {
		return nil
	}
	c := &sr.Item{Relationship: sr.Contains, Type: sr.Container, Name: b.privateCode("result_objects")}
	for _, r := range b.Results {
		kind := sr.Composite
		if slices.Contains(imageClasses, r.SOPClassUID) {
			kind = sr.Image
		}
		ref := sr.Reference{SOPClassUID: r.SOPClassUID, SOPInstanceUID: r.SOPInstanceUID}
		c.Items = append(c.Items, &sr.Item{Relationship: sr.Contains, Type: kind, Reference: &ref})
	}
	return []*sr.Item{c}
}

// imageClasses are the classes of companions that IMAGE refers to; COMPOSITE
// refers to the others (PS3.3 C.18.3, C.18.4).
var imageClasses = []radnode.UID{dicom.SegmentationStorage, dicom.ParametricMapStorage, dicom.SecondaryCaptureImageStorage}
