package pixel_test

import (
	"context"
	"testing"
)

func TestAResultIsReproduced(t *testing.T) {
	p := mustStart(t)
	was := analyze(t, p, film(t))
	again, err := p.Replay(context.Background(), film(t), was)
	if err != nil || !again.Reproduced || again.Deviation != 0 || len(again.Differences) != 0 {
		t.Fatalf("got %+v, %v", again, err)
	}
	forged := was
	forged.Findings = append(forged.Findings[:0:0], was.Findings...)
	forged.Findings[0].Probability += 0.01
	if again, err = p.Replay(context.Background(), film(t), forged); err != nil || again.Reproduced || len(again.Differences) != 1 {
		t.Errorf("a changed probability: %+v, %v", again, err)
	}
	provenance := *was.Provenance
	provenance.TensorDigest = "sha256:0"
	forged = was
	forged.Provenance = &provenance
	if again, err = p.Replay(context.Background(), film(t), forged); err != nil || len(again.Differences) != 1 {
		t.Errorf("another tensor: %+v, %v", again, err)
	}
}

func TestReferenceCasesAreVerified(t *testing.T) {
	p := mustStart(t)
	all, err := p.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, v := range all {
		if v.Model == "lung-test@1.0.0" {
			cases++
			if !v.OK || v.Deviation > 1e-5 {
				t.Errorf("got %+v", v)
			}
		}
	}
	if cases != 2 {
		t.Errorf("got %+v", all)
	}
}
