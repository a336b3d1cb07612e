package sr

import (
	"slices"

	"github.com/radnode/radnode"
)

// Measurement is TID 300 / 1419 with the properties of TID 310 and the sources
// of TID 320.
type Measurement struct {
	Name         radnode.Concept
	Number       Number
	Method       *radnode.Concept
	Derivation   *radnode.Concept // CID 7464
	Sites        []Site
	Algorithm    *Algorithm
	Normality    *radnode.Concept // CID 222
	Significance *radnode.Concept // CID 220
	Selection    *radnode.Concept // CID 224
	Up, Down     *Number          // how far it may be larger and smaller
	Equation     *radnode.Concept // it was computed with
	Properties   []Property       // TID 311 and 312: the population and range it is compared with
	Sources      []Reference      // images it was inferred from
	Regions      []Region         // lines and areas it was measured on
}

func (m Measurement) item() (*Item, error) {
	if m.Name.Value == "" || m.Number.Unit.Value == "" && !m.Number.Missing {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 300: a measurement needs a concept and a unit")
	}
	n := m.Number
	it := &Item{Relationship: Contains, Type: Num, Name: m.Name, Number: &n}
	it.optionalCode(HasConceptMod, MeasurementMethod, m.Method)
	it.optionalCode(HasConceptMod, Derivation, m.Derivation)
	for _, s := range m.Sites {
		it.add(s.item())
	}
	if m.Algorithm != nil {
		a, err := m.Algorithm.items()
		if err != nil {
			return nil, err
		}
		it.add(a...)
	}
	it.optionalCode(HasProperties, Normality, m.Normality)
	it.optionalCode(HasProperties, LevelOfSignificance, m.Significance)
	it.optionalCode(HasProperties, SelectionStatus, m.Selection)
	it.optionalNumber(HasProperties, UncertaintyUp, m.Up)
	it.optionalNumber(HasProperties, UncertaintyDown, m.Down)
	for _, p := range m.Properties {
		property, err := p.item()
		if err != nil {
			return nil, err
		}
		it.add(property)
	}
	it.optionalCode(InferredFrom, Equation, m.Equation)
	for _, s := range m.Sources {
		it.add(imageItem(InferredFrom, SourceOfMeasurement, s))
	}
	for _, r := range m.Regions {
		shape, err := r.item()
		if err != nil {
			return nil, err
		}
		// TID 1400, 1401: a line is a path, a closed one the outline of an area.
		shape.Relationship, shape.Name = InferredFrom, Path
		if r.Graphic.Type != "POLYLINE" || r.Graphic.Closed() {
			shape.Name = AreaOutline
		}
		it.add(shape)
	}
	return it, nil
}

func measurementOf(i *Item) Measurement {
	m := Measurement{Name: i.Name, Method: i.codeOf(MeasurementMethod), Derivation: i.codeOf(Derivation), Sites: sitesOf(i),
		Algorithm: algorithmOf(i), Normality: i.codeOf(Normality), Significance: i.codeOf(LevelOfSignificance), Selection: i.codeOf(SelectionStatus),
		Up: i.numberOf(UncertaintyUp), Down: i.numberOf(UncertaintyDown), Equation: i.codeOf(Equation)}
	if i.Number != nil {
		m.Number = *i.Number
	}
	for _, s := range i.Items {
		if s.Relationship == HasProperties && !slices.ContainsFunc(properties310, func(n radnode.Concept) bool { return Is(n, s.Name) }) {
			m.Properties = append(m.Properties, Property{Name: s.Name, Text: s.Text, Code: s.Code, Number: s.Number})
		}
		if s.Relationship == InferredFrom && s.Reference != nil {
			m.Sources = append(m.Sources, *s.Reference)
		}
		if r, ok := regionOf(s); ok && s.Relationship == InferredFrom {
			m.Regions = append(m.Regions, r)
		}
	}
	return m
}

// properties310 are the rows of TID 310, which have fields of their own.
var properties310 = []radnode.Concept{Normality, LevelOfSignificance, SelectionStatus, UncertaintyUp, UncertaintyDown}

// Property is a property of a measurement: a text, a code or a number.
type Property struct {
	Name   radnode.Concept
	Text   string
	Code   *radnode.Concept
	Number *Number
}

func (p Property) item() (*Item, error) {
	var c Item
	c.optional(HasProperties, Text, p.Name, p.Text)
	c.optionalCode(HasProperties, p.Name, p.Code)
	c.optionalNumber(HasProperties, p.Name, p.Number)
	if len(c.Items) != 1 || p.Name.Value == "" {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 300: a property needs a concept and one of text, code and number")
	}
	return c.Items[0], nil
}

// Evaluation is a qualitative statement: a code or a text. By names the
// observer where it is not the document's.
type Evaluation struct {
	Name radnode.Concept
	Code *radnode.Concept
	Text string
	By   *Observer
	// Language is that of Text where it is not the document's (TID 1204).
	Language *Language
}

func (e Evaluation) item() (*Item, error) {
	if e.Name.Value == "" || (e.Code == nil) == (e.Text == "") {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1500: a qualitative evaluation needs a concept and either a code or a text")
	}
	it := textItem(Contains, Text, e.Name, e.Text)
	if e.Code != nil {
		it = codeItem(Contains, e.Name, *e.Code)
	}
	if e.Language != nil {
		it.add(e.Language.item())
	}
	if e.By != nil {
		by, err := e.By.items()
		if err != nil {
			return nil, err
		}
		it.add(by...)
	}
	return it, nil
}

func evaluationOf(i *Item) Evaluation {
	e := Evaluation{Name: i.Name, Code: i.Code, Text: i.Text, Language: languageOf(i)}
	if o := observersOf(i); len(o) > 0 {
		e.By = &o[0]
	}
	return e
}

// Group holds the rows that TID 1410, 1411 and 1501 share.
type Group struct {
	Session           string
	TrackingID        string
	TrackingUID       radnode.UID
	Category          *radnode.Concept
	Finding           *radnode.Concept
	TimePoint         *TimePoint
	RealWorldValueMap *Reference
	Method            *radnode.Concept
	Sites             []Site
	Algorithm         *Algorithm
	Measurements      []Measurement
	Evaluations       []Evaluation
}

// PlanarROI is TID 1410: a finding in a region of one image, or one segment.
type PlanarROI struct {
	Group
	Region  *Region
	Segment *Segment
}

// VolumetricROI is TID 1411: a finding in regions of several images, or one
// segment.
type VolumetricROI struct {
	Group
	Regions []Region
	Segment *Segment
}

// MeasurementGroup is TID 1501: a finding without a region.
type MeasurementGroup struct {
	Group
	Sources []Reference // Source of Measurement
}

// Region is a shape on an image.
type Region struct {
	Graphic Graphic
	Image   Reference
}

// Segment is a segment of a segmentation object and what it was drawn on.
type Segment struct {
	Segmentation Reference
	Images       []Reference
	Series       radnode.UID // where Images is empty
}

// MeasurementItem is a group of TID 1500: PlanarROI, VolumetricROI or
// MeasurementGroup.
type MeasurementItem interface {
	item() (*Item, error)
	Rows() *Group
}

// Rows returns the rows common to all groups.
func (g *Group) Rows() *Group { return g }

func (p *PlanarROI) item() (*Item, error) {
	var where []*Item
	switch {
	case p.Region != nil && p.Segment == nil:
		it, err := p.Region.item()
		if err != nil {
			return nil, err
		}
		where = append(where, it)
	case p.Segment != nil && p.Region == nil:
		where = p.Segment.items(ReferencedSegmentFrame)
	default:
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1410: a planar group needs one region or one segment")
	}
	return p.Group.container("1410", where)
}

func (v *VolumetricROI) item() (*Item, error) {
	var where []*Item
	if (len(v.Regions) > 0) == (v.Segment != nil) {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1411: a volumetric group needs regions or one segment")
	}
	for _, r := range v.Regions {
		it, err := r.item()
		if err != nil {
			return nil, err
		}
		where = append(where, it)
	}
	if v.Segment != nil {
		where = v.Segment.items(ReferencedSegment)
	}
	return v.Group.container("1411", where)
}

func (m *MeasurementGroup) item() (*Item, error) {
	var where []*Item
	for _, s := range m.Sources {
		where = append(where, imageItem(Contains, SourceOfMeasurement, s))
	}
	return m.Group.container("1501", where)
}

func (g *Group) container(template string, where []*Item) (*Item, error) {
	if g.TrackingID == "" || !g.TrackingUID.Valid() {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID %s: a group needs tracking identifier and unique identifier", template)
	}
	if len(g.Measurements)+len(g.Evaluations) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID %s: a group needs a measurement or an evaluation", template)
	}
	c := &Item{Relationship: Contains, Type: Container, Name: MeasurementGroupName, Template: template}
	c.optional(HasObsContext, Text, ActivitySession, g.Session)
	c.add(textItem(HasObsContext, Text, TrackingIdentifier, g.TrackingID),
		textItem(HasObsContext, UIDRef, TrackingUniqueIdentifier, string(g.TrackingUID)))
	c.optionalCode(Contains, FindingCategory, g.Category)
	c.optionalCode(Contains, FindingName, g.Finding)
	if g.TimePoint != nil {
		items, err := g.TimePoint.items()
		if err != nil {
			return nil, err
		}
		c.add(items...)
	}
	c.add(where...)
	if g.RealWorldValueMap != nil {
		r := *g.RealWorldValueMap
		c.add(&Item{Relationship: Contains, Type: Composite, Name: RealWorldValueMap, Reference: &r})
	}
	c.optionalCode(HasConceptMod, MeasurementMethod, g.Method)
	for _, s := range g.Sites {
		c.add(s.item())
	}
	return c, g.addValues(c)
}

func (g *Group) addValues(c *Item) error {
	if g.Algorithm != nil {
		items, err := g.Algorithm.items()
		if err != nil {
			return err
		}
		c.add(items...)
	}
	for _, m := range g.Measurements {
		it, err := m.item()
		if err != nil {
			return err
		}
		c.add(it)
	}
	for _, e := range g.Evaluations {
		it, err := e.item()
		if err != nil {
			return err
		}
		c.add(it)
	}
	return nil
}

func (r Region) item() (*Item, error) {
	if err := r.Graphic.check2D(); err != nil {
		return nil, err
	}
	g := r.Graphic
	it := &Item{Relationship: Contains, Type: SCoord, Name: ImageRegion, Graphic: &g}
	it.add(imageItem(SelectedFrom, RegionSource, r.Image))
	return it, nil
}

// regionOf reads a region and its image.
func regionOf(i *Item) (Region, bool) {
	if i.Type != SCoord || i.Graphic == nil {
		return Region{}, false
	}
	r := Region{Graphic: *i.Graphic}
	for _, s := range i.Items {
		if s.Reference != nil {
			r.Image = *s.Reference
		}
	}
	return r, true
}

// check2D checks the number of points of a shape (PS3.3 C.18.6.1.2).
func (g Graphic) check2D() error {
	n := len(g.Points) / 2
	ok := len(g.Points)%2 == 0 && n > 0
	switch g.Type {
	case "POINT":
		ok = ok && n == 1
	case "MULTIPOINT":
	case "POLYLINE":
		ok = ok && n >= 2
	case "CIRCLE":
		ok = ok && n == 2
	case "ELLIPSE":
		ok = ok && n == 4
	default:
		ok = false
	}
	if !ok {
		return radnode.Errorf(radnode.Invalid, buildOp, "a %s cannot have %d coordinates", g.Type, len(g.Points))
	}
	return nil
}

// Closed reports whether a polyline ends where it began.
func (g Graphic) Closed() bool {
	n := len(g.Points)
	return n >= 6 && slices.Equal(g.Points[:2], g.Points[n-2:])
}

func (s *Segment) items(name radnode.Concept) []*Item {
	out := []*Item{imageItem(Contains, name, s.Segmentation)}
	for _, r := range s.Images {
		out = append(out, imageItem(Contains, SegmentSourceImage, r))
	}
	if len(s.Images) == 0 && s.Series != "" {
		out = append(out, textItem(Contains, UIDRef, SegmentSourceSeries, string(s.Series)))
	}
	return out
}
