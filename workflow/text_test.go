package workflow_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/radnode/radnode"
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
