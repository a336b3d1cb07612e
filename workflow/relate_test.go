package workflow_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/workflow"
)

func TestPixelsThatCameBeforeAreToldWithTheImage(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 50 * time.Millisecond })
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
		a := pneumonia(uid, 0.7)
		a.Provenance = &radnode.Provenance{InputDigest: "sha256:same"}
		return []radnode.Analysis{a}, nil
	}
	first := newImage()
	first.patient = "Doe^Jane"
	sameStudy, samePatient, stranger := newImage(), newImage(), newImage()
	sameStudy.study, sameStudy.series, sameStudy.patient = first.study, first.series, first.patient
	samePatient.patient = first.patient
	stranger.patient = first.patient + "9"
	for _, tt := range []struct {
		image image
		want  []string
	}{
		{first, nil},
		{samePatient, []string{"the pixels are those of an image in another study of this patient"}},
		{sameStudy, []string{"the pixels are those of another image of this study"}},
		{stranger, []string{"the pixels are those of an image of another patient: check whose image this is"}},
	} {
		b.ingest(tt.image)
		s := b.until(tt.image.study, "analysed", func(s *radnode.Study) bool {
			return slices.ContainsFunc(s.Results, func(r radnode.Result) bool { return r.SOPInstanceUID == tt.image.sop })
		})
		for _, r := range s.Results {
			if r.SOPInstanceUID != tt.image.sop {
				continue
			}
			if diff := cmp.Diff(tt.want, slices.DeleteFunc(slices.Clone(r.Gate.Reasons), func(s string) bool { return s == "" })); diff != "" && (len(tt.want) > 0 || len(r.Gate.Reasons) > 0) {
				t.Error(diff)
			}
		}
	}
}

func TestModelsThatAnswerTheSameQuestionAreCompared(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
		one, other := pneumonia(uid, 0.7), pneumonia(uid, 0.2)
		other.Model = radnode.ModelRef{ID: "second-opinion", Version: "1.0.0", Digest: "sha256:bb"}
		other.Findings[1].Label, other.Findings[1].Present = "consolidation_or_pneumonia", false // the code is the same
		return []radnode.Analysis{one, other}, nil
	}
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.ToReview)
	want := &radnode.Agreement{Models: 2, Present: 1, Low: 0.2, High: 0.7}
	for _, r := range s.Results {
		if diff := cmp.Diff(want, r.Findings[1].Agreement); diff != "" {
			t.Errorf("%s: %s", r.Model.ID, diff)
		}
	}
}
