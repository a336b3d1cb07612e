package sr

import "github.com/radnode/radnode"

// TextReport is a basic diagnostic imaging report (after TID 2000): sections
// of sentences with the images they are about.
type TextReport struct {
	Title     radnode.Concept // CID 7000
	Language  Language
	Observers []Observer
	Sections  []TextSection
}

// TextSection is a section of a report (TID 2002).
type TextSection struct {
	Heading radnode.Concept // CID 7001
	Texts   []TextItem
	By      *Observer // where it is not the document's
}

// TextItem is one statement.
type TextItem struct {
	Name   radnode.Concept // CID 7002
	Text   string
	Images []Reference // it was inferred from
	// Language is that of Text where it is not the document's.
	Language *Language
}

// Content returns the content tree, for any SR class.
func (r *TextReport) Content() (*Item, error) {
	if len(r.Sections) == 0 || len(r.Observers) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 2000: a report needs an observer and a section")
	}
	root := &Item{Type: Container, Name: r.Title, Template: "2000"}
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
	for _, s := range r.Sections {
		c := &Item{Relationship: Contains, Type: Container, Name: s.Heading}
		if s.By != nil {
			by, err := s.By.items()
			if err != nil {
				return nil, err
			}
			c.add(by...)
		}
		for _, t := range s.Texts {
			it := textItem(Contains, Text, t.Name, t.Text)
			if t.Language != nil {
				it.add(t.Language.item())
			}
			for _, i := range t.Images {
				it.add(imageItem(InferredFrom, SourceOfMeasurement, i))
			}
			c.add(it)
		}
		root.add(c)
	}
	return root, nil
}
