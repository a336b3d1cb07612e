package sr

import (
	"fmt"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// content checks one item of the tree and what is below it.
func (c *checker) content(i, parent *Item, at []int) {
	p := path(at)
	if parent != nil {
		c.relation(i, parent, at)
	}
	if len(i.Target) > 0 {
		return
	}
	if !slices.Contains(c.class.types, i.Type) {
		c.Bad("PS3.3 A.35", p, "value type %q is not allowed in this class", i.Type)
		return
	}
	c.name(i, parent, p)
	c.value(i, p)
	for n, child := range i.Items {
		c.content(child, i, append(slices.Clone(at), n+1))
	}
}

func (c *checker) relation(i, parent *Item, at []int) {
	p := path(at)
	if len(i.Target) > 0 {
		c.target(i, at)
		return
	}
	if !c.class.context && i.Relationship == HasObsContext && parent.Type != Container {
		c.Bad("PS3.3 A.35", p, "%s %q %s is not allowed in this class", parent.Type, i.Relationship, i.Type)
		return
	}
	for _, r := range relations {
		if r.rel == i.Relationship && slices.Contains(r.sources, parent.Type) && slices.Contains(r.targets, i.Type) {
			return
		}
	}
	c.Bad("PS3.3 A.35.13", p, "%s %q %s is no allowed relationship", parent.Type, i.Relationship, i.Type)
}

// target checks a relationship by reference: what is meant must be there and
// not above it (PS3.3 C.17.3.2.5).
func (c *checker) target(i *Item, at []int) {
	p := path(at)
	if !c.class.byReference {
		c.Bad("PS3.3 A.35", p, "this class has no relationships by reference")
	}
	node, t := c.root, i.Target
	for _, n := range t[1:] {
		if n < 1 || n > len(node.Items) {
			c.Bad("PS3.3 C.17.3.2.5", p, "there is no item %s", path(t))
			return
		}
		node = node.Items[n-1]
	}
	if t[0] != 1 || len(t) <= len(at) && slices.Equal(t, at[:len(t)]) {
		c.Bad("PS3.3 C.17.3.2.5", p, "item %s is no possible target", path(t))
	}
}

// unnamed are the types whose concept name is optional below the root (PS3.3
// Table C.17-5, type 1C).
var unnamed = []ValueType{Image, Waveform, Composite, SCoord, SCoord3D, TCoord, Container}

func (c *checker) name(i, parent *Item, p string) {
	if i.Name.Value == "" && (parent == nil || !slices.Contains(unnamed, i.Type)) {
		c.Bad("PS3.3 C.17.3", p, "%s has no concept name", i.Type)
	}
}

var textVRs = map[ValueType]dicom.VR{Date: dicom.DA, Time: dicom.TM, DateTime: dicom.DT, UIDRef: dicom.UI, PName: dicom.PN, Text: dicom.UT}

func (c *checker) value(i *Item, p string) {
	if vr, ok := textVRs[i.Type]; ok {
		switch problem := dicom.ValueProblem(vr, i.Text); {
		case i.Text == "":
			c.Bad("PS3.3 C.17.3", p, "%s has no value", i.Type)
		case problem != "":
			c.Bad("PS3.5 6.2", p, "%s: %s", i.Type, problem)
		}
		return
	}
	switch i.Type {
	case Code:
		if i.Code == nil {
			c.Bad("PS3.3 C.17.3", p, "CODE has no value")
		}
	case Num:
		c.number(i.Number, p)
	case Image, Composite, Waveform:
		c.reference(i.Reference, p)
	case SCoord, SCoord3D:
		c.graphic(i, p)
	}
}

func (c *checker) number(n *Number, p string) {
	switch {
	case n == nil:
		c.Bad("PS3.3 C.18.1", p, "NUM has no value")
	case n.Missing && n.Qualifier == nil:
		c.Bad("PS3.3 C.18.1", p, "NUM has neither a number nor a reason why")
	case !n.Missing && n.Unit.Value == "":
		c.Bad("PS3.3 C.18.1", p, "NUM has no unit")
	}
}

func (c *checker) reference(r *Reference, p string) {
	if r == nil || !r.SOPInstanceUID.Valid() || !r.SOPClassUID.Valid() {
		c.Bad("PS3.3 C.18.3", p, "the reference is incomplete")
		return
	}
	class, ok := c.known[r.SOPInstanceUID]
	switch {
	case !ok:
		c.Bad("PS3.3 C.17.2.3", p, "%s is in no evidence sequence", r.SOPInstanceUID)
	case class != r.SOPClassUID:
		c.Bad("PS3.3 C.17.2.3", p, "%s has another class in the evidence sequence", r.SOPInstanceUID)
	}
	for _, f := range append(slices.Clone(r.Frames), r.Segments...) {
		if f < 1 {
			c.Bad("PS3.3 C.18.4", p, "frames and segments count from 1")
		}
	}
}

func (c *checker) graphic(i *Item, p string) {
	if i.Graphic == nil || len(i.Graphic.Points) == 0 {
		c.Bad("PS3.3 C.18.6", p, "%s has no points", i.Type)
		return
	}
	if i.Type == SCoord3D {
		if len(i.Graphic.Points)%3 != 0 || !i.Graphic.FrameOfReference.Valid() {
			c.Bad("PS3.3 C.18.9", p, "SCOORD3D needs triplets and a frame of reference")
		}
		return
	}
	if err := i.Graphic.check2D(); err != nil {
		c.Bad("PS3.3 C.18.6", p, "%s", radnode.MessageOf(err))
	}
	images := 0
	for _, s := range i.Items {
		if s.Relationship == SelectedFrom {
			images++
		}
	}
	if images != 1 {
		c.Bad("PS3.3 C.18.6", p, "SCOORD must be selected from one image")
	}
}

// tid2000 checks the rows of TID 2000 that a report in words has.
func (c *checker) tid2000() {
	if len(observersOf(c.root)) == 0 {
		c.Bad("TID 1001", "1", "no observer")
	}
	sections := 0
	for n, i := range c.root.Items {
		if i.Type != Container || i.Relationship != Contains {
			continue
		}
		sections++
		if len(i.Items) == 0 || i.Name.Value == "" {
			c.Bad("TID 2000", path([]int{1, n + 1}), "a section without heading or content")
		}
	}
	if sections == 0 {
		c.Bad("TID 2000", "1", "no section")
	}
}

// tid2010 checks the rows of TID 2010 and the constraints of its IOD (PS3.3
// A.35.4.3.1).
func (c *checker) tid2010() {
	if c.class.modality != "KO" {
		c.Bad("TID 2010", "1", "the template is for key object selections")
	}
	if !slices.Contains(keyObjectTitles, c.root.Name.Value) || c.root.Name.Scheme != "DCM" {
		c.Bad("TID 2010", "1", "row 1: title %s is not in CID 7010", c.root.Name.Value)
	}
	objects, descriptions := 0, 0
	for n, i := range c.root.Items {
		switch {
		case i.Reference != nil && i.Relationship == Contains:
			objects++
		case Is(i.Name, KeyObjectDescription):
			descriptions++
		case i.Relationship == Contains && i.Type != Text, i.Type == Container, !slices.Contains([]Relationship{Contains, HasObsContext, HasConceptMod}, i.Relationship):
			c.Bad("PS3.3 A.35.4.3.1.2", path([]int{1, n + 1}), "%q %s is not allowed in this class", i.Relationship, i.Type)
		}
	}
	if objects == 0 {
		c.Bad("TID 2010", "1", "rows 8 to 10: no object is selected")
	}
	if descriptions > 1 {
		c.Bad("TID 2010", "1", "row 7: %d descriptions", descriptions)
	}
}

// tid1500 checks the rows of TID 1500 and what IHE AIR adds to them.
func (c *checker) tid1500() {
	if c.class.modality == "SR" && len(c.root.Find(ProcedureReported)) == 0 {
		c.Bad("TID 1500", "1", "row 4: no procedure reported")
	}
	observers := observersOf(c.root)
	if len(observers) == 0 {
		c.Bad("TID 1001", "1", "no observer")
	}
	for _, o := range observers {
		if o.Device != nil && !o.Device.UID.Valid() {
			c.Bad("TID 1004", "1", "the device observer has no UID")
		}
	}
	containers := 0
	for n, i := range c.root.Items {
		p := path([]int{1, n + 1})
		switch {
		case Is(i.Name, ImagingMeasurements):
			containers++
			c.groups(i, p)
		case Is(i.Name, DerivedImagingMeasurements), Is(i.Name, QualitativeEvaluations):
			containers++
			if len(i.Items) == 0 {
				c.Bad("TID 1500", p, "an empty container")
			}
		}
	}
	if containers == 0 {
		c.Bad("TID 1500", "1", "rows 6, 10, 12: neither measurements nor evaluations")
	}
	c.equipment(observers)
}

func (c *checker) groups(container *Item, p string) {
	n := 0
	for k, g := range container.Items {
		if !Is(g.Name, MeasurementGroupName) {
			continue
		}
		n++
		c.group(g, fmt.Sprintf("%s.%d", p, k+1))
	}
	if n == 0 {
		c.Bad("TID 1500", p, "rows 7 to 9: no measurement group")
	}
}

func (c *checker) group(g *Item, at string) {
	rule := "TID " + g.Template
	if g.Template == "" {
		rule = "TID 1501"
	}
	if g.textOf(TrackingIdentifier) == "" {
		c.Bad(rule, at, "row 2: no tracking identifier")
	}
	if !radnode.UID(g.textOf(TrackingUniqueIdentifier)).Valid() {
		c.Bad(rule, at, "row 3: no tracking unique identifier")
	}
	rows, regions, seg, _ := rowsOf(g)
	if len(rows.Measurements)+len(rows.Evaluations) == 0 {
		c.Bad(rule, at, "neither a measurement nor an evaluation")
	}
	where := len(regions)
	if seg != nil {
		where++
	}
	switch {
	case g.Template == "1410" && where != 1:
		c.Bad(rule, at, "row 5: needs exactly one region or segment, has %d", where)
	case g.Template == "1411" && where == 0:
		c.Bad(rule, at, "row 5: needs regions or a segment")
	case g.Template == "1501" && where > 0:
		c.Bad(rule, at, "has a region, which this template does not allow")
	}
	for _, r := range regions {
		if g.Template == "1410" && r.Graphic.Type == "POLYLINE" && !r.Graphic.Closed() {
			c.Bad(rule, at, "row 5: the polyline of a region must be closed")
		}
	}
	if a := rows.Algorithm; a != nil && (a.Name == "" || a.Version == "") {
		c.Bad("TID 4019", at, "an algorithm needs name and version")
	}
}

// equipment checks the contributing equipment and that it agrees with the
// content (IHE AIR 6.5.3.1 and its table).
func (c *checker) equipment(observers []Observer) {
	var all []Equipment
	for i, it := range c.ds.Items(dicom.ContributingEquipmentSequence) {
		e := equipmentOf(it)
		if purpose, _ := ConceptOf(it, dicom.PurposeOfReferenceCodeSequence); !Is(purpose, ProcessingEquipment) {
			continue
		}
		if e.Manufacturer == "" || e.Model == "" || len(e.Versions) == 0 || !e.UID.Valid() {
			c.Bad("IHE AIR 6.5.3.1", fmt.Sprintf("ContributingEquipmentSequence[%d]", i+1), "needs manufacturer, model, version and device UID")
		}
		all = append(all, e)
	}
	for _, o := range observers {
		if d := o.Device; d != nil && len(all) > 0 && !slices.ContainsFunc(all, func(e Equipment) bool {
			return e.UID == d.UID && (d.Manufacturer == "" || e.Manufacturer == d.Manufacturer) && (d.Model == "" || e.Model == d.Model)
		}) {
			c.Bad("IHE AIR 6.5.3.1", "1", "device observer %s is not among the contributing equipment", d.UID)
		}
	}
	for n, m := range c.root.Items {
		for k, g := range m.Items {
			a := algorithmOf(g)
			if !Is(g.Name, MeasurementGroupName) || a == nil || a.Family == nil || !Is(*a.Family, ArtificialIntelligence) {
				continue
			}
			if !slices.ContainsFunc(all, func(e Equipment) bool { return e.Model == a.Name && slices.Contains(e.Versions, a.Version) }) {
				c.Bad("IHE AIR 6.5.3.1", path([]int{1, n + 1, k + 1}), "algorithm %s %s is not among the contributing equipment", a.Name, a.Version)
			}
		}
	}
}
