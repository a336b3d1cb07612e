package store

import (
	"context"
	"strings"
	"testing"
)

func TestTheSamePixelsAreFoundByTheIndex(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.read.QueryContext(ctx, "EXPLAIN QUERY PLAN "+twinQuery, "1.2", "sha256:aa", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var text string
		if err := rows.Scan(&id, &parent, &unused, &text); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, text)
	}
	all := strings.Join(plan, "; ")
	if rows.Err() != nil || !strings.Contains(all, "results_input") || strings.Contains(all, "SCAN results") {
		t.Errorf("the plan is %q, %v", all, rows.Err())
	}
}
