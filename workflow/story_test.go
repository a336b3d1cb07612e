package workflow_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/workflow"
)

const (
	explicitLE    radnode.UID = "1.2.840.10008.1.2.1"
	crStorage     radnode.UID = "1.2.840.10008.5.1.4.1.1.1"
	srStorage     radnode.UID = "1.2.840.10008.5.1.4.1.1.88.34"
	textSRStorage radnode.UID = "1.2.840.10008.5.1.4.1.1.88.11"
)

var (
	reader = radnode.User{Name: "kim", FullName: "Kim^Ann^^Dr.", Role: radnode.Radiologist}
	second = radnode.User{Name: "lee", FullName: "Lee^Bo", Role: radnode.Radiologist}
	admin  = radnode.User{Name: "root", FullName: "Root", Role: radnode.Admin}

	technologist = radnode.User{Name: "max", FullName: "Max", Role: radnode.Technologist}

	archive = radnode.Peer{Name: "pacs", AETitle: "PACS", Host: "127.0.0.1", Port: 104, Allow: []string{"store"}, Deliver: []string{"sr"}}
	from    = workflow.Source{Name: "MODALITY", Remote: "127.0.0.1:4242"}
)

func impression(text string) radnode.ReportText { return radnode.ReportText{Impression: &text} }

// image is a synthetic radiograph.
type image struct {
	study, series, sop radnode.UID
	patient            string
	value              byte // fills the pixels: other values are other bytes
	class              radnode.UID
	date, issuer, born string
}

func (i image) dataset() *dicom.Dataset {
	d := dicom.NewDataset()
	if i.class == "" {
		i.class = crStorage
	}
	if i.patient == "" {
		i.patient = "Doe^Jane"
	}
	d.SetUID(dicom.SOPClassUID, i.class)
	d.SetUID(dicom.SOPInstanceUID, i.sop)
	d.SetUID(dicom.StudyInstanceUID, i.study)
	d.SetUID(dicom.SeriesInstanceUID, i.series)
	d.SetText(dicom.PatientName, i.patient)
	d.SetText(dicom.PatientID, "P-"+i.patient)
	d.SetText(dicom.StudyDate, stdcmp.Or(i.date, "20260102"))
	d.SetText(dicom.IssuerOfPatientID, i.issuer)
	d.SetText(dicom.PatientBirthDate, i.born)
	d.SetText(dicom.StudyTime, "101112")
	d.SetText(dicom.Modality, "CR")
	d.SetText(dicom.AccessionNumber, "A1")
	d.SetInts(dicom.InstanceNumber, 1)
	if i.class == crStorage {
		d.SetInts(dicom.Rows, 16)
		d.SetInts(dicom.Columns, 16)
		d.SetInts(dicom.BitsAllocated, 8)
		d.SetBytes(dicom.PixelDataTag, "OB", bytes.Repeat([]byte{i.value}, 256))
	}
	return d
}

func (i image) bytes(tb testing.TB) []byte {
	tb.Helper()
	b, err := encode(i)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func encode(i image) ([]byte, error) {
	var b bytes.Buffer
	err := dicom.Write(&b, i.dataset(), explicitLE)
	return b.Bytes(), err
}

func newImage() image {
	return image{study: radnode.NewUID(), series: radnode.NewUID(), sop: radnode.NewUID(), value: 1}
}

// models is an Analyzer whose answers a test decides.
type models struct {
	mu    sync.Mutex
	calls map[string]int // by SOP Instance UID, as the file says
	say   func(uid radnode.UID) ([]radnode.Analysis, error)
}

func (m *models) Analyze(_ context.Context, req workflow.AnalyzeRequest) ([]radnode.Analysis, error) {
	f, err := dicom.ReadFile(req.Path, dicom.Limits{})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(req.OutDir, "grey.png"), []byte("png"), 0o600); err != nil {
		return nil, err
	}
	uid := f.Dataset.UID(dicom.SOPInstanceUID)
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]int{}
	}
	m.calls[string(uid)]++
	m.mu.Unlock()
	if m.say != nil {
		return m.say(uid)
	}
	return []radnode.Analysis{pneumonia(uid, 0.91), refused(uid)}, nil
}

func (m *models) count(uid radnode.UID) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[string(uid)]
}

func pneumonia(uid radnode.UID, p float64) radnode.Analysis {
	return radnode.Analysis{
		SOPInstanceUID: uid, Gate: radnode.Gate{Accepted: true}, Device: "cpu",
		Model: radnode.ModelRef{ID: "paediatric-pneumonia", Version: "1.0.0", Digest: "sha256:aa"},
		Findings: []radnode.Finding{
			{Label: "chest_film", Probability: 0.99, Threshold: 0.5, Present: true},
			{Label: "pneumonia", Code: &radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}, Probability: p, Threshold: 0.5, Present: p >= 0.5},
		},
		Stages: []radnode.Stage{{Name: "grey", Step: "grey", File: "grey.png"}},
	}
}

func refused(uid radnode.UID) radnode.Analysis {
	return radnode.Analysis{
		SOPInstanceUID: uid, Gate: radnode.Gate{Reasons: []string{"the patient is 44 years old"}},
		Model: radnode.ModelRef{ID: "other", Version: "1.0.0", Digest: "sha256:bb"},
	}
}

// author makes a small document that carries what the tests look at.
type author struct {
	mu     sync.Mutex
	docs   []workflow.Document
	broken map[string]error // why a kind of companion cannot be made
	full   int              // how often a smaller class finds the disk full
}

func (a *author) last() workflow.Document {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.docs[len(a.docs)-1]
}

func (a *author) Author(_ context.Context, doc workflow.Document) ([]report.Object, error) {
	a.mu.Lock()
	a.docs = append(a.docs, doc)
	full := doc.Class != "" && a.full > 0
	if full {
		a.full--
	}
	a.mu.Unlock()
	if full {
		return nil, radnode.Errorf(radnode.NoResources, "write", "the disk is full")
	}
	if len(doc.Evidence) == 0 {
		return nil, errors.New("no evidence")
	}
	f, err := dicom.ReadFile(doc.Evidence[0].Path, dicom.Limits{})
	if err != nil {
		return nil, err
	}
	var out []report.Object
	for _, kind := range doc.Kinds {
		c := dicom.NewDataset()
		c.SetUID(dicom.SOPClassUID, companionClasses[kind])
		c.SetUID(dicom.SOPInstanceUID, radnode.DeriveUID(kind, string(doc.SOPInstanceUID)))
		c.SetUID(dicom.StudyInstanceUID, f.Dataset.UID(dicom.StudyInstanceUID))
		c.SetUID(dicom.SeriesInstanceUID, radnode.DeriveUID("series", kind, string(doc.SOPInstanceUID)))
		out = append(out, report.Object{Kind: kind, Role: report.Companion, Dataset: c, SOPInstanceUID: c.UID(dicom.SOPInstanceUID), Err: a.broken[kind]})
	}
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, stdcmp.Or(doc.Class, srStorage))
	d.SetUID(dicom.SOPInstanceUID, report.InstanceUID(doc.SOPInstanceUID, doc.Class))
	d.SetUID(dicom.StudyInstanceUID, f.Dataset.UID(dicom.StudyInstanceUID))
	d.SetUID(dicom.SeriesInstanceUID, doc.SeriesInstanceUID)
	d.SetInts(dicom.InstanceNumber, doc.InstanceNumber)
	d.SetText(dicom.Modality, "SR")
	d.SetText(dicom.VerificationFlag, "UNVERIFIED")
	if doc.Observer != nil {
		d.SetText(dicom.VerificationFlag, "VERIFIED")
	}
	for _, p := range doc.Predecessors {
		d.SetUID(dicom.ReferencedSOPInstanceUID, p.SOPInstanceUID)
	}
	return append(out, report.Object{Kind: report.KindSR, Role: report.Root, Required: true, Dataset: d, SOPInstanceUID: d.UID(dicom.SOPInstanceUID)}), nil
}

func (a *author) Message(_ context.Context, doc workflow.Document, kind string) ([]byte, error) {
	return []byte(kind + " " + string(doc.SOPInstanceUID)), nil
}

// companionClasses are the classes of the companions this author makes.
var companionClasses = map[string]radnode.UID{
	report.KindSegmentation: dicom.SegmentationStorage, report.KindCapture: dicom.SecondaryCaptureImageStorage, report.KindPDF: dicom.EncapsulatedPDFStorage,
}

// pacs is a Sender whose answers a test decides.
type pacs struct {
	mu      sync.Mutex
	sent    []radnode.UID
	classes []radnode.UID // of what was sent
	texts   []string      // messages
	refuses map[radnode.UID]bool
	mute    bool // it does not tell what it takes before it is sent it
	asked   int
	answer  func(n int) error // nil: success
	proof   func(n int) (string, error)
	proved  int
	proving radnode.UID // what a proof is asked of
	hang    bool        // in the first call, until the caller gives up
}

func (p *pacs) Store(ctx context.Context, _ radnode.Peer, o workflow.Object) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, o.SOPInstanceUID)
	p.classes = append(p.classes, o.SOPClassUID)
	if o.Message != nil {
		p.texts = append(p.texts, string(o.Message))
	}
	if p.hang && len(p.sent) == 1 {
		<-ctx.Done()
		return radnode.Errorf(radnode.Canceled, "send", "the peer did not answer in time")
	}
	if p.answer != nil {
		if err := p.answer(len(p.sent)); err != nil {
			return err
		}
	}
	if p.refuses[o.SOPClassUID] {
		return radnode.Errorf(radnode.Unsupported, "send", "the peer does not accept SOP class %s", o.SOPClassUID)
	}
	return nil
}

func (p *pacs) Takes(_ context.Context, _ radnode.Peer, classes []radnode.UID) (map[radnode.UID]bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.mute {
		return nil, nil
	}
	out := map[radnode.UID]bool{}
	for _, c := range classes {
		out[c] = !p.refuses[c]
	}
	return out, nil
}

// count is how often something was sent.
func (p *pacs) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

func (p *pacs) Prove(_ context.Context, _ radnode.Peer, objects []workflow.Object) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proved++
	p.proving = objects[0].SOPInstanceUID
	if p.proof != nil {
		return p.proof(p.proved)
	}
	return "storage commitment", nil
}

// bench is a workflow with its surroundings.
type bench struct {
	*workflow.Workflow
	testing.TB
	store  *store.Store
	models *models
	author *author
	pacs   *pacs
	events <-chan radnode.Event
}

func mustOpen(tb testing.TB, dir string, change ...func(*workflow.Options)) *bench {
	tb.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, store.Options{Dir: dir, Exclusive: true, Schemas: workflow.Schemas()})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := audit.Open(ctx, st, st.Reader()); err != nil {
		tb.Fatal(err)
	}
	b := &bench{TB: tb, store: st, models: &models{}, author: &author{}, pacs: &pacs{}}
	o := workflow.Options{Store: st, Analyzer: b.models, Author: b.author, Sender: b.pacs, AE: "RADNODE", Quiet: 20 * time.Millisecond,
		Urgency: func(_ radnode.ModelRef, label string) int { return map[string]int{"pneumonia": 5}[label] }}
	for _, c := range change {
		c(&o)
	}
	b.Workflow = workflow.New(o)
	var cancel func()
	b.events, cancel = b.Events()
	if err := b.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		b.Stop()
		cancel()
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func (b *bench) ingest(i image) {
	b.Helper()
	if err := b.tryIngest(i); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) tryIngest(i image) error {
	class := i.class
	if class == "" {
		class = crStorage
	}
	return b.Ingest(context.Background(), from, explicitLE, class, i.sop, bytes.NewReader(i.bytes(b)))
}

// until waits for a state of a study, woken by events.
func (b *bench) until(uid radnode.UID, what string, ok func(*radnode.Study) bool) *radnode.Study {
	b.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s, err := b.Study(context.Background(), uid)
		if err == nil && ok(s) {
			return s
		}
		select {
		case <-b.events:
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			b.Fatalf("study is not %s: %+v %v", what, s, err)
		}
	}
}

func (b *bench) state(uid radnode.UID, want radnode.StudyState) *radnode.Study {
	b.Helper()
	return b.until(uid, string(want), func(s *radnode.Study) bool { return s.State == want })
}

func (b *bench) balanced() {
	b.Helper()
	rows, err := b.Ledger(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	if !workflow.Balanced(rows) {
		b.Errorf("ledger: %+v", rows)
	}
}

// accept decides every finding that must be decided.
func (b *bench) accept(user radnode.User, r radnode.Report) *radnode.Report {
	b.Helper()
	out := &r
	for _, f := range r.Findings {
		if f.Finding.Code == nil || f.Decision != radnode.Undecided {
			continue
		}
		next, err := b.Decide(context.Background(), user, r.ID, f.ID, out.Version, radnode.Accepted, "")
		if err != nil {
			b.Fatal(err)
		}
		out = next
	}
	return out
}

func (b *bench) sign(r radnode.Report) *radnode.Report {
	b.Helper()
	ready := b.accept(reader, r)
	signed, err := b.Sign(context.Background(), reader, r.ID, ready.Version)
	if err != nil {
		b.Fatal(err)
	}
	return signed
}

func wantCode(tb testing.TB, err error, want radnode.Code) {
	tb.Helper()
	if got := radnode.CodeOf(err); got != want {
		tb.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestAnImageBecomesADraftASignedReportAndAProvedDelivery(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	if err := b.AddPeer(ctx, archive); err != nil {
		t.Fatal(err)
	}
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.ToReview)
	if diff := cmp.Diff([]string{"pneumonia 91"}, s.Findings); diff != "" {
		t.Error(diff)
	}
	if s.Urgency != 5 || !s.Assessed || s.InstanceCount != 1 || s.SeriesCount != 1 || strings.Join(s.Modalities, " ") != "CR" || len(s.Results) != 2 {
		t.Errorf("study %+v", s)
	}
	r := s.Reports[0]
	if diff := cmp.Diff([]string{"other: not analysed because the patient is 44 years old"}, r.NotAnalysed); diff != "" {
		t.Error(diff)
	}
	path, err := b.StagePath(ctx, s.Results[0].ID, "grey")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	signed := b.sign(r)
	if signed.State != radnode.Final || signed.SignedBy != reader.FullName || signed.SOPInstanceUID != r.SOPInstanceUID {
		t.Errorf("signed %+v", signed)
	}
	done := b.state(i.study, radnode.Delivered)
	d := done.Reports[0].Deliveries
	if len(d) != 1 || d[0].Proof != "storage commitment" || d[0].Attempts != 1 || d[0].State != radnode.DeliveryProven {
		t.Errorf("deliveries %+v", d)
	}
	if done.Reader != reader.FullName || done.DeliveryState != "delivered" || done.Urgency != 0 {
		t.Errorf("study %+v", done.StudySummary)
	}
	if diff := cmp.Diff([]radnode.UID{r.SOPInstanceUID}, b.pacs.sent); diff != "" {
		t.Error(diff)
	}
	path, inst, err := b.InstancePath(ctx, r.SOPInstanceUID)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Dataset.Text(dicom.VerificationFlag) != "VERIFIED" || inst.SOPClassUID != srStorage || f.Dataset.UID(dicom.ReferencedSOPInstanceUID) == "" {
		t.Error("the signed document is not verified or names no predecessor")
	}
	b.balanced()
}

func TestWhatIsStoredIsWhatWasSent(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	sent := i.bytes(t)
	b.ingest(i)
	path, inst, err := b.InstancePath(context.Background(), i.sop)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(got, sent) || int64(len(got)) != inst.Size {
		t.Error("the data set in the file is not the one that was sent")
	}
	f, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if f.TransferSyntax != explicitLE || f.DatasetOffset != int64(len(got)-len(sent)) {
		t.Errorf("file %v at %d", f.TransferSyntax, f.DatasetOffset)
	}
}

func TestWrongObjectsAreRefusedAndLeaveNothing(t *testing.T) {
	good := newImage()
	cases := []struct {
		name      string
		ts, class radnode.UID
		sop       radnode.UID
		data      func() []byte
		want      radnode.Code
	}{
		{"another instance than announced", explicitLE, crStorage, "1.2.3", func() []byte { return good.bytes(t) }, radnode.Invalid},
		{"another class than announced", explicitLE, srStorage, good.sop, func() []byte { return good.bytes(t) }, radnode.Invalid},
		{"no UID", explicitLE, crStorage, "../../etc/passwd", func() []byte { return good.bytes(t) }, radnode.Invalid},
		{"text", explicitLE, crStorage, good.sop, func() []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }, radnode.Invalid},
		{"cut off in the header", explicitLE, crStorage, good.sop, func() []byte { return good.bytes(t)[:60] }, radnode.Invalid},
		{"no study", explicitLE, crStorage, good.sop, func() []byte { i := good; i.study = ""; return i.bytes(t) }, radnode.Invalid},
		{"empty", explicitLE, crStorage, good.sop, func() []byte { return nil }, radnode.Invalid},
	}
	b := mustOpen(t, t.TempDir())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantCode(t, b.Ingest(context.Background(), from, c.ts, c.class, c.sop, bytes.NewReader(c.data())), c.want)
		})
	}
	if _, n, err := b.Worklist(context.Background(), radnode.StudyFilter{}); err != nil || n != 0 {
		t.Errorf("%d studies, %v", n, err)
	}
	err := filepath.WalkDir(filepath.Join(b.store.Dir(), "instances"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".open" {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheSameBytesUnderOneUIDAreOneInstanceHoweverOftenTheyCome(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range 16 {
		wg.Go(func() { errs <- b.tryIngest(i) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	s := b.state(i.study, radnode.ToReview)
	if s.InstanceCount != 1 || len(s.Warnings) != 0 || b.models.count(i.sop) != 1 {
		t.Errorf("%d instances, warnings %v, %d analyses", s.InstanceCount, s.Warnings, b.models.count(i.sop))
	}
	if n := countFiles(t, b.store.Dir()); n != 2 { // the image and the draft document
		t.Errorf("%d files", n)
	}
	b.balanced()
}

func TestAnInstanceWhoseFileWasLostIsRestoredWhenItIsSentAgain(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.ToReview)
	path, _, err := b.InstancePath(context.Background(), i.sop)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.ingest(i)
	b.balanced()
	again := b.state(i.study, radnode.ToReview)
	if again.InstanceCount != 1 || len(again.Results) != len(s.Results) {
		t.Errorf("%d instances, %d results", again.InstanceCount, len(again.Results))
	}
}

func TestOtherBytesUnderOneUIDAreKeptApart(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	var wg sync.WaitGroup
	errs := make(chan error, 12)
	for n := range 12 {
		other := i
		other.value = byte(n % 3)
		wg.Go(func() { errs <- b.tryIngest(other) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	s := b.state(i.study, radnode.ToReview)
	if s.InstanceCount != 1 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], string(i.sop)) {
		t.Errorf("%d instances, warnings %v", s.InstanceCount, s.Warnings)
	}
	if n := countFiles(t, b.store.Dir()); n != 4 { // three contents and the draft document
		t.Errorf("%d files", n)
	}
	b.balanced()
}

func countFiles(tb testing.TB, dir string) int {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "instances", "*", "*", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	return len(files)
}

func TestTwoAssociationsSendingOneStudyMakeOneStudy(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 300 * time.Millisecond })
	first := newImage()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 10 {
				i := first
				i.sop = radnode.NewUID()
				if err := b.tryIngest(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s := b.state(first.study, radnode.ToReview)
	if s.InstanceCount != 20 || s.SeriesCount != 1 || len(s.Results) != 40 || len(s.Reports) != 1 {
		t.Errorf("%d instances in %d series, %d results, %d reports", s.InstanceCount, s.SeriesCount, len(s.Results), len(s.Reports))
	}
	b.balanced()
}

func TestObjectsWithoutPixelsAndOurOwnAreNotInput(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	text := newImage()
	text.class = textSRStorage
	b.ingest(text)
	s := b.state(text.study, radnode.NotAnalysed)
	if !strings.Contains(s.StateReason, "no image") {
		t.Errorf("reason %q", s.StateReason)
	}
	own := newImage()
	if err := b.Ingest(ctx, workflow.Source{Name: "radnode"}, explicitLE, crStorage, own.sop, bytes.NewReader(own.bytes(t))); err != nil {
		t.Fatal(err)
	}
	s = b.state(own.study, radnode.NotAnalysed)
	if !strings.Contains(s.StateReason, "sent by this node itself") || b.models.count(own.sop) != 0 {
		t.Errorf("reason %q", s.StateReason)
	}
	b.balanced()
}

func TestLateImagesRenewTheDraftAndKeepDecisions(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.ToReview)
	r := b.accept(reader, s.Reports[0])
	r, err := b.SetText(ctx, reader, r.ID, r.Version, impression("Consolidation, right lower lobe."))
	if err != nil {
		t.Fatal(err)
	}
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s = b.until(i.study, "renewed", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Results) == 4 })
	if len(s.Reports) != 1 || s.Reports[0].ID != r.ID || s.Reports[0].Version <= r.Version {
		t.Fatalf("reports %+v", s.Reports)
	}
	n := s.Reports[0]
	decided := 0
	for _, f := range n.Findings {
		if f.Decision == radnode.Accepted && f.SOPInstanceUID == i.sop && f.DecidedBy == reader.Name {
			decided++
		}
	}
	if decided != 1 || len(n.Findings) != 4 || n.Impression == "" {
		t.Errorf("draft %+v", n)
	}
	_, err = b.Sign(ctx, reader, r.ID, r.Version)
	wantCode(t, err, radnode.Conflict) // the version the reader saw is gone
	b.balanced()
}

func TestImagesAfterTheSignatureMakeAnAmendment(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	first := b.sign(b.state(i.study, radnode.ToReview).Reports[0])
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s := b.until(i.study, "amended", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Reports) == 2 })
	a := s.Reports[0]
	if a.Predecessor != first.ID || a.State != radnode.Draft || s.Reports[1].State != radnode.Final {
		t.Fatalf("reports %+v", s.Reports)
	}
	b.sign(a)
	s = b.state(i.study, radnode.Signed)
	if s.Reports[0].State != radnode.Final || s.Reports[1].State != radnode.Superseded || s.Reports[0].SOPInstanceUID == first.SOPInstanceUID {
		t.Errorf("reports %+v", s.Reports)
	}
	b.balanced()
}

func TestAnAmendmentByTheReaderTakesOverDecisions(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	i := newImage()
	b.ingest(i)
	first := b.sign(b.state(i.study, radnode.ToReview).Reports[0])
	a, err := b.Amend(ctx, reader, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Amend(ctx, second, first.ID)
	if err != nil || again.ID != a.ID {
		t.Errorf("a second amendment was opened: %v %v", again, err)
	}
	if a.Predecessor != first.ID || a.Findings[0].Decision != radnode.Accepted {
		t.Errorf("amendment %+v", a)
	}
	_, err = b.SetText(ctx, reader, first.ID, first.Version, impression("changed"))
	wantCode(t, err, radnode.Conflict)
	if _, err := b.Sign(ctx, reader, a.ID, a.Version); err != nil {
		t.Fatal(err)
	}
	_, err = b.Amend(ctx, reader, first.ID)
	wantCode(t, err, radnode.Conflict) // superseded: the newest one is amended
	b.balanced()
}

func TestOnlyARadiologistDecidesAndSignsAndOnlyWhatIsDecided(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	i := newImage()
	b.ingest(i)
	r := b.state(i.study, radnode.ToReview).Reports[0]
	_, err := b.Sign(ctx, technologist, r.ID, r.Version)
	wantCode(t, err, radnode.Forbidden)
	_, err = b.Decide(ctx, technologist, r.ID, r.Findings[0].ID, r.Version, radnode.Accepted, "")
	wantCode(t, err, radnode.Forbidden)
	_, err = b.Sign(ctx, reader, r.ID, r.Version)
	wantCode(t, err, radnode.Conflict)
	_, err = b.Decide(ctx, reader, r.ID, "nothing", r.Version, radnode.Accepted, "")
	wantCode(t, err, radnode.NotFound)
	_, err = b.Decide(ctx, reader, r.ID, r.Findings[0].ID, r.Version, "maybe", "")
	wantCode(t, err, radnode.Invalid)
	_, err = b.Decide(ctx, reader, r.ID, r.Findings[0].ID, r.Version, radnode.Accepted, "a\x00b")
	wantCode(t, err, radnode.Invalid)
	_, err = b.Sign(ctx, reader, "unknown", 1)
	wantCode(t, err, radnode.NotFound)
	nameless := reader
	nameless.FullName = ""
	_, err = b.Sign(ctx, nameless, r.ID, r.Version)
	wantCode(t, err, radnode.Forbidden)
}

func TestOfTwoSignersOneWins(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	if err := b.AddPeer(context.Background(), archive); err != nil {
		t.Fatal(err)
	}
	i := newImage()
	b.ingest(i)
	r := b.accept(reader, b.state(i.study, radnode.ToReview).Reports[0])
	codes := make(chan radnode.Code, 8)
	var wg sync.WaitGroup
	for n := range 8 {
		user := []radnode.User{reader, second}[n%2]
		wg.Go(func() {
			_, err := b.Sign(context.Background(), user, r.ID, r.Version)
			codes <- radnode.CodeOf(err)
		})
	}
	wg.Wait()
	close(codes)
	count := map[radnode.Code]int{}
	for c := range codes {
		count[c]++
	}
	if count[""] != 1 || count[radnode.Conflict] != 7 {
		t.Errorf("answers %v", count)
	}
	s := b.state(i.study, radnode.Delivered)
	if len(b.pacs.sent) != 1 || len(s.Reports[0].Deliveries) != 1 {
		t.Errorf("sent %v", b.pacs.sent)
	}
	if n := countFiles(t, b.store.Dir()); n != 3 { // image, draft, signed document
		t.Errorf("%d files", n)
	}
	b.balanced()
}

func TestTextOfAnUnknownErrorStaysInTheLog(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	b.models.say = func(radnode.UID) ([]radnode.Analysis, error) {
		return nil, radnode.Errorf(radnode.Unsupported, "analyze", "not analysed: the pixel worker ended twice on this image")
	}
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.NotAnalysed)
	if s.StateReason != "not analysed: the pixel worker ended twice on this image" || len(s.Reports) != 0 {
		t.Errorf("reason %q, reports %v", s.StateReason, s.Reports)
	}
	b.balanced()
}

func ExampleBalanced() {
	fmt.Println(workflow.Balanced([]radnode.LedgerRow{{Kind: "instance", State: "analysed", Count: 3}}))
	// Output: true
}
