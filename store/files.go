package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/radnode/radnode"
)

// Instance files lie in instances/<generation>/<hex digit>/<name>. A process
// opens a generation of its own and a new one every filesPerGeneration files:
// ext4 is slow at creating files where many were deleted lately, and the sweep
// looks only at generations that were open when a process died. Several
// folders, because the file system locks a folder while it syncs it.
const (
	filesPerGeneration = 16 << 10
	fan                = 16
	fileSuffix         = ".dcm"
	openMark           = ".open" // in a generation that may hold files without rows; locked while its process lives
)

// files hands out places for new files.
type files struct {
	root  string
	trace func(string)

	mu      sync.Mutex
	current *generation
	seq     atomic.Uint32
}

// generation is a folder of folders that this process writes to.
type generation struct {
	name  string
	path  string
	mark  *os.File
	left  int           // files it may still take
	users int           // files being written
	dirty bool          // a file without row could not be removed
	dirs  [fan]*os.File // open for syncing
}

func (f *files) open(root string, trace func(string)) error {
	f.root, f.trace = root, trace
	return fileError("open instance folder", os.MkdirAll(root, 0o700))
}

// close ends the current generation. Nothing is being written any more, so its
// mark goes: there is nothing to sweep.
func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.current
	f.current = nil
	if g == nil {
		return nil
	}
	return g.close(g.users == 0)
}

func (g *generation) close(clean bool) error {
	var errs []error
	for _, d := range g.dirs {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	if clean && !g.dirty {
		errs = append(errs, os.Remove(filepath.Join(g.path, openMark)))
	}
	if g.mark != nil {
		errs = append(errs, g.mark.Close())
	}
	return errors.Join(errs...)
}

// newGeneration makes the next free folder. Making it is atomic, so several
// processes never share one.
func (f *files) newGeneration() (*generation, error) {
	const op = "open instance folder"
	names, err := generations(f.root)
	if err != nil {
		return nil, err
	}
	next := 1
	if len(names) > 0 {
		next, _ = strconv.Atoi(names[len(names)-1]) // generations gives numbers only
		next++
	}
	for ; ; next++ {
		g := &generation{name: fmt.Sprintf("%06d", next), left: filesPerGeneration}
		g.path = filepath.Join(f.root, g.name)
		err := os.Mkdir(g.path, 0o700)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = g.make()
		}
		if err == nil {
			err = syncFolder(f.root)
		}
		if err != nil {
			return nil, fileError(op, errors.Join(err, g.close(false)))
		}
		return g, nil
	}
}

// make marks the generation as open and makes its folders, all durable.
func (g *generation) make() (err error) {
	if g.mark, err = os.OpenFile(filepath.Join(g.path, openMark), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := unix.Flock(int(g.mark.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	for n := range g.dirs {
		path := filepath.Join(g.path, folderName(n))
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		if g.dirs[n], err = os.Open(path); err != nil {
			return err
		}
	}
	return syncFolder(g.path)
}

func folderName(n int) string { return strconv.FormatInt(int64(n), fan) }

// generations lists the generation folders in ascending order.
func generations(root string) ([]string, error) {
	entries, err := os.ReadDir(root) // sorted by name
	if err != nil {
		return nil, fileError("list instance folder", err)
	}
	var names []string
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 31); err == nil && e.IsDir() && len(e.Name()) >= 6 {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// place takes the next place: a generation and one of its folders.
func (f *files) place() (*generation, int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || f.current.left == 0 {
		g, err := f.newGeneration()
		if err != nil {
			return nil, 0, err
		}
		f.retire()
		f.current = g
	}
	g := f.current
	g.left--
	g.users++
	return g, int(f.seq.Add(1) % fan), nil
}

// retire lets the full generation go as soon as nobody writes to it.
func (f *files) retire() {
	if g := f.current; g != nil && g.users == 0 {
		_ = g.close(true) // at worst the next start sweeps it again
	}
}

// soil leaves g to the sweep of the next start.
func (f *files) soil(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.dirty = true
}

// release ends one use of g.
func (f *files) release(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.users--
	if g != f.current && g.users == 0 && g.left == 0 {
		_ = g.close(true) // at worst the next start sweeps it again
	}
}

// Path is the place of a file that a row names.
func (s *Store) Path(name string) string { return filepath.Join(s.files.root, name) }

// CheckSpace says NoResources when the disk is nearly full, so that a sender
// hears it before its object is half there.
func (s *Store) CheckSpace() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.opts.Dir, &fs); err != nil {
		return fileError("check disk space", err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < s.opts.MinFree { //nolint:gosec // block counts fit
		return radnode.Errorf(radnode.NoResources, "check disk space",
			"the disk of the store has %d MB left, less than the %d MB kept in reserve: free some space", free>>20, s.opts.MinFree>>20)
	}
	return nil
}
