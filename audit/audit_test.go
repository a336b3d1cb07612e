package audit

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/radnode/radnode"
)

func TestTheTrailKeepsWhatWasCommittedAndNothingElse(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "audit.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	trail, err := Open(ctx, db, db)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC)
	if err := trail.Record(ctx, Event{At: at, Action: StudyViewed, Actor: "ann", Remote: "127.0.0.1", StudyUID: "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Record(ctx, tx, Event{Action: ReportSigned, Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := trail.Record(ctx, Event{At: at.Add(time.Second), Action: LoginFailed, Actor: "bob", Failed: true}); err != nil {
		t.Fatal(err)
	}
	events, err := trail.List(ctx, Filter{})
	if err != nil || len(events) != 2 {
		t.Fatalf("got %d events (%v), want the 2 that were committed", len(events), err)
	}
	if e := events[0]; e.Action != LoginFailed || !e.Failed || e.EventCode != "110114" {
		t.Errorf("newest event is %+v", e)
	}
	if e := events[1]; !e.At.Equal(at) || e.StudyUID != "1.2.3" || e.Actor != "ann" || e.Failed {
		t.Errorf("oldest event is %+v", e)
	}
	older, err := trail.List(ctx, Filter{Before: at.Add(time.Second), Limit: 10})
	if err != nil || len(older) != 1 {
		t.Errorf("got %d events before the newest (%v), want 1", len(older), err)
	}
	for name, f := range map[string]Filter{
		"since": {Since: at.Add(time.Second)}, "actor": {Actor: "bob"}, "action": {Action: LoginFailed},
	} {
		if got, err := trail.List(ctx, f); err != nil || len(got) != 1 || got[0].Actor != "bob" {
			t.Errorf("%s selects %+v (%v)", name, got, err)
		}
	}
	for name, f := range map[string]Filter{"study": {StudyUID: "1.2.3"}, "all together": {Actor: "ann", StudyUID: "1.2.3", Since: at, Before: at.Add(time.Second)}} {
		if got, err := trail.List(ctx, f); err != nil || len(got) != 1 || got[0].Actor != "ann" {
			t.Errorf("%s selects %+v (%v)", name, got, err)
		}
	}
}

func TestAnActionWithoutAnEventCodeIsRefused(t *testing.T) {
	err := Record(context.Background(), nil, Event{Action: "made up"})
	if radnode.CodeOf(err) != radnode.Internal {
		t.Errorf("got %v, want an internal error", err)
	}
}

func TestAnEventNamesTheAccessPointOfItsRequestAndStays(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "audit.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	trail, err := Open(ctx, db, db)
	if err != nil {
		t.Fatal(err)
	}
	for remote, from := range map[string]context.Context{"": ctx, "10.0.0.9": From(ctx, "10.0.0.9")} {
		if err := trail.Record(from, Event{Action: ReportSigned, Actor: "kim" + remote}); err != nil {
			t.Fatal(err)
		}
		got, err := trail.List(ctx, Filter{Actor: "kim" + remote})
		if err != nil || len(got) != 1 || got[0].Remote != remote {
			t.Errorf("%q: %+v, %v", remote, got, err)
		}
	}
	for _, statement := range []string{"UPDATE audit_events SET actor = 'lee'", "DELETE FROM audit_events"} {
		if _, err := db.ExecContext(ctx, statement); err == nil {
			t.Errorf("%s: no error", statement)
		}
	}
}
