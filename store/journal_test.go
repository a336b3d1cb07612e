package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/store"
)

// ingest takes n bytes in as the receive path does.
func ingest(s *store.Store, data []byte, row bool) (store.Record, error) {
	r := store.Record{Instance: radnode.Instance{SOPInstanceUID: radnode.NewUID(), StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.4"},
		Origin: store.Received, Status: store.Waiting}
	f, err := s.Create(r.SOPInstanceUID)
	if err != nil {
		return r, err
	}
	defer f.Discard() //nolint:errcheck // the first error is the one to tell
	if _, err := f.ReadFrom(bytes.NewReader(data)); err != nil {
		return r, err
	}
	if err := f.Finish(); err != nil {
		return r, err
	}
	r.Size, r.Digest, r.File = f.Size(), f.Digest(), f.Name()
	err = s.WriteFile(context.Background(), f, func(ctx context.Context, tx *store.Tx) error {
		if !row {
			return nil
		}
		_, _, err := tx.Add(ctx, &r)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, f.Keep()
}

// object is different bytes for each n.
func object(n, size int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d", n), (size+7)/8)[:size]
}

// crashed is a copy of the folder of a store as it is now: what a start after
// a crash finds.
func crashed(t *testing.T, s *store.Store) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(s.Dir())); err != nil {
		t.Fatal(err)
	}
	return dir
}

func checkFiles(t *testing.T, s *store.Store, want map[string][]byte) {
	t.Helper()
	for name, data := range want {
		if got, err := os.ReadFile(s.Path(name)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s is not what was taken in: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestFilesThatAPowerCutLosesAreWrittenAgainFromTheJournal(t *testing.T) {
	s := mustOpen(t, store.Options{Exclusive: true})
	want := map[string][]byte{}
	var names []string
	for n := range 6 {
		data := object(n, 40_000+n)
		r, err := ingest(s, data, true)
		if err != nil {
			t.Fatal(err)
		}
		want[r.File] = data
		names = append(names, r.File)
	}
	unnamed, err := ingest(s, object(9, 500), false) // its transaction never came to be
	if err != nil {
		t.Fatal(err)
	}
	dir := crashed(t, s)
	// What was written and not synced may be gone, short, or empty blocks.
	lose := []func(path string) error{
		os.Remove,
		os.Remove,
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error { return os.Truncate(path, 0) },
		func(path string) error {
			if err := os.Truncate(path, 4096); err != nil {
				return err
			}
			return os.Truncate(path, int64(len(want[names[4]])))
		},
	}
	for n, damage := range lose {
		if err := damage(filepath.Join(dir, "instances", names[n])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "instances", unnamed.File)); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, store.Options{Dir: dir, Exclusive: true})
	checkFiles(t, s, want)
	if _, err := os.Stat(s.Path(unnamed.File)); !os.IsNotExist(err) {
		t.Errorf("a file without row came back: %v", err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "instances", "*", "*", "*")); err != nil || len(found) != len(want) {
		t.Errorf("%d files, want %d, %v", len(found), len(want), err)
	}
}

func TestAJournalThatIsCutOffOrSpoilsGivesWhatIsWhole(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*os.File, int64) error
		lost  int // of three
	}{
		{"cut off in the last record", func(f *os.File, size int64) error { return f.Truncate(size - 1) }, 1},
		{"cut off in a header", func(f *os.File, size int64) error { return f.Truncate(size - 30_000 - 60) }, 1},
		{"a flipped bit in the second", func(f *os.File, size int64) error { _, err := f.WriteAt([]byte{0xff}, size/2); return err }, 2},
		{"nonsense lengths", func(f *os.File, _ int64) error { _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 8), 16); return err }, 3},
		{"records of an older use behind", func(f *os.File, size int64) error {
			first := make([]byte, size/3)
			if _, err := f.ReadAt(first, 0); err != nil {
				return err
			}
			first[8]++ // told by the number of the use, before the sum even
			_, err := f.WriteAt(first, size)
			return err
		}, 0},
		{"empty", func(f *os.File, _ int64) error { return f.Truncate(0) }, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, store.Options{Exclusive: true})
			var names []string
			for n := range 3 {
				r, err := ingest(s, object(n, 30_000), true)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, r.File)
			}
			dir := crashed(t, s)
			f, err := os.OpenFile(filepath.Join(dir, "journal", "0"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err == nil {
				err = c.spoil(f, info.Size())
			}
			for _, name := range names {
				if err == nil {
					err = os.Remove(filepath.Join(dir, "instances", name))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, store.Options{Dir: dir, Exclusive: true})
			lost := slices.DeleteFunc(names, func(name string) bool { _, err := os.Stat(s.Path(name)); return err == nil })
			if len(lost) != c.lost {
				t.Errorf("%d lost, want %d", len(lost), c.lost)
			}
			if _, err := ingest(s, object(7, 1000), true); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheJournalIsUsedAgainAndAgain(t *testing.T) {
	var mu sync.Mutex
	journalled, alone := 0, 0
	s := mustOpen(t, store.Options{Exclusive: true, Trace: func(step string) {
		mu.Lock()
		defer mu.Unlock()
		switch step {
		case "journal.synced":
			journalled++
		case "file.durable":
			alone++
		}
	}})
	want := map[string][]byte{}
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for n := range 110 { // 100 MB of two segments of 32
				data := object(sender<<16|n, 120_000)
				r, err := ingest(s, data, true)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[r.File] = data
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	dir := crashed(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transactions by the journal, %d files synced alone", journalled, alone)
	if journalled == 0 {
		t.Skip("this system has no journal")
	}
	for _, n := range []string{"0", "1"} {
		if info, err := os.Stat(filepath.Join(dir, "journal", n)); err != nil || info.Size() > 32<<20 {
			t.Errorf("segment %s: %v, %v", n, info.Size(), err)
		}
	}
	checkFiles(t, mustOpen(t, store.Options{Dir: dir, Exclusive: true}), want)
	checkFiles(t, mustOpen(t, store.Options{Dir: s.Dir(), Exclusive: true}), want)
}

func TestNothingIsCommittedBeforeItsFileIsDurable(t *testing.T) {
	for _, size := range []int{1000, 300_000} {
		var mu sync.Mutex
		var steps []string
		s := mustOpen(t, store.Options{Exclusive: true, Trace: func(step string) {
			mu.Lock()
			defer mu.Unlock()
			steps = append(steps, step)
		}})
		if _, err := ingest(s, object(1, size), true); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		durable := slices.IndexFunc(steps, func(s string) bool { return s == "journal.synced" || s == "file.durable" })
		if commit := slices.Index(steps, "store.commit"); durable < 0 || commit < durable {
			t.Errorf("%d bytes: %v", size, steps)
		}
		mu.Unlock()
	}
}

func TestAFullDiskStopsTheJournalAndNotTheNode(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := mustOpen(t, store.Options{Dir: filepath.Join(dir, "data"), Exclusive: true, MinFree: 1})
	want := map[string][]byte{}
	full := 0
	for n := 0; full < 5 && n < 500; n++ {
		data := object(n, 60_000)
		r, err := ingest(s, data, true)
		switch radnode.CodeOf(err) {
		case "":
			want[r.File] = data
		case radnode.NoResources:
			full++
		default:
			t.Fatal(err)
		}
	}
	if len(want) == 0 || full < 5 {
		t.Fatalf("%d taken in, %d refused", len(want), full)
	}
	checkFiles(t, s, want)
	if rows, err := s.Instances(context.Background(), "1.2.3"); err != nil || len(rows) != len(want) {
		t.Errorf("%d rows, want %d, %v", len(rows), len(want), err)
	}
}
