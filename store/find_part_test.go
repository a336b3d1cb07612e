package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/store"
)

func TestPartsOfAQueryAreThoseOfTheWhole(t *testing.T) {
	s := archive(t)
	for name, keys := range map[string]map[dicom.Tag]string{
		"what the index decides":      {dicom.PatientID: "P1"},
		"everything":                  {},
		"what is compared row by row": {dicom.StudyDescription: "*[tT]*", dicom.PatientName: "d*"},
		"a header key":                {dicom.ProtocolName: "protocol CR"},
	} {
		identifier := dicom.NewDataset()
		identifier.SetText(dicom.QueryRetrieveLevel, "IMAGE")
		identifier.SetBytes(dicom.SOPInstanceUID, dicom.UI, nil)
		for tag, v := range keys {
			identifier.SetText(tag, v)
		}
		query := func() *store.Query {
			q, err := store.NewQuery(identifier, store.QueryOptions{PatientRoot: true, Relational: true})
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		var all []string
		if err := s.Find(context.Background(), query(), 1000, func(d *dicom.Dataset) error {
			all = append(all, d.Text(dicom.SOPInstanceUID))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for offset := range len(all) + 2 {
			for limit := range len(all) + 2 {
				var got []string
				further, err := s.FindPart(context.Background(), query(), offset, limit, 3, func(d *dicom.Dataset) error {
					got = append(got, d.Text(dicom.SOPInstanceUID))
					return nil
				})
				from := min(offset, len(all))
				to := min(from+limit, len(all))
				if diff := cmp.Diff(append([]string(nil), all[from:to]...), got); err != nil || diff != "" || further != min(3, len(all)-to) {
					t.Fatalf("%s, %d from %d: %d further, %v\n%s", name, limit, offset, further, err, diff)
				}
			}
		}
	}
}
