package workflow_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/workflow"
)

func text(s string) *string { return &s }

// reviewed brings an image to a draft.
func (b *bench) reviewed() (image, radnode.Report) {
	b.Helper()
	i := newImage()
	b.ingest(i)
	return i, b.state(i.study, radnode.ToReview).Reports[0]
}

func finding(r *radnode.Report, label string) radnode.ReportFinding {
	for _, f := range r.Findings {
		if f.Stated().Label == label {
			return f
		}
	}
	return radnode.ReportFinding{}
}

func TestAReaderAddsAFindingOfHisOwn(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	i, r := b.reviewed()
	region := &radnode.Region{Graphic: radnode.Polyline, Points: []float64{1, 1, 8, 1, 8, 8, 1, 1}}
	added, err := b.AddFinding(ctx, reader, r.ID, r.Version, radnode.ReadingChange{
		Label: text("Pneumothorax"), Text: text("apical, left"), SOPInstanceUID: i.sop, Region: region,
		Measurement: &radnode.Measurement{Name: "length", Value: 12.5, Unit: "mm"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := finding(added, "pneumothorax")
	if !f.Added() || f.Decision != radnode.Accepted || f.DecidedBy != reader.Name || f.Reading.Code.Value != "36118008" || f.Reading.TrackingUID == "" {
		t.Fatalf("added: %+v", f)
	}
	own, err := b.AddFinding(ctx, reader, r.ID, added.Version, radnode.ReadingChange{Label: text("azygos lobe"), SOPInstanceUID: i.sop})
	if err != nil {
		t.Fatal(err)
	}
	if f := finding(own, "azygos lobe"); f.Reading.Code.Scheme != "99RADNODE" {
		t.Errorf("a label of the reader's own has the code %+v", f.Reading.Code)
	}
	// A late image renews the draft and keeps what the reader added.
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s := b.until(i.study, "both images read", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Results) == 4 })
	if kept := finding(&s.Reports[0], "pneumothorax"); kept.ID != f.ID || kept.Reading == nil || kept.Reading.Region == nil {
		t.Errorf("after a late image: %+v", kept)
	}
	signed := b.sign(s.Reports[0])
	amended, err := b.Amend(ctx, reader, signed.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again := finding(amended, "pneumothorax"); again.Reading == nil || again.Reading.TrackingUID != f.Reading.TrackingUID {
		t.Error("an added finding has another tracking UID in the amendment")
	}
	b.balanced()
}

func TestAnEditedFindingKeepsWhatTheModelStated(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	_, r := b.reviewed()
	f := finding(&r, "pneumonia")
	edited, err := b.EditFinding(ctx, reader, r.ID, f.ID, r.Version, radnode.ReadingChange{Label: text("consolidation"), Text: text("right lower zone"), Reason: text("no infection")})
	if err != nil {
		t.Fatal(err)
	}
	got := finding(edited, "consolidation")
	if got.ID != f.ID || got.Finding.Label != "pneumonia" || got.Finding.Probability != f.Finding.Probability || got.Decision != radnode.Accepted || got.Reading.By != reader.Name {
		t.Fatalf("edited: %+v", got)
	}
	if again, err := b.EditFinding(ctx, reader, r.ID, f.ID, edited.Version, radnode.ReadingChange{Text: text("right middle zone")}); err != nil || finding(again, "consolidation").Reading.Reason != "no infection" {
		t.Errorf("a second change of the text alone: %v", err)
	} else if back, err := b.Decide(ctx, reader, r.ID, f.ID, again.Version, radnode.Rejected, ""); err != nil || finding(back, "pneumonia").Reading != nil {
		t.Errorf("a rejected finding is the model's again: %v", err)
	}
}

func TestTheTrailTellsWhereAChangeCameFrom(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := audit.From(context.Background(), "10.0.0.9")
	_, r := b.reviewed()
	if _, err := b.Decide(ctx, reader, r.ID, finding(&r, "pneumonia").ID, r.Version, radnode.Accepted, ""); err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(ctx, b.store, b.store.Reader())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := trail.List(ctx, audit.Filter{Action: audit.ReportChanged}); err != nil || len(got) != 1 || got[0].Remote != "10.0.0.9" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWordsAloneMakeNothingPresent: what a reader states of a finding is there,
// which words about an absent one may deny.
func TestWordsAloneMakeNothingPresent(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
		return []radnode.Analysis{pneumonia(uid, 0.02)}, nil
	}
	_, r := b.reviewed()
	f := finding(&r, "pneumonia")
	_, err := b.EditFinding(ctx, reader, r.ID, f.ID, r.Version, radnode.ReadingChange{Text: text("no sign of pneumonia")})
	wantCode(t, err, radnode.Invalid)
	region := &radnode.Region{Graphic: radnode.Point, Points: []float64{3, 4}}
	edited, err := b.EditFinding(ctx, reader, r.ID, f.ID, r.Version, radnode.ReadingChange{Text: text("subtle"), Region: region})
	if err != nil || !finding(edited, "pneumonia").Stated().Present {
		t.Fatalf("a place makes it present: %v", err)
	}
	if _, err := b.EditFinding(ctx, reader, r.ID, f.ID, edited.Version, radnode.ReadingChange{Text: text("faint")}); err != nil {
		t.Errorf("words about what the reader stated: %v", err)
	}
}

func TestFindingsThatCannotBeAreRefused(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	i, r := b.reviewed()
	other, _ := b.reviewed()
	name := text("mass")
	for what, c := range map[string]radnode.ReadingChange{
		"no name":                   {SOPInstanceUID: i.sop},
		"an empty name":             {Label: text("  "), SOPInstanceUID: i.sop},
		"a backslash":               {Label: text(`a\b`), SOPInstanceUID: i.sop},
		"a long name":               {Label: text(strings.Repeat("a", 65)), SOPInstanceUID: i.sop},
		"an unknown code":           {Code: &radnode.Concept{Value: "1", Scheme: "SCT"}, SOPInstanceUID: i.sop},
		"an image of another study": {Label: name, SOPInstanceUID: other.sop},
		"a frame that is not there": {Label: name, SOPInstanceUID: i.sop, Frame: 2},
		"a point outside":           {Label: name, SOPInstanceUID: i.sop, Region: &radnode.Region{Graphic: radnode.Point, Points: []float64{17, 1}}},
		"half a point":              {Label: name, SOPInstanceUID: i.sop, Region: &radnode.Region{Graphic: radnode.Polyline, Points: []float64{1, 1, 2}}},
		"an unknown graphic":        {Label: name, SOPInstanceUID: i.sop, Region: &radnode.Region{Graphic: "CLOUD", Points: []float64{1, 1}}},
		"a length in seconds":       {Label: name, SOPInstanceUID: i.sop, Measurement: &radnode.Measurement{Name: "length", Value: 1, Unit: "s"}},
		"a control character":       {Label: name, SOPInstanceUID: i.sop, Text: text("\x00")},
	} {
		_, err := b.AddFinding(ctx, reader, r.ID, r.Version, c)
		if radnode.CodeOf(err) != radnode.Invalid && radnode.CodeOf(err) != radnode.TooLarge {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := b.AddFinding(ctx, technologist, r.ID, r.Version, radnode.ReadingChange{Label: name, SOPInstanceUID: i.sop})
	wantCode(t, err, radnode.Forbidden)
	_, err = b.AddFinding(ctx, reader, r.ID, r.Version+1, radnode.ReadingChange{Label: name, SOPInstanceUID: i.sop})
	wantCode(t, err, radnode.Conflict)
}

func TestANarrativeIsComposedAndThenFreelyChanged(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	_, r := b.reviewed()
	d, err := b.Decide(ctx, reader, r.ID, finding(&r, "pneumonia").ID, r.Version, radnode.Accepted, "")
	if err != nil {
		t.Fatal(err)
	}
	zh, err := b.Compose(ctx, reader, r.ID, d.Version, "zh")
	if err != nil || zh.FindingsText != "肺炎。" || zh.Impression != "肺炎。" || zh.Language != "zh" {
		t.Fatalf("composed %+v (%v)", zh, err)
	}
	own, err := b.SetText(ctx, reader, r.ID, zh.Version, radnode.ReportText{Impression: text("右下肺炎。")})
	if err != nil || own.FindingsText != "肺炎。" || own.Impression != "右下肺炎。" {
		t.Errorf("changed %+v (%v)", own, err)
	}
	_, err = b.Compose(ctx, reader, r.ID, own.Version, "fr")
	wantCode(t, err, radnode.Unsupported)
}

func TestAnAPITokenCannotSign(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	_, r := b.reviewed()
	f := finding(&r, "pneumonia")
	d, err := b.Decide(context.Background(), reader, r.ID, f.ID, r.Version, radnode.Accepted, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Sign(context.Background(), radnode.User{Name: "ris", FullName: "ris^^^^API token", Role: radnode.Radiologist, Program: true}, r.ID, d.Version)
	wantCode(t, err, radnode.Forbidden)
}

func TestASecondReaderSignsWhereTheSiteWantsOne(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly, func(o *workflow.Options) { o.SecondReader = true })
	ctx := context.Background()
	if err := b.AddPeer(ctx, archive); err != nil {
		t.Fatal(err)
	}
	i, r := b.reviewed()
	first := b.sign(r)
	if first.State != radnode.AwaitingSecond || len(first.Deliveries) != 0 || first.SignedBy != reader.FullName {
		t.Fatalf("after the first signature: %+v", first)
	}
	_, err := b.Cosign(ctx, reader, r.ID, first.Version)
	wantCode(t, err, radnode.Forbidden) // the same person
	_, err = b.SetText(ctx, reader, r.ID, first.Version, impression("changed after signing"))
	wantCode(t, err, radnode.Conflict)
	_, err = b.Cosign(ctx, second, r.ID, first.Version-1)
	wantCode(t, err, radnode.Conflict)
	open, err := b.Reopen(ctx, second, r.ID, first.Version)
	if err != nil || open.State != radnode.Draft || open.SignedAt != nil || open.SignedBy != "" {
		t.Fatalf("opened again: %+v (%v)", open, err)
	}
	again, err := b.Sign(ctx, reader, r.ID, open.Version)
	if err != nil {
		t.Fatal(err)
	}
	final, err := b.Cosign(ctx, second, r.ID, again.Version)
	if err != nil || final.State != radnode.Final || final.SecondSignedBy != second.FullName || final.SignedBy != reader.FullName {
		t.Fatalf("after both: %+v (%v)", final, err)
	}
	if doc := b.author.last(); doc.Observer.FullName != reader.FullName || doc.Second.FullName != second.FullName {
		t.Errorf("the document names %+v and %+v", doc.Observer, doc.Second)
	}
	b.state(i.study, radnode.Delivered)
	_, err = b.Cosign(ctx, second, r.ID, final.Version)
	wantCode(t, err, radnode.Conflict)
	b.balanced()
}

func TestALateImageVoidsAFirstSignature(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly, func(o *workflow.Options) { o.SecondReader = true })
	i, r := b.reviewed()
	first := b.sign(r)
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s := b.until(i.study, "both images read", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Results) == 4 })
	if got := s.Reports[0]; got.ID != r.ID || got.State != radnode.Draft || got.SignedBy != "" || len(s.Warnings) == 0 {
		t.Errorf("after a late image: %+v, warnings %v", got, s.Warnings)
	}
	_, err := b.Cosign(context.Background(), second, r.ID, first.Version)
	wantCode(t, err, radnode.Conflict)
}

func TestAnAddendumAddsTextAndChangesNothingElse(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	i, r := b.reviewed()
	_, err := b.Addend(ctx, reader, r.ID, "too early")
	wantCode(t, err, radnode.Conflict)
	signed := b.sign(r)
	_, err = b.Addend(ctx, reader, signed.ID, " ")
	wantCode(t, err, radnode.Invalid)
	add, err := b.Addend(ctx, second, signed.ID, "Compared with the film of 2019.")
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Decide(ctx, second, add.ID, add.Findings[0].ID, add.Version, radnode.Rejected, "")
	wantCode(t, err, radnode.Conflict)
	_, err = b.SetText(ctx, second, add.ID, add.Version, impression("another"))
	wantCode(t, err, radnode.Conflict)
	_, err = b.Amend(ctx, second, signed.ID)
	wantCode(t, err, radnode.Conflict)
	add, err = b.SetText(ctx, second, add.ID, add.Version, radnode.ReportText{Addendum: text("Compared with the film of 2018.")})
	if err != nil {
		t.Fatal(err)
	}
	final, err := b.Sign(ctx, second, add.ID, add.Version)
	if err != nil {
		t.Fatal(err)
	}
	if a := final.Addenda; len(a) != 1 || a[0].By != second.FullName || a[0].At == nil || a[0].Text != "Compared with the film of 2018." {
		t.Errorf("addenda %+v", a)
	}
	s, err := b.Study(ctx, i.study)
	if err != nil || s.Reports[1].State != radnode.Superseded || s.Reports[1].SOPInstanceUID != signed.SOPInstanceUID {
		t.Errorf("the signed report is %+v (%v)", s.Reports[1], err)
	}
	b.balanced()
}

func TestALateImageTurnsAnAddendumIntoAnAmendment(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	i, r := b.reviewed()
	signed := b.sign(r)
	add, err := b.Addend(ctx, reader, signed.ID, "An addendum.")
	if err != nil {
		t.Fatal(err)
	}
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s := b.until(i.study, "both images read", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Results) == 4 })
	got := s.Reports[0]
	if got.ID != add.ID || len(got.Addenda) != 0 || !strings.Contains(got.Impression, "An addendum.") {
		t.Fatalf("the addendum became %+v", got)
	}
	if final := b.sign(got); final.State != radnode.Final {
		t.Errorf("signed: %s", final.State)
	}
}

func TestOnlyStudiesThatAreSurelyOfThePatientArePriors(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	study := func(patient, date, issuer, born string) image {
		i := newImage()
		i.patient, i.date, i.issuer, i.born = patient, date, issuer, born
		b.ingest(i)
		b.state(i.study, radnode.ToReview)
		return i
	}
	now := study("Doe^Jane", "20260102", "HOSPITAL", "19800101")
	older := study("Doe^Jane", "20240101", "HOSPITAL", "19800101")
	oldest := study("Doe^Jane", "20230101", "HOSPITAL", "")
	study("Doe^Jane", "20270101", "HOSPITAL", "19800101") // later: no prior
	study("Doe^Jane", "20220101", "ELSEWHERE", "19800101")
	study("Doe^Jane", "20220102", "HOSPITAL", "19790101")
	study("Roe^Jo", "20220103", "HOSPITAL", "19800101")
	s, err := b.Study(ctx, older.study)
	if err != nil {
		t.Fatal(err)
	}
	b.sign(s.Reports[0])
	got, err := b.Priors(ctx, now.study)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Priors) != 2 || got.Priors[0].StudyInstanceUID != older.study || got.Priors[1].StudyInstanceUID != oldest.study {
		t.Fatalf("priors %+v", got.Priors)
	}
	if len(got.Priors[0].Reports) != 1 || len(got.Priors[1].Reports) != 0 {
		t.Error("a prior is shown with its signed reports alone")
	}
	if got.Uncertain != 2 || got.Reason == "" {
		t.Errorf("%d uncertain (%s), want the 2 of another issuer and date of birth", got.Uncertain, got.Reason)
	}
	_, err = b.Priors(ctx, "1.2.3")
	wantCode(t, err, radnode.NotFound)
}

func TestTwoReadersWhoSignAtOnceOneWins(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	if err := b.AddPeer(ctx, archive); err != nil {
		t.Fatal(err)
	}
	i, r := b.reviewed()
	d, err := b.Decide(ctx, reader, r.ID, finding(&r, "pneumonia").ID, r.Version, radnode.Accepted, "")
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for _, u := range []radnode.User{reader, second} {
		go func() { _, err := b.Sign(ctx, u, r.ID, d.Version); results <- err }()
	}
	one, two := <-results, <-results
	if (one == nil) == (two == nil) {
		t.Fatalf("both: %v, %v", one, two)
	}
	for _, err := range []error{one, two} {
		if err != nil {
			wantCode(t, err, radnode.Conflict)
		}
	}
	b.state(i.study, radnode.Delivered)
	time.Sleep(20 * time.Millisecond)
	if len(b.pacs.sent) != 1 {
		t.Errorf("sent %v", b.pacs.sent)
	}
	b.balanced()
}

func TestAStudyThatNoModelLookedAtForFindingsSaysSo(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
		a := pneumonia(uid, 0)
		a.Findings = a.Findings[:1] // the quality of the film alone
		return []radnode.Analysis{a, refused(uid)}, nil
	}
	i := newImage()
	b.ingest(i)
	if s := b.state(i.study, radnode.ToReview); s.Assessed || len(s.Findings) > 0 {
		t.Errorf("assessed %v, findings %v", s.Assessed, s.Findings)
	}
}
