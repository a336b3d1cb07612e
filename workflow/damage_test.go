package workflow_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/workflow"
)

// rot changes one byte of a stored file and returns its path.
func rot(t *testing.T, b *bench, sop radnode.UID) string {
	t.Helper()
	path, _, err := b.InstancePath(context.Background(), sop)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 0x10
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileThatADiskChangedIsFoundAndReplacedWhenItIsSentAgain(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	ctx := context.Background()
	i := newImage()
	b.ingest(i)
	b.state(i.study, radnode.ToReview)
	damaged := func() (lines []radnode.LedgerRow) {
		rows, err := b.Verify(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Unaccounted {
				lines = append(lines, r)
			}
		}
		return lines
	}
	if d := damaged(); len(d) != 0 {
		t.Fatalf("a sound store: %+v", d)
	}
	old := rot(t, b, i.sop)
	if d := damaged(); len(d) != 1 || d[0].State != "damaged" || !strings.Contains(d[0].Detail, string(i.sop)) {
		t.Errorf("found %+v", d)
	}
	b.ingest(i)
	if d := damaged(); len(d) != 0 {
		t.Errorf("after it came again: %+v", d)
	}
	path, _, err := b.InstancePath(ctx, i.sop)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(data, i.bytes(t)) {
		t.Errorf("the file is not what was sent: %v", err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the damaged file is still there: %v", err)
	}
	b.ingest(i)
	if n := countFiles(t, b.store.Dir()); n != 2 { // the image and the draft document
		t.Errorf("%d files", n)
	}
	b.balanced()
}

func TestADamagedImageIsNotAnalysed(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 300 * time.Millisecond })
	i := newImage()
	b.ingest(i)
	rot(t, b, i.sop)
	s := b.state(i.study, radnode.NotAnalysed)
	if !strings.Contains(s.StateReason, "digest") || b.models.count(i.sop) != 0 || len(s.Results) != 1 {
		t.Errorf("reason %q, %d analyses", s.StateReason, b.models.count(i.sop))
	}
}

func TestAnObjectOfAnotherStudyUnderATakenUIDIsRefused(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	other := i
	other.study, other.patient = radnode.NewUID(), "Roe^Richard"
	err := b.tryIngest(other)
	wantCode(t, err, radnode.Conflict)
	if strings.Contains(err.Error(), "Roe") || strings.Contains(err.Error(), string(other.study)) {
		t.Errorf("message %q", err)
	}
	s := b.state(i.study, radnode.ToReview)
	if n := countFiles(t, b.store.Dir()); n != 2 || len(s.Warnings) != 0 { // the image and the draft document
		t.Errorf("%d files, warnings %v", n, s.Warnings)
	}
	b.balanced()
}

func TestAnotherEncodingOfAnInstanceIsSaidToBeOne(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	var implicit bytes.Buffer
	if err := dicom.Write(&implicit, i.dataset(), dicom.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if err := b.Ingest(context.Background(), from, dicom.ImplicitVRLittleEndian, crStorage, i.sop, &implicit); err != nil {
		t.Fatal(err)
	}
	s := b.state(i.study, radnode.ToReview)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "another transfer syntax") || strings.Contains(s.Warnings[0], "ask the sender") {
		t.Errorf("warnings %v", s.Warnings)
	}
	b.balanced()
}

func TestAReportOutlivesAnImageWhoseFileNobodyCanRead(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 300 * time.Millisecond })
	bad, good := newImage(), newImage()
	good.study, good.series = bad.study, bad.series
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
		if uid != bad.sop {
			return []radnode.Analysis{pneumonia(uid, 0.7)}, nil
		}
		path, _, err := b.InstancePath(context.Background(), uid)
		if err == nil {
			err = os.Truncate(path, 100)
		}
		if err != nil {
			return nil, err
		}
		return nil, radnode.Errorf(radnode.Invalid, "decode", "the file is cut off")
	}
	b.ingest(bad)
	b.ingest(good)
	b.sign(b.state(bad.study, radnode.ToReview).Reports[0])
	if doc := b.author.last(); doc.Observer == nil || len(doc.Evidence) != 1 || doc.Evidence[0].SOPInstanceUID != good.sop || len(doc.Results) != 2 {
		t.Errorf("the document cites %+v and holds %d results", doc.Evidence, len(doc.Results))
	}
}
