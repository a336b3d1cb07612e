package sr

import (
	"slices"

	"github.com/radnode/radnode"
)

// MeasurementReport is TID 1500, Measurement Report.
type MeasurementReport struct {
	Title       radnode.Concept // CID 7021
	Language    Language
	Observers   []Observer
	Procedure   *ProcedureContext // where it is not that of the header
	Subject     *SubjectContext   // likewise
	Procedures  []radnode.Concept // Procedure reported: the imaging, not the algorithm
	Library     *ImageLibrary
	Algorithm   *Algorithm // of all groups
	Groups      []MeasurementItem
	Derived     []DerivedMeasurement
	Evaluations []Evaluation
	// Others is content beyond the rows of the template, which is extensible.
	Others []*Item
}

// DerivedMeasurement is a row of TID 1420: a measurement with the groups
// (indexes in Groups) it was derived from.
type DerivedMeasurement struct {
	Measurement
	From []int
}

// Content returns the content tree, or the rule of the template that the
// report breaks.
func (r *MeasurementReport) Content() (*Item, error) {
	if len(r.Observers) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1001: a report needs an observer")
	}
	if len(r.Groups)+len(r.Derived)+len(r.Evaluations) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1500: a report needs measurements or evaluations")
	}
	title := r.Title
	if title.Value == "" {
		title = ImagingMeasurementReport
	}
	root := &Item{Type: Container, Name: title, Template: "1500"}
	if r.Language.Language.Value != "" {
		root.add(r.Language.item())
	}
	for _, o := range r.Observers {
		items, err := o.items()
		if err != nil {
			return nil, err
		}
		root.add(items...)
	}
	if r.Procedure != nil {
		root.add(r.Procedure.items()...)
	}
	if r.Subject != nil {
		items, err := r.Subject.items()
		if err != nil {
			return nil, err
		}
		root.add(items...)
	}
	for _, p := range r.Procedures {
		root.add(codeItem(HasConceptMod, ProcedureReported, p))
	}
	if r.Library != nil {
		root.add(r.Library.item())
	}
	if err := r.addGroups(root); err != nil {
		return nil, err
	}
	if err := r.addEvaluations(root); err != nil {
		return nil, err
	}
	root.add(r.Others...)
	return root, nil
}

func (r *MeasurementReport) addGroups(root *Item) error {
	at := len(root.Items) + 1 // of the container among the children of the root
	if len(r.Groups) > 0 {
		c := &Item{Relationship: Contains, Type: Container, Name: ImagingMeasurements}
		if r.Algorithm != nil {
			items, err := r.Algorithm.items()
			if err != nil {
				return err
			}
			c.add(items...)
		}
		first := len(c.Items) + 1
		for _, g := range r.Groups {
			it, err := g.item()
			if err != nil {
				return err
			}
			c.add(it)
		}
		root.add(c)
		return r.addDerived(root, at, first)
	}
	return r.addDerived(root, at, 0)
}

func (r *MeasurementReport) addDerived(root *Item, at, first int) error {
	if len(r.Derived) == 0 {
		return nil
	}
	c := &Item{Relationship: Contains, Type: Container, Name: DerivedImagingMeasurements, Template: "1420"}
	for _, d := range r.Derived {
		it, err := d.item()
		if err != nil {
			return err
		}
		for _, g := range d.From {
			if g < 0 || g >= len(r.Groups) {
				return radnode.Errorf(radnode.Invalid, buildOp, "TID 1420: there is no group %d to derive from", g)
			}
			// PS3.3 C.17.3.2.5: the identifier is the path from the root, which is 1.
			it.add(&Item{Relationship: InferredFrom, Target: []int{1, at, first + g}})
		}
		c.add(it)
	}
	root.add(c)
	return nil
}

func (r *MeasurementReport) addEvaluations(root *Item) error {
	if len(r.Evaluations) == 0 {
		return nil
	}
	c := &Item{Relationship: Contains, Type: Container, Name: QualitativeEvaluations}
	for _, e := range r.Evaluations {
		it, err := e.item()
		if err != nil {
			return err
		}
		c.add(it)
	}
	root.add(c)
	return nil
}

// ParseMeasurementReport reads TID 1500 from a content tree.
func ParseMeasurementReport(root *Item) (*MeasurementReport, error) {
	if root == nil || root.Type != Container || root.Template != "" && root.Template != "1500" {
		return nil, radnode.Errorf(radnode.Unsupported, "read structured report", "the document is no measurement report (TID 1500)")
	}
	r := &MeasurementReport{Title: root.Name, Observers: observersOf(root), Procedure: procedureOf(root), Subject: subjectOf(root)}
	if l := languageOf(root); l != nil {
		r.Language = *l
	}
	for _, p := range root.Find(ProcedureReported) {
		if p.Code != nil {
			r.Procedures = append(r.Procedures, *p.Code)
		}
	}
	if l := root.First(ImageLibraryName); l != nil {
		r.Library = imageLibraryOf(l)
	}
	for _, c := range root.Find(ImagingMeasurements) {
		if a := algorithmOf(c); a != nil {
			r.Algorithm = a
		}
		for _, g := range c.Find(MeasurementGroupName) {
			r.Groups = append(r.Groups, groupOf(g))
		}
	}
	for _, c := range root.Find(DerivedImagingMeasurements) {
		for _, m := range c.Items {
			if m.Type == Num {
				r.Derived = append(r.Derived, derivedOf(root, m))
			}
		}
	}
	for _, c := range root.Find(QualitativeEvaluations) {
		for _, e := range c.Items {
			if e.Relationship == Contains && (e.Type == Code || e.Type == Text) {
				r.Evaluations = append(r.Evaluations, evaluationOf(e))
			}
		}
	}
	for _, c := range root.Items {
		if c.Relationship == Contains && !slices.ContainsFunc(rows1500, func(n radnode.Concept) bool { return Is(n, c.Name) }) {
			r.Others = append(r.Others, c)
		}
	}
	return r, nil
}

// rows1500 names the containers of the template.
var rows1500 = []radnode.Concept{ImageLibraryName, ImagingMeasurements, DerivedImagingMeasurements, QualitativeEvaluations}

// derivedOf reads a row of TID 1420 and counts the groups before its targets.
func derivedOf(root, m *Item) DerivedMeasurement {
	d := DerivedMeasurement{Measurement: measurementOf(m)}
	for _, c := range m.Items {
		if len(c.Target) != 3 || c.Target[1] < 1 || c.Target[1] > len(root.Items) {
			continue
		}
		n := -1
		for i, g := range root.Items[c.Target[1]-1].Items {
			if Is(g.Name, MeasurementGroupName) {
				n++
			}
			if i == c.Target[2]-1 && n >= 0 {
				d.From = append(d.From, n)
			}
		}
	}
	return d
}

// groupOf reads TID 1410, 1411 or 1501; without a template identifier the rows
// tell which.
func groupOf(i *Item) MeasurementItem {
	g, regions, seg, sources := rowsOf(i)
	switch {
	case i.Template == "1411" || len(regions) > 1 || i.Template == "" && seg != nil && len(i.Find(ReferencedSegment)) > 0:
		return &VolumetricROI{Group: g, Regions: regions, Segment: seg}
	case len(regions) == 1:
		return &PlanarROI{Group: g, Region: &regions[0]}
	case seg != nil:
		return &PlanarROI{Group: g, Segment: seg}
	}
	return &MeasurementGroup{Group: g, Sources: sources}
}

func rowsOf(i *Item) (g Group, regions []Region, seg *Segment, sources []Reference) {
	g = Group{Session: i.textOf(ActivitySession), TrackingID: i.textOf(TrackingIdentifier), TrackingUID: radnode.UID(i.textOf(TrackingUniqueIdentifier)),
		Category: i.codeOf(FindingCategory), Finding: i.codeOf(FindingName), TimePoint: timePointOf(i),
		Method: i.codeOf(MeasurementMethod), Sites: sitesOf(i), Algorithm: algorithmOf(i)}
	for _, c := range i.Items {
		switch {
		case c.Type == Num && c.Relationship == Contains:
			g.Measurements = append(g.Measurements, measurementOf(c))
		case c.Type == SCoord && c.Graphic != nil:
			r, _ := regionOf(c)
			regions = append(regions, r)
		case c.Reference != nil:
			seg, sources = g.reference(c, seg, sources)
		case Is(c.Name, SegmentSourceSeries) && seg != nil:
			seg.Series = radnode.UID(c.Text)
		case c.Relationship == Contains && (c.Type == Code || c.Type == Text) && !Is(c.Name, FindingName) && !Is(c.Name, FindingCategory):
			g.Evaluations = append(g.Evaluations, evaluationOf(c))
		}
	}
	return g, regions, seg, sources
}

func (g *Group) reference(c *Item, seg *Segment, sources []Reference) (*Segment, []Reference) {
	switch {
	case Is(c.Name, ReferencedSegment), Is(c.Name, ReferencedSegmentFrame):
		return &Segment{Segmentation: *c.Reference}, sources
	case Is(c.Name, SegmentSourceImage) && seg != nil:
		seg.Images = append(seg.Images, *c.Reference)
	case Is(c.Name, RealWorldValueMap):
		g.RealWorldValueMap = c.Reference
	case Is(c.Name, SourceOfMeasurement):
		sources = append(sources, *c.Reference)
	}
	return seg, sources
}
