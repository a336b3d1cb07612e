package sr

import "github.com/radnode/radnode"

// ImageLibrary is TID 1600.
type ImageLibrary struct{ Groups []LibraryGroup }

// LibraryGroup is a group of images with what is true for all of them (TID
// 1602).
type LibraryGroup struct {
	Common Descriptors
	Images []LibraryImage
}

// LibraryImage is TID 1601.
type LibraryImage struct {
	Image Reference
	Descriptors
}

// Descriptors are rows of TID 1602 to 1604.
type Descriptors struct {
	Modality         *radnode.Concept // CID 29
	TargetRegion     *radnode.Concept
	Laterality       *radnode.Concept
	View             *radnode.Concept
	StudyDate        string
	StudyTime        string
	AcquisitionDate  string
	AcquisitionTime  string
	FrameOfReference radnode.UID
	Rows, Columns    int
	ContentDate      string
	ContentTime      string
	// Of projections (TID 1603): mm of a pixel, directions of rows and columns,
	// angles of the tube.
	HorizontalSpacing, VerticalSpacing *float64
	RowDirection, ColumnDirection      string
	PrimaryAngle, SecondaryAngle       *float64
}

func (l *ImageLibrary) item() *Item {
	lib := &Item{Relationship: Contains, Type: Container, Name: ImageLibraryName, Template: "1600"}
	for _, g := range l.Groups {
		c := &Item{Relationship: Contains, Type: Container, Name: ImageLibraryGroup}
		g.Common.addTo(c)
		for _, i := range g.Images {
			it := imageItem(Contains, radnode.Concept{}, i.Image)
			i.Descriptors.addTo(it)
			c.add(it)
		}
		lib.add(c)
	}
	return lib
}

func (d Descriptors) addTo(i *Item) {
	i.optionalCode(HasAcqContext, ModalityName, d.Modality)
	i.optionalCode(HasAcqContext, TargetRegion, d.TargetRegion)
	i.optionalCode(HasAcqContext, ImageLaterality, d.Laterality)
	i.optionalCode(HasAcqContext, ImageView, d.View)
	i.optional(HasAcqContext, Date, StudyDate, d.StudyDate)
	i.optional(HasAcqContext, Time, StudyTime, d.StudyTime)
	i.optional(HasAcqContext, Date, AcquisitionDate, d.AcquisitionDate)
	i.optional(HasAcqContext, Time, AcquisitionTime, d.AcquisitionTime)
	i.optional(HasAcqContext, UIDRef, FrameOfReference, string(d.FrameOfReference))
	i.optional(HasAcqContext, Date, ContentDate, d.ContentDate)
	i.optional(HasAcqContext, Time, ContentTime, d.ContentTime)
	i.optional(HasAcqContext, Text, OrientationRow, d.RowDirection)
	i.optional(HasAcqContext, Text, OrientationColumn, d.ColumnDirection)
	for _, n := range []struct {
		name  radnode.Concept
		value *float64
		unit  radnode.Concept
	}{{HorizontalSpacing, d.HorizontalSpacing, PerPix}, {VerticalSpacing, d.VerticalSpacing, PerPix}, {PrimaryAngle, d.PrimaryAngle, Degrees}, {SecondaryAngle, d.SecondaryAngle, Degrees}} {
		if n.value != nil {
			i.add(numItem(HasAcqContext, n.name, *n.value, n.unit))
		}
	}
	if d.Rows > 0 && d.Columns > 0 {
		i.add(numItem(HasAcqContext, PixelRows, float64(d.Rows), Pixels), numItem(HasAcqContext, PixelColumns, float64(d.Columns), Pixels))
	}
}

func descriptorsOf(i *Item) Descriptors {
	d := Descriptors{Modality: i.codeOf(ModalityName), TargetRegion: i.codeOf(TargetRegion), Laterality: i.codeOf(ImageLaterality),
		View: i.codeOf(ImageView), StudyDate: i.textOf(StudyDate), StudyTime: i.textOf(StudyTime), AcquisitionDate: i.textOf(AcquisitionDate),
		AcquisitionTime: i.textOf(AcquisitionTime), FrameOfReference: radnode.UID(i.textOf(FrameOfReference)),
		ContentDate: i.textOf(ContentDate), ContentTime: i.textOf(ContentTime), RowDirection: i.textOf(OrientationRow), ColumnDirection: i.textOf(OrientationColumn)}
	for _, f := range []struct {
		name radnode.Concept
		dst  **float64
	}{{HorizontalSpacing, &d.HorizontalSpacing}, {VerticalSpacing, &d.VerticalSpacing}, {PrimaryAngle, &d.PrimaryAngle}, {SecondaryAngle, &d.SecondaryAngle}} {
		if n := i.numberOf(f.name); n != nil && !n.Missing {
			*f.dst = &n.Value
		}
	}
	for _, f := range []struct {
		name radnode.Concept
		dst  *int
	}{{PixelRows, &d.Rows}, {PixelColumns, &d.Columns}} {
		if n := i.First(f.name); n != nil && n.Number != nil {
			*f.dst = int(n.Number.Value)
		}
	}
	return d
}

func imageLibraryOf(i *Item) *ImageLibrary {
	lib := &ImageLibrary{}
	for _, c := range i.Items {
		if c.Type != Container {
			continue
		}
		g := LibraryGroup{Common: descriptorsOf(c)}
		for _, im := range c.Items {
			if im.Type == Image && im.Reference != nil {
				g.Images = append(g.Images, LibraryImage{Image: *im.Reference, Descriptors: descriptorsOf(im)})
			}
		}
		lib.Groups = append(lib.Groups, g)
	}
	return lib
}
