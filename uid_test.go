package radnode_test

import (
	"strings"
	"testing"

	"github.com/radnode/radnode"
)

func TestUIDsFollowPS35Section9(t *testing.T) {
	for _, c := range []struct {
		uid  string
		want bool
	}{
		{"1.2.840.10008.1.1", true},
		{"0", true},
		{"2.25.0", true},
		{"", false},
		{"1.", false},
		{".1", false},
		{"1..2", false},
		{"1.02", false},
		{"1.2a", false},
		{"1.2 ", false},
		{"../../etc/passwd", false},
		{"1/2", false},
		{strings.Repeat("1", 64), true},
		{strings.Repeat("1", 65), false},
	} {
		if got := radnode.UID(c.uid).Valid(); got != c.want {
			t.Errorf("UID %q: valid is %v, want %v", c.uid, got, c.want)
		}
		// Leading zeros are the one breach that devices are forgiven.
		if got := radnode.UID(c.uid).Usable(); got != (c.want || c.uid == "1.02") {
			t.Errorf("UID %q: usable is %v", c.uid, got)
		}
	}
}

func TestMadeUIDsAreValidAndDiffer(t *testing.T) {
	seen := map[radnode.UID]bool{}
	for range 1000 {
		u := radnode.NewUID()
		if !u.Valid() || seen[u] {
			t.Fatalf("%s is invalid or came twice", u)
		}
		seen[u] = true
	}
}

func TestDerivedUIDsDependOnEveryName(t *testing.T) {
	a := radnode.DeriveUID("report series", "1.2.3")
	if !a.Valid() || a != radnode.DeriveUID("report series", "1.2.3") {
		t.Errorf("%s is invalid or not stable", a)
	}
	for _, other := range [][]string{{"report series", "1.2.4"}, {"report serie", "s1.2.3"}, {"report series"}, {"report series", "1.2.3", ""}} {
		if radnode.DeriveUID(other...) == a {
			t.Errorf("%q derive the same UID", other)
		}
	}
}
