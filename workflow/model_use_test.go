package workflow_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/radnode/radnode"
)

func TestTheUseOfAModelCountsWhatItStatedAndWhatReadersMadeOfIt(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	use := func(version string) radnode.ModelUse {
		t.Helper()
		u, err := b.ModelUse(ctx, "paediatric-pneumonia", version)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := use("1.0.0"); u.Since != nil || u.Labels == nil || len(u.Labels) > 0 {
		t.Errorf("before the first image: %+v", u)
	}
	_, accepted := b.reviewed()
	b.reviewed() // stays a draft
	_, rejected := b.reviewed()
	f := finding(&rejected, "pneumonia")
	decided, err := b.Decide(ctx, reader, rejected.ID, f.ID, rejected.Version, radnode.Rejected, "not present")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Sign(ctx, reader, decided.ID, decided.Version); err != nil {
		t.Fatal(err)
	}
	signed := b.sign(accepted)
	amended, err := b.Amend(ctx, reader, signed.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.sign(*amended) // the same finding again, counted once
	want := radnode.ModelUse{Read: 3, Labels: []radnode.LabelUse{
		{Label: "chest_film", Present: 3, Scores: [10]int{9: 3}},
		{Label: "pneumonia", Present: 3, Scores: [10]int{9: 3}, Accepted: 1, Rejected: 1},
	}}
	got := use("1.0.0")
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(radnode.ModelUse{}, "Since", "MedianMS", "P95MS")); d != "" {
		t.Error(d)
	}
	if got.Since == nil {
		t.Error("since when is not said")
	}
	if other := use("0.9.0"); other.Read != 0 {
		t.Errorf("another version: %+v", other)
	}
}
