package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
)

// presence knows the files of the index as they were opened. A file that is
// removed or replaced while it is open can still be written, and what is
// written is gone with the process: nothing of that may be acknowledged.
type presence struct {
	// database stays open as long as the connections: closing a file drops the
	// locks that SQLite holds on it for the whole process (fcntl(2)).
	database *os.File
	known    []known
}

type known struct {
	path string
	info os.FileInfo
}

// indexFiles are the database and its log. The log stays the same file while
// a connection is open, which that of the writer always is.
var indexFiles = []string{"radnode.db", "radnode.db-wal"}

// sqliteMagic begins every database (SQLite file format 1.3).
const sqliteMagic = "SQLite format 3\x00"

func openPresence(dir string) (*presence, error) {
	const op = "open database"
	p := &presence{}
	var err error
	if p.database, err = os.Open(filepath.Join(dir, indexFiles[0])); err != nil {
		return nil, fileError(op, err)
	}
	for _, name := range indexFiles {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return nil, errors.Join(fileError(op, err), p.close())
		}
		p.known = append(p.known, known{path, info})
	}
	return p, nil
}

func (p *presence) close() error {
	if p == nil {
		return nil
	}
	return p.database.Close()
}

// check reports whether the files that are written are those of the data
// folder.
func (p *presence) check() error {
	const op = "check index"
	for _, k := range p.known {
		info, err := os.Stat(k.path)
		if err != nil {
			return &radnode.Error{Code: radnode.Unavailable, Op: op, Err: err,
				Message: "the index file " + filepath.Base(k.path) + " is gone: put it back, or stop the node and run `radnode reindex`"}
		}
		if !os.SameFile(info, k.info) {
			return radnode.Errorf(radnode.Unavailable, op, "the index file %s was replaced under the running node: restart the node", filepath.Base(k.path))
		}
	}
	var start [len(sqliteMagic)]byte
	if _, err := p.database.ReadAt(start[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fileError(op, err)
	}
	if string(start[:]) != sqliteMagic {
		return radnode.Errorf(radnode.Unavailable, op, "the index file %s was overwritten: stop the node, then restore a backup or run `radnode reindex`", indexFiles[0])
	}
	return nil
}
