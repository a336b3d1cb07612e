package report

import (
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// KeyObjects makes a Key Object Selection Document (PS3.3 A.35.4, TID 2010) of
// the frames with positive findings, so that a worklist can show where to look
// first. It is nil, without error, where there is none.
func KeyObjects(in Input) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	b.Class = dicom.KeyObjectSelectionDocumentStorage
	var objects []sr.KeyObject
	seen := map[Frame]bool{}
	for _, f := range b.findings {
		k := Frame{f.SOPInstanceUID, f.Frame}
		if !shown(f) || f.Stated().Code == nil || seen[k] {
			continue
		}
		seen[k] = true
		ref := b.reference(f.SOPInstanceUID, f.Frame)
		ref.StudyInstanceUID, ref.SeriesInstanceUID = "", ""
		objects = append(objects, sr.KeyObject{Type: sr.Image, Reference: ref})
	}
	if objects == nil {
		return nil, nil
	}
	k := &sr.KeyObjects{Title: sr.OfInterest, Language: documentLanguage, Observer: &sr.Observer{Device: b.observer()},
		Description: b.mark("Images with positive findings"), Objects: objects}
	root, err := k.Content()
	if err != nil {
		return nil, err
	}
	d := b.document(b.Class, root)
	d.SeriesDescription, d.Verifications, d.Predecessors = b.mark("AI key images"), nil, nil
	d.Evidence, d.OtherEvidence = nil, nil
	for f := range seen {
		if r := b.reference(f.SOPInstanceUID, 0); r.StudyInstanceUID == b.study {
			d.Evidence = append(d.Evidence, r)
		} else {
			d.OtherEvidence = append(d.OtherEvidence, r)
		}
	}
	return d.Dataset()
}
