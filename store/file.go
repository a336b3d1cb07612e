package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/radnode/radnode"
)

// The permissions of an instance file tell how far it is: one that may be
// written was cut off, whatever its size; one that may only be read is whole.
// Whether it counts is for its row to say.
const (
	beingWritten = 0o600
	whole        = 0o400
)

// roomEvery is after how many bytes a long object is stopped if the disk has
// nothing left beside the reserve: one sender must not take the index its room.
const roomEvery = 64 * blockSize

// File is a file on its way into the store. Exactly one of Keep and Discard
// ends it; Discard after Keep does nothing.
//
// Its bytes gather in a block. A full block goes to the disk and through the
// digest at once, past the page cache, while the next one fills; an object
// that fits into one block costs a single write.
type File struct {
	files  *files
	room   func() error // whether the disk has any to spare
	gen    *generation
	dir    *os.File
	name   string   // relative to the instance folder
	f      *os.File // nil: nothing is on the disk yet
	direct bool     // writes of f go past the page cache

	block  *block // being filled
	filled int
	behind *block // being written, or free
	work   sync.WaitGroup
	failed error // of the writing

	digest   hash.Hash
	header   int64 // bytes at the start that are no part of the digest
	size     int64
	finished bool
	ended    bool

	placing  sync.Once // of a small object, which two goroutines may want
	unplaced error
}

// Create starts a file for the instance uid, which must be valid: it becomes a
// part of the file's name.
func (s *Store) Create(uid radnode.UID) (*File, error) {
	const op = "create instance file"
	if !uid.Usable() {
		return nil, radnode.Errorf(radnode.Invalid, op, "the SOP Instance UID is not a UID (PS3.5 9.1)")
	}
	if err := s.CheckSpace(); err != nil {
		return nil, err
	}
	g, n, err := s.files.place()
	if err != nil {
		return nil, err
	}
	var salt [6]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	base := string(uid) + "-" + hex.EncodeToString(salt[:]) + fileSuffix
	return &File{
		files: &s.files, room: s.CheckSpace, gen: g, dir: g.dirs[n], name: filepath.Join(g.name, folderName(n), base),
		block: newBlock(), digest: sha256.New(),
	}, nil
}

// Header takes the Part 10 header, which is not part of the digest. It comes
// before the first byte of the data set.
func (f *File) Header() io.Writer { return headerWriter{f} }

type headerWriter struct{ f *File }

func (h headerWriter) Write(p []byte) (int, error) {
	h.f.header += int64(len(p))
	return h.f.Write(p)
}

// Write takes bytes of the data set.
func (f *File) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if f.filled == blockSize {
			if err := f.flush(); err != nil {
				return n, err
			}
		}
		m := copy(f.block.data[f.filled:], p)
		f.filled += m
		n, p = n+m, p[m:]
	}
	return n, nil
}

// ReadFrom takes the rest of the data set from r, whose bytes are copied once:
// into the block.
func (f *File) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		if f.filled == blockSize {
			if err := f.flush(); err != nil {
				return n, err
			}
		}
		m, err := r.Read(f.block.data[f.filled:])
		f.filled += m
		n += int64(m)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// flush hands the full block to the disk, which works on it beside the digest
// and whatever fills the other one.
func (f *File) flush() error {
	if err := f.settle(); err != nil {
		return err
	}
	if f.size%roomEvery == 0 {
		if err := f.room(); err != nil {
			return err
		}
	}
	full, at := f.block.data, f.size
	f.block, f.behind, f.filled, f.size = f.behind, f.block, 0, f.size+blockSize
	if f.block == nil {
		f.block = newBlock()
	}
	f.work.Go(func() { f.failed = f.put(full, at) })
	f.digest.Write(f.digested(full, at)) // while the disk writes and the socket fills
	return nil
}

// settle waits until nothing works on the block behind.
func (f *File) settle() error {
	f.work.Wait()
	return f.failed
}

// digested is the part of p, which lies at an offset of the file, that belongs
// to the data set.
func (f *File) digested(p []byte, at int64) []byte {
	return p[min(max(f.header-at, 0), int64(len(p))):]
}

// put writes p at an offset of the file, which is made when its first bytes
// come.
func (f *File) put(p []byte, at int64) error {
	const op = "write instance file"
	if f.f == nil {
		if err := f.create(len(p) >= directSize); err != nil {
			return fileError("create instance file", err)
		}
	}
	if n := len(p) - len(p)%blockAlign; f.direct && n > 0 {
		if err := f.putDirect(p[:n], at); err != nil {
			return fileError(op, err)
		}
		p, at = p[n:], at+int64(n)
	}
	if len(p) == 0 {
		return nil
	}
	if err := f.buffer(); err != nil {
		return fileError(op, err)
	}
	_, err := f.f.WriteAt(p, at)
	return fileError(op, err)
}

func (f *File) create(direct bool) (err error) {
	const flags = os.O_CREATE | os.O_EXCL | os.O_WRONLY
	path := filepath.Join(f.files.root, f.name)
	if direct && openDirect != 0 {
		f.f, err = os.OpenFile(path, flags|openDirect, beingWritten)
		f.direct = err == nil
		if refusesDirect(err) { // having made the file, perhaps
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			direct = false
		}
	}
	if !direct || openDirect == 0 {
		f.f, err = os.OpenFile(path, flags, beingWritten)
	}
	if err != nil {
		f.f = nil
		return err
	}
	f.files.trace("file.created")
	return nil
}

// putDirect writes whole pages past the page cache, or through it where the
// file system turns out to want another alignment.
func (f *File) putDirect(p []byte, at int64) error {
	_, err := f.f.WriteAt(p, at)
	if refusesDirect(err) {
		if err := f.buffer(); err != nil {
			return err
		}
		_, err = f.f.WriteAt(p, at)
	}
	return err
}

// buffer has further writes go through the page cache.
func (f *File) buffer() error {
	if !f.direct {
		return nil
	}
	f.direct = false
	return clearDirect(f.f)
}

// Finish hands the last bytes to the disk, but for an object so small that it
// may go through the journal: place does, while the journal is synced. Size and
// digest are known then.
func (f *File) Finish() error {
	if err := f.settle(); err != nil {
		return err
	}
	last, at := f.block.data[:f.filled], f.size
	f.size += int64(len(last))
	f.finished = true
	if f.size <= journalled {
		f.digest.Write(f.digested(last, at))
		return nil
	}
	if len(last) >= directSize {
		f.work.Go(func() { f.failed = f.put(last, at) })
		f.digest.Write(f.digested(last, at))
	} else {
		f.digest.Write(f.digested(last, at))
		f.failed = f.put(last, at)
	}
	if err := f.settle(); err != nil {
		return err
	}
	f.files.trace("file.written")
	return nil
}

// place makes the file of a small object, once.
func (f *File) place() error {
	f.placing.Do(func() {
		if f.unplaced = f.put(f.block.data[:f.size], 0); f.unplaced == nil {
			f.unplaced = f.seal()
		}
		f.files.trace("file.written")
	})
	return f.unplaced
}

// seal says by the permissions that the file is whole.
func (f *File) seal() error { return fileError("write instance file", f.f.Chmod(whole)) }

// Sync makes the content and the name durable, after Finish if need be. The
// file still has no row.
func (f *File) Sync() error {
	if !f.finished {
		if err := f.Finish(); err != nil {
			return err
		}
	}
	return f.sync()
}

func (f *File) sync() error {
	const op = "sync instance file"
	if f.size <= journalled {
		if err := f.place(); err != nil {
			return err
		}
	} else if err := f.seal(); err != nil {
		return err
	}
	// The folder is synced beside the file: much of what they wait for is the same.
	folder := make(chan error, 1)
	go func() { folder <- f.dir.Sync() }()
	err := f.f.Sync()
	f.files.trace("file.synced")
	if err := errors.Join(err, <-folder); err != nil {
		return fileError(op, err)
	}
	f.files.trace("file.durable")
	return nil
}

// Name is the path relative to the instance folder, for the row.
func (f *File) Name() string { return f.name }

// Size is the number of bytes of the file, header included, after Finish.
func (f *File) Size() int64 { return f.size }

// Digest is the digest of the data set bytes, after Finish.
func (f *File) Digest() string { return "sha256:" + hex.EncodeToString(f.digest.Sum(nil)) }

// Keep ends the writing of a file that has got its row.
func (f *File) Keep() error { return f.end() }

// Discard removes a file that got no row.
func (f *File) Discard() error {
	if f.ended {
		return nil
	}
	f.work.Wait()
	var err error
	if f.f != nil {
		if err = os.Remove(filepath.Join(f.files.root, f.name)); err != nil {
			f.files.soil(f.gen)
		}
	}
	return errors.Join(fileError("remove instance file", err), f.end())
}

func (f *File) end() error {
	if f.ended {
		return nil
	}
	f.ended = true
	f.block.free()
	f.behind.free()
	f.block, f.behind = nil, nil
	var err error
	if f.f != nil {
		err = f.f.Close()
	}
	f.files.release(f.gen)
	return fileError("close instance file", err)
}
