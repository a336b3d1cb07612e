package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/store"
)

func mustOpen(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	s, err := store.Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func wantCode(tb testing.TB, err error, want radnode.Code) {
	tb.Helper()
	if got := radnode.CodeOf(err); got != want {
		tb.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// record is an instance with a durable file of n bytes.
func record(tb testing.TB, s *store.Store, study radnode.UID, n int) (store.Record, *store.File) {
	tb.Helper()
	r := store.Record{
		Instance: radnode.Instance{
			SOPInstanceUID: radnode.NewUID(), SOPClassUID: "1.2.840.10008.5.1.4.1.1.1", SeriesInstanceUID: study + ".1",
			StudyInstanceUID: study, TransferSyntaxUID: "1.2.840.10008.1.2.1", Frames: 1, Source: "MODALITY", ReceivedAt: time.Now().UTC(),
		},
		Study:  store.StudyHeader{PatientName: "Doe^Jane", PatientID: "4711", Date: "20260102", AccessionNumber: "A_1"},
		Series: store.SeriesHeader{Modality: "CR", Number: 1},
		Origin: store.Received, Status: store.Waiting,
	}
	f, err := s.Create(r.SOPInstanceUID)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.Write(make([]byte, n)); err != nil {
		tb.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		tb.Fatal(err)
	}
	r.Size, r.Digest, r.File = f.Size(), f.Digest(), f.Name()
	return r, f
}

func add(tb testing.TB, s *store.Store, study radnode.UID) store.Record {
	tb.Helper()
	r, f := record(tb, s, study, 100)
	err := s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		outcome, touch, err := tx.Add(ctx, &r)
		if err == nil && (outcome != store.Added || touch == nil) {
			err = fmt.Errorf("outcome %d", outcome)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Keep(); err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestOneFailedWriteLeavesTheOthersOfItsTransactionAlone(t *testing.T) {
	s := mustOpen(t, store.Options{})
	ctx := context.Background()
	boom := radnode.Errorf(radnode.Conflict, "test", "boom")
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept, after := 0, 0
	for n := range 200 {
		wg.Go(func() {
			err := s.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.SetSetting(ctx, fmt.Sprint("key", n), "x"); err != nil {
					return err
				}
				tx.AfterCommit(func() { after++ })
				if n%7 == 0 {
					return boom
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if n%7 == 0 && !errors.Is(err, boom) || n%7 != 0 && err != nil {
				t.Errorf("write %d: %v", n, err)
			}
			if err == nil {
				kept++
			}
		})
	}
	wg.Wait()
	for n := range 200 {
		v, err := s.Setting(ctx, fmt.Sprint("key", n))
		if err != nil || (v == "x") != (n%7 != 0) {
			t.Errorf("key%d is %q, %v", n, v, err)
		}
	}
	if after != kept {
		t.Errorf("%d functions ran after the commit of %d writes", after, kept)
	}
}

func TestAWriteAfterCloseIsRefusedAndNotLost(t *testing.T) {
	s, err := store.Open(context.Background(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return tx.SetSetting(ctx, "a", "b") })
			if code := radnode.CodeOf(err); err != nil && code != radnode.Unavailable {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestOnlyOneNodeWorksOnAFolder(t *testing.T) {
	s := mustOpen(t, store.Options{Exclusive: true})
	_, err := store.Open(context.Background(), store.Options{Dir: s.Dir(), Exclusive: true})
	wantCode(t, err, radnode.Conflict)
	beside := mustOpen(t, store.Options{Dir: s.Dir()}) // a command-line tool
	add(t, beside, "1.2.3")
	add(t, s, "1.2.3")
	sum, err := s.StudySummary(context.Background(), "1.2.3")
	if err != nil || sum.InstanceCount != 2 {
		t.Errorf("%+v %v", sum, err)
	}
}

func TestTheSweepRemovesWhatHasNoRowAndNothingElse(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	kept := add(t, s, "1.2.3")
	orphan, _ := record(t, s, "1.2.3", 10) // durable, no row: the process died before the commit
	cut, err := s.Create("1.2.9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cut.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(ctx); err != nil || n != (store.Swept{}) {
		t.Errorf("a sweep beside a living process found %+v, %v", n, err)
	}
	if err := s.Close(); err != nil { // leaves its mark: two files are being written
		t.Fatal(err)
	}
	s = mustOpen(t, store.Options{Dir: dir, Exclusive: true})
	n, err := s.Sweep(ctx)
	if err != nil || n != (store.Swept{Partial: 1, Quarantined: 1}) {
		t.Errorf("swept %+v, %v", n, err)
	}
	if _, err := os.Stat(s.Path(kept.File)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "quarantine", filepath.Base(orphan.File))); err != nil {
		t.Error(err)
	}
	if n, err := s.Sweep(ctx); err != nil || n != (store.Swept{}) {
		t.Errorf("a second sweep found %+v, %v", n, err)
	}
	for _, r := range mustLedger(t, s) {
		if r.Unaccounted {
			t.Errorf("%+v", r)
		}
	}
}

func mustLedger(tb testing.TB, s *store.Store) []radnode.LedgerRow {
	tb.Helper()
	rows, err := s.Ledger(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func TestTheLedgerFindsWhatIsWrong(t *testing.T) {
	exec := func(q string) func(*testing.T, *store.Store, store.Record) {
		return func(t *testing.T, s *store.Store, _ store.Record) {
			if _, err := s.ExecContext(context.Background(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := []struct {
		name, kind string
		damage     func(*testing.T, *store.Store, store.Record)
	}{
		{"file gone", "file", func(t *testing.T, s *store.Store, r store.Record) {
			if err := os.Remove(s.Path(r.File)); err != nil {
				t.Fatal(err)
			}
		}},
		{"file cut off", "file", func(t *testing.T, s *store.Store, r store.Record) {
			if err := os.Truncate(s.Path(r.File), 5); err != nil {
				t.Fatal(err)
			}
		}},
		{"old file without row", "file", func(t *testing.T, s *store.Store, _ store.Record) {
			r, _ := record(t, s, "1.2.3", 10)
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(s.Path(r.File), old, old); err != nil {
				t.Fatal(err)
			}
		}},
		{"instance in no state", "instance", exec(`UPDATE instances SET status = 'lost'`)},
		{"study in no state", "study", exec(`UPDATE studies SET state = ''`)},
		{"analysed without result", "instance", exec(`UPDATE instances SET status = 'analysed'`)},
		{"study without instances", "study", exec(`DELETE FROM instances`)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, store.Options{})
			r := add(t, s, "1.2.3")
			for _, row := range mustLedger(t, s) {
				if row.Unaccounted {
					t.Errorf("before: %+v", row)
				}
			}
			c.damage(t, s, r)
			found := slices.ContainsFunc(mustLedger(t, s), func(row radnode.LedgerRow) bool { return row.Unaccounted && row.Kind == c.kind })
			if !found {
				t.Errorf("not found in %+v", mustLedger(t, s))
			}
		})
	}
}

func TestALockedDatabaseIsUnavailableAndGoesOnAfterwards(t *testing.T) {
	s := mustOpen(t, store.Options{BusyTimeout: 100 * time.Millisecond})
	other, err := sql.Open("sqlite", "file:"+filepath.Join(s.Dir(), "radnode.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	write := func() error {
		return s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return tx.SetSetting(ctx, "a", "b") })
	}
	wantCode(t, write(), radnode.Unavailable)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, write(), "")
}

func TestAFullDiskIsOutOfResourcesAndNothingIsHalfKept(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := mustOpen(t, store.Options{Dir: filepath.Join(dir, "data"), MinFree: 1})
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	good, full := 0, 0
	for full < 5 && good < 500 {
		switch err := addTo(s); radnode.CodeOf(err) {
		case "":
			good++
		case radnode.NoResources:
			full++
		default:
			t.Fatalf("after %d: %v", good, err)
		}
	}
	if good == 0 || full < 5 {
		t.Fatalf("%d added, %d refused", good, full)
	}
	checkKept(t, s, good)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	wantCode(t, addTo(s), "") // there is room again
	checkKept(t, s, good+1)
}

// addTo adds one instance of 64 KiB as the receive path does.
func addTo(s *store.Store) error {
	r := store.Record{Instance: radnode.Instance{SOPInstanceUID: radnode.NewUID(), StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.4"},
		Origin: store.Received, Status: store.Waiting}
	f, err := s.Create(r.SOPInstanceUID)
	if err != nil {
		return err
	}
	defer f.Discard() //nolint:errcheck // counted below
	if _, err := f.Write(make([]byte, 64<<10)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	r.Size, r.Digest, r.File = f.Size(), f.Digest(), f.Name()
	err = s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		_, _, err := tx.Add(ctx, &r)
		return err
	})
	if err != nil {
		return err
	}
	return f.Keep()
}

func checkKept(t *testing.T, s *store.Store, want int) {
	t.Helper()
	rows, err := s.Instances(context.Background(), "1.2.3")
	if err != nil || len(rows) != want {
		t.Errorf("%d rows, want %d, %v", len(rows), want, err)
	}
	files, err := filepath.Glob(filepath.Join(s.Dir(), "instances", "*", "*", "*"))
	if err != nil || len(files) != want {
		t.Errorf("%d files, want %d, %v", len(files), want, err)
	}
	for _, r := range mustLedger(t, s) {
		if r.Unaccounted {
			t.Errorf("%+v", r)
		}
	}
}

func TestALongObjectDoesNotTakeTheReserve(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=120m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	s := mustOpen(t, store.Options{Dir: filepath.Join(dir, "data"), MinFree: 60 << 20})
	f, err := s.Create("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	written, piece := 0, make([]byte, 1<<20)
	for err == nil && written < 200<<20 {
		var n int
		n, err = f.Write(piece)
		written += n
	}
	wantCode(t, err, radnode.NoResources)
	if written < 32<<20 || written > 80<<20 {
		t.Errorf("stopped after %d MB", written>>20)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
	add(t, s, "1.2.3") // there is room again
}

func TestTheReserveIsKeptFree(t *testing.T) {
	s := mustOpen(t, store.Options{MinFree: 1 << 60})
	_, err := s.Create("1.2.3")
	wantCode(t, err, radnode.NoResources)
}

func TestTheWorklistFiltersOrdersAndPages(t *testing.T) {
	s := mustOpen(t, store.Options{})
	ctx := context.Background()
	for n := range 5 {
		study := radnode.UID(fmt.Sprintf("1.2.%d", n))
		r, f := record(t, s, study, 10)
		r.Study.PatientName = []string{"Müller^Ärne", "Doe^Jane", "DOE^JOHN", "100%^Sure", "山田^太郎"}[n]
		r.Study.PatientID = fmt.Sprint("P", n)
		r.Study.Date = fmt.Sprintf("2026010%d", n+1)
		r.Series.Modality = []string{"CR", "DX", "CT", "CR", "MR"}[n]
		err := s.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			if _, _, err := tx.Add(ctx, &r); err != nil {
				return err
			}
			tx.AtEnd("state"+string(study), func(ctx context.Context, tx *store.Tx) error {
				return tx.SetStanding(ctx, study, store.StudyStanding{State: map[bool]radnode.StudyState{false: radnode.ToReview, true: radnode.Delivered}[n == 4], Urgency: n % 3, Findings: []string{"x 1"}})
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Keep(); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name   string
		filter radnode.StudyFilter
		want   string // last digits of the study UIDs
		total  int
	}{
		{"urgent first, then what waits, newest first", radnode.StudyFilter{}, "21430", 5},
		{"by name without case", radnode.StudyFilter{Text: "doe", Sort: "name"}, "12", 2},
		{"two words", radnode.StudyFilter{Text: "JANE doe"}, "1", 1},
		{"umlauts", radnode.StudyFilter{Text: "ÄRNE"}, "0", 1},
		{"other scripts", radnode.StudyFilter{Text: "太郎"}, "4", 1},
		{"a wildcard is text", radnode.StudyFilter{Text: "100%"}, "3", 1},
		{"an underscore is text", radnode.StudyFilter{Text: "d_e"}, "", 0},
		{"quotes are text", radnode.StudyFilter{Text: `' OR 1=1 --`}, "", 0},
		{"by patient ID", radnode.StudyFilter{Text: "p3"}, "3", 1},
		{"by UID", radnode.StudyFilter{Text: "1.2.4"}, "4", 1},
		{"dates", radnode.StudyFilter{From: "20260102", To: "20260104", Sort: "date"}, "123", 3},
		{"dates down", radnode.StudyFilter{Sort: "date", Descending: true}, "43210", 5},
		{"modality", radnode.StudyFilter{Modality: "cr", Sort: "date"}, "03", 2},
		{"half a modality", radnode.StudyFilter{Modality: "C"}, "", 0},
		{"state", radnode.StudyFilter{State: radnode.Signed}, "", 0},
		{"a page", radnode.StudyFilter{Sort: "date", Limit: 2, Offset: 2}, "23", 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list, total, err := s.Worklist(ctx, c.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, v := range list {
				got += strings.TrimPrefix(string(v.StudyInstanceUID), "1.2.")
			}
			if got != c.want || total != c.total {
				t.Errorf("got %q of %d, want %q of %d", got, total, c.want, c.total)
			}
		})
	}
	for _, f := range []radnode.StudyFilter{{Sort: "study_uid; DROP TABLE studies"}, {Limit: 501}, {Limit: -1}, {Offset: -1}} {
		_, _, err := s.Worklist(ctx, f)
		wantCode(t, err, radnode.Invalid)
	}
}

func TestAStudyCountsWhatIsInIt(t *testing.T) {
	s := mustOpen(t, store.Options{})
	ctx := context.Background()
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			r, f := record(t, s, "1.2.3", 10+n)
			r.SeriesInstanceUID = radnode.UID(fmt.Sprintf("1.2.3.%d", n%4))
			r.Series.Modality = []string{"CR", "DX"}[n%2]
			err := s.Write(ctx, func(ctx context.Context, tx *store.Tx) error { _, _, err := tx.Add(ctx, &r); return err })
			if err = errors.Join(err, f.Keep()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sum, err := s.StudySummary(ctx, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(sum.Modalities)
	if diff := cmp.Diff([]string{"CR", "DX"}, sum.Modalities); diff != "" || sum.InstanceCount != 40 || sum.SeriesCount != 4 {
		t.Errorf("%s %+v", diff, sum)
	}
	study, err := s.Study(ctx, "1.2.3")
	if err != nil || len(study.Series) != 4 || len(study.Series[0].Instances) != 10 {
		t.Errorf("%+v, %v", study, err)
	}
}

func TestIdentifiersAreInOrderAndDifferent(t *testing.T) {
	last := ""
	for range 10000 {
		id := store.NewID()
		if id <= last || !store.ValidID(id) {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
	for _, bad := range []string{"", "../../etc", strings.Repeat("A", 26), last + "0"} {
		if store.ValidID(bad) {
			t.Errorf("%q counts as valid", bad)
		}
	}
}

// BenchmarkOpen is the store's part of the node's start.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := store.Open(context.Background(), store.Options{Dir: dir, Exclusive: true})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnIndexThatIsTakenAwayIsUnavailableAndNothingIsAcknowledged(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		damage func(path string) error
		mend   func(path string) error // nil: a restart is needed
	}{
		"moved away and back": {"radnode.db", func(p string) error { return os.Rename(p, p+".x") }, func(p string) error { return os.Rename(p+".x", p) }},
		"removed":             {"radnode.db", os.Remove, nil},
		"its log removed":     {"radnode.db-wal", os.Remove, nil},
		"replaced by another": {"radnode.db", func(p string) error {
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.WriteFile(p, []byte("SQLite format 3\x00"), 0o600)
		}, nil},
		"overwritten": {"radnode.db", func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("no index", 1000)), 0o600) }, nil},
		"emptied":     {"radnode.db", func(p string) error { return os.Truncate(p, 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, store.Options{})
			add(t, s, "1.2.3")
			path := filepath.Join(s.Dir(), c.file)
			if err := c.damage(path); err != nil {
				t.Fatal(err)
			}
			write := func() error {
				return s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return tx.SetSetting(ctx, "a", "b") })
			}
			wantCode(t, write(), radnode.Unavailable)
			wantCode(t, s.WriteProblem(), radnode.Unavailable)
			if c.mend == nil {
				return
			}
			if err := c.mend(path); err != nil {
				t.Fatal(err)
			}
			wantCode(t, write(), "")
			wantCode(t, s.WriteProblem(), "")
		})
	}
}

func TestWhatDestinationsRefuseSurvivesTheMoveToOneTable(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SavePeer(ctx, radnode.Peer{Name: "PACS", AETitle: "PACS", Host: "127.0.0.1", Port: 104})
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "radnode.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`CREATE TABLE peer_classes (peer TEXT NOT NULL, class_uid TEXT NOT NULL, taken INTEGER NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (peer, class_uid))`,
		`INSERT INTO peer_classes VALUES ('PACS', '1.2.3', 0, 5), ('PACS', '1.2.4', 1, 6)`,
		`ALTER TABLE studies DROP COLUMN assessed`, // of version 18
		`DELETE FROM schema_store WHERE version_id >= 17`,
	} {
		if _, err := old.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, store.Options{Dir: dir})
	got, err := s.Abilities(ctx, "PACS")
	want := []radnode.PeerAbility{{SOPClassUID: "1.2.3", At: time.UnixMicro(5).UTC()}, {SOPClassUID: "1.2.4", Accepted: true, At: time.UnixMicro(6).UTC()}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
