package store

import (
	"time"

	"github.com/radnode/radnode"
)

// problemShown is how long a failed write is told of when none has been tried
// since.
const problemShown = 30 * time.Second

// failedWrite is the last write that failed for want of room or of the
// database.
type failedWrite struct {
	err error
	at  time.Time
}

// noteWrite remembers how the last transaction ended.
func (s *Store) noteWrite(err error) {
	switch {
	case err == nil:
		if s.failed.Load() != nil {
			s.failed.Store(nil)
		}
	case spoils[radnode.CodeOf(err)]:
		s.failed.Store(&failedWrite{err, time.Now()})
	}
}

// WriteProblem is why the index cannot be written, as far as its files and the
// last write tell; nil: it can.
func (s *Store) WriteProblem() error {
	if err := s.index.check(); err != nil {
		return err
	}
	if f := s.failed.Load(); f != nil && time.Since(f.at) < problemShown {
		return f.err
	}
	return nil
}
