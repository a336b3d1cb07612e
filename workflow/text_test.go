package workflow_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

func TestAWrongCharacterSetIsTakenWithAWarningOnTheStudy(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	sent := append([]byte("\x08\x00\x05\x00CS\x0a\x00ISO_IR 999"), i.bytes(t)...)
	if err := b.Ingest(context.Background(), from, explicitLE, crStorage, i.sop, bytes.NewReader(sent)); err != nil {
		t.Fatal(err)
	}
	s := b.state(i.study, radnode.ToReview)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "ISO_IR 999") {
		t.Errorf("warnings %v", s.Warnings)
	}
	b.balanced()
}

func TestAHeaderThatContradictsItselfIsTakenWithAWarningOnTheStudy(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	d := i.dataset()
	d.SetText(dicom.PhotometricInterpretation, "MONOCHROME1")
	d.SetText(dicom.PresentationLUTShape, "IDENTITY")
	var sent bytes.Buffer
	if err := dicom.Write(&sent, d, explicitLE); err != nil {
		t.Fatal(err)
	}
	if err := b.Ingest(context.Background(), from, explicitLE, crStorage, i.sop, &sent); err != nil {
		t.Fatal(err)
	}
	s := b.state(i.study, radnode.ToReview)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "IDENTITY contradicts MONOCHROME1") {
		t.Errorf("warnings %v", s.Warnings)
	}
	b.balanced()
}
