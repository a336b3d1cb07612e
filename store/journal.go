package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The journal makes small objects durable many at a time. Each is written to
// its own file as all others are, and read from there, but not synced: its
// bytes also go to the journal, which one sync makes durable for all objects
// of a transaction. The files follow when a segment of the journal is full:
// one sync of the whole file system, beside the work, and the segment is free.
// After a crash whatever file is not what the journal holds is written again.
const (
	segments      = 2
	segmentLength = 32 << 20
	// journalled is the size up to which an object goes through the journal:
	// the second copy of a larger one costs more than a sync of its own.
	journalled = directSize
	// fewFiles is up to how many files are synced one by one rather than with
	// everything else that waits on this disk.
	fewFiles = 64
)

// A record is a header, the name of a file relative to the instance folder,
// and its bytes. Numbers are little endian: magic, the use of the segment that
// it belongs to, the lengths of name and bytes, and a CRC-32C of all the rest.
const (
	recordMagic  = 0x314a4e4452414e52
	recordHeader = 8 + 8 + 4 + 4 + 4
	maxName      = 256
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal belongs to the node that has locked the folder. Only the Write that
// commits appends.
type journal struct {
	store  *Store
	folder *os.File // on the file system that is synced
	active *segment // nil: none is free
	all    [segments]segment

	emptying sync.WaitGroup
	quit     chan struct{}
	mu       sync.Mutex // guards busy of the segments
}

type segment struct {
	f     *os.File
	use   uint64   // told apart from the uses before it, whose records lie behind the newest
	end   int64    // where the next record goes
	files []string // whose bytes it holds
	busy  bool     // its files are not durable yet, and it takes no more
}

// openJournal opens the journal and repairs the files that a crash left other
// than it holds. It returns nil where the system cannot do its part.
func openJournal(ctx context.Context, s *Store) (*journal, error) {
	if !syncsFileSystem() {
		return nil, nil
	}
	j := &journal{store: s, quit: make(chan struct{})}
	dir := filepath.Join(s.opts.Dir, "journal")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		j.folder, err = os.Open(s.files.root)
	}
	for n := range j.all {
		if err == nil {
			j.all[n].f, err = os.OpenFile(filepath.Join(dir, fmt.Sprint(n)), os.O_CREATE|os.O_RDWR, 0o600)
		}
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return nil, errors.Join(fileError("open journal", err), j.close())
	}
	for n := range j.all {
		if err := j.recover(ctx, &j.all[n]); err != nil {
			return nil, errors.Join(err, j.close())
		}
	}
	return j, nil
}

// recover repairs what a segment knows better than the files, and has it
// emptied.
func (j *journal) recover(ctx context.Context, g *segment) error {
	err := j.repair(ctx, g, func(name string, data []byte) error {
		g.files = append(g.files, name)
		stored, err := os.ReadFile(j.store.Path(name))
		if err == nil && bytes.Equal(stored, data) || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError("recover instance file", err)
		}
		j.store.log.Warn("a file that a crash lost is written again from the journal", "file", name)
		return j.rewrite(name, data)
	})
	if err == nil && len(g.files) > 0 {
		j.empty(g)
	}
	return err
}

// repair calls fn with each file of a segment that a row names.
func (j *journal) repair(ctx context.Context, g *segment, fn func(name string, data []byte) error) error {
	var use uint64
	for at := int64(0); ; {
		r, err := readRecord(g.f, at)
		if err != nil {
			return fileError("read journal", err)
		}
		if r == nil || at > 0 && r.use != use {
			return nil
		}
		use, at = r.use, at+r.length()
		indexed, err := j.store.indexed(ctx, r.name)
		if err == nil && indexed {
			err = fn(r.name, r.data)
		}
		if err != nil {
			return err
		}
	}
}

type record struct {
	use  uint64
	name string
	data []byte
}

func (r *record) length() int64 { return recordHeader + int64(len(r.name)) + int64(len(r.data)) }

// readRecord reads the record at an offset, nil if there is none that is whole.
func readRecord(f io.ReaderAt, at int64) (*record, error) {
	var h [recordHeader]byte
	if _, err := f.ReadAt(h[:], at); err != nil {
		return nil, ignoreEnd(err)
	}
	name, data := int(binary.LittleEndian.Uint32(h[16:])), int(binary.LittleEndian.Uint32(h[20:]))
	if binary.LittleEndian.Uint64(h[:]) != recordMagic || name > maxName || data > journalled {
		return nil, nil
	}
	b := make([]byte, name+data)
	if _, err := f.ReadAt(b, at+recordHeader); err != nil {
		return nil, ignoreEnd(err)
	}
	sum := crc32.Update(crc32.Checksum(h[:24], castagnoli), castagnoli, b)
	r := &record{binary.LittleEndian.Uint64(h[8:]), string(b[:name]), b[name:]}
	if sum != binary.LittleEndian.Uint32(h[24:]) || !filepath.IsLocal(r.name) {
		return nil, nil
	}
	return r, nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// rewrite puts a file in its place, durably.
func (j *journal) rewrite(name string, data []byte) error {
	const op = "write instance file"
	path := j.store.Path(name)
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, beingWritten)
	if err != nil {
		return fileError(op, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(whole), f.Sync(), f.Close())
	if err == nil {
		err = errors.Join(os.Rename(fresh, path), syncFolder(filepath.Dir(path)))
	}
	return fileError(op, err)
}

// takes reports whether f may go through the journal.
func (j *journal) takes(f *File) bool { return j != nil && f.size <= journalled }

// errJournalFull sends the objects of a transaction the long way.
var errJournalFull = errors.New("no segment of the journal is free")

// append makes the bytes of finished files durable.
func (j *journal) append(files []*File) error {
	total := int64(0)
	for _, f := range files {
		total += recordHeader + int64(len(f.name)) + f.size
	}
	if g := j.active; g != nil && g.end+total > segmentLength {
		j.empty(g)
		j.active = nil
	}
	if j.active == nil && !j.take() || total > segmentLength {
		return errJournalFull
	}
	g := j.active
	parts := make([][]byte, 0, 2*len(files))
	for _, f := range files {
		data := f.block.data[:f.size]
		parts = append(parts, recordStart(g.use, f.name, data), data)
	}
	if err := writeParts(g.f, parts, g.end); err != nil {
		return err
	}
	if err := syncData(g.f); err != nil {
		return err
	}
	g.end += total
	for _, f := range files {
		g.files = append(g.files, f.name)
	}
	j.store.trace("journal.synced")
	return nil
}

// recordStart is the header and name of a record.
func recordStart(use uint64, name string, data []byte) []byte {
	b := make([]byte, 0, recordHeader+len(name))
	b = binary.LittleEndian.AppendUint64(b, recordMagic)
	b = binary.LittleEndian.AppendUint64(b, use)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(name))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(sum, castagnoli, data))
	return append(b, name...)
}

// take makes a free segment the active one.
func (j *journal) take() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for n := range j.all {
		if g := &j.all[n]; !g.busy {
			var use [8]byte
			_, _ = rand.Read(use[:]) // never fails (crypto/rand)
			g.use, g.end, g.files = binary.LittleEndian.Uint64(use[:]), 0, g.files[:0]
			j.active = g
			return true
		}
	}
	return false
}

// emptyAgain is the pause before a segment that could not be emptied is tried
// again: there may be room on the disk by then.
const emptyAgain = 10 * time.Second

// empty makes the files of a segment durable, beside the work, and frees it.
func (j *journal) empty(g *segment) {
	j.mu.Lock()
	g.busy = true
	j.mu.Unlock()
	j.emptying.Go(func() {
		err := j.syncFiles(g.files)
		for ; err != nil; err = j.repair(context.Background(), g, j.rewrite) {
			// The system may have dropped what it could not write: syncing once
			// more proves nothing, the journal has to write the files again.
			j.store.log.Error("small files could not be synced; the journal keeps them and writes them again", "error", err)
			select {
			case <-time.After(emptyAgain):
			case <-j.quit:
				return // the next start finds them
			}
		}
		if _, err := g.f.WriteAt(make([]byte, 8), 0); err != nil { // no record any more
			j.store.log.Warn("a part of the journal is not used any more", "error", err)
			return
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		g.busy = false
	})
}

// syncFiles makes files and their folders durable.
func (j *journal) syncFiles(names []string) error {
	if len(names) > fewFiles {
		return syncFileSystem(j.folder)
	}
	folders := map[string]bool{}
	for _, name := range names {
		err := syncFolder(j.store.Path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it got no row, or was replaced
		}
		if err != nil {
			return err
		}
		folders[filepath.Dir(name)] = true
	}
	for folder := range folders {
		if err := syncFolder(j.store.Path(folder)); err != nil {
			return err
		}
	}
	return nil
}

// close empties the journal. What cannot be emptied is left to the next start.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	if j.active != nil {
		j.empty(j.active)
	}
	close(j.quit)
	j.emptying.Wait()
	var errs []error
	for n := range j.all {
		if f := j.all[n].f; f != nil {
			errs = append(errs, f.Close())
		}
	}
	if j.folder != nil {
		errs = append(errs, j.folder.Close())
	}
	return errors.Join(errs...)
}
