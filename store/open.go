package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"

	"github.com/radnode/radnode"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say where and how a store works.
type Options struct {
	Dir string // the data folder; made when absent

	// Exclusive is for the node itself: it locks the folder against a second
	// node and sweeps what a crash left behind. Command-line tools that work
	// beside a running node leave it false.
	Exclusive bool

	// Rebuild makes an index where there are instances and none.
	Rebuild bool

	// MinFree is the disk space in bytes below which nothing new is accepted
	// (NoResources), so that the index can always be written. 0: 128 MiB.
	MinFree int64

	// BusyTimeout is how long a write waits for another program that holds the
	// database. 0: 10 s.
	BusyTimeout time.Duration

	// Schemas are migrations of other packages that live in the same database.
	Schemas []Schema

	Log *slog.Logger

	// Trace is told the name of each durable step as it is reached. Tests end
	// the process there. nil: nobody is told.
	Trace func(step string)
}

// Schema is a set of migrations with a name of its own.
type Schema struct {
	Name string
	FS   fs.FS // *.sql in goose's format
}

const (
	defaultMinFree = 128 << 20
	readers        = 4
	readerIdle     = 5 * time.Minute
	defaultTimeout = 10 * time.Second
	// walPages is how many pages the write-ahead log may hold before a commit
	// also copies them into the database.
	walPages = 4000
)

// Store is an open store.
type Store struct {
	opts    Options
	log     *slog.Logger
	write   *sql.DB   // one connection: SQLite has one writer
	writing *sql.Conn // it
	read    *sql.DB
	index   *presence
	files   files
	journal *journal // nil: each file is synced
	lock    *os.File // nil: not exclusive
	writer  writer
	kept    keptStatements // of queries
	failed  atomic.Pointer[failedWrite]

	// Only the Write that commits touches these; Close does after the last.
	stmts map[string]*sql.Stmt
}

// Open opens or makes the store in opts.Dir.
func Open(ctx context.Context, opts Options) (*Store, error) {
	s := &Store{opts: opts, log: opts.Log, stmts: map[string]*sql.Stmt{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.MinFree == 0 {
		s.opts.MinFree = defaultMinFree
	}
	if s.opts.BusyTimeout == 0 {
		s.opts.BusyTimeout = defaultTimeout
	}
	if err := s.open(ctx); err != nil {
		_ = s.Close() // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	const op = "open store"
	if err := os.MkdirAll(s.opts.Dir, 0o700); err != nil {
		return fileError(op, err)
	}
	if s.opts.Exclusive {
		if err := s.lockFolder(); err != nil {
			return err
		}
	}
	if !s.opts.Rebuild {
		if err := s.demandIndex(); err != nil {
			return err
		}
	}
	if err := s.openDatabase(ctx); err != nil {
		return err
	}
	if err := s.files.open(filepath.Join(s.opts.Dir, "instances"), s.trace); err != nil {
		return err
	}
	if err := os.MkdirAll(s.stageRoot(), 0o700); err != nil {
		return fileError(op, err)
	}
	if s.opts.Exclusive {
		var err error
		if s.journal, err = openJournal(ctx, s); err != nil {
			return err
		}
	}
	// The names of the database and the folders are as durable as what is in them.
	if err := errors.Join(syncFolder(s.opts.Dir), syncFolder(filepath.Dir(filepath.Clean(s.opts.Dir)))); err != nil {
		return fileError(op, err)
	}
	return nil
}

// lockFolder takes the folder for this process; the lock ends with it.
func (s *Store) lockFolder() error {
	f, err := os.OpenFile(filepath.Join(s.opts.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileError("lock store", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written to it
		return radnode.Errorf(radnode.Conflict, "open store", "another node works on the folder %s: stop it or choose another --data folder", s.opts.Dir)
	}
	s.lock = f
	return nil
}

// A transaction that must not vanish after its answer was sent needs
// synchronous=FULL in WAL mode (NORMAL syncs at checkpoints only).
func dsn(path string, timeout time.Duration, readOnly bool) string {
	lock := "immediate"
	if readOnly {
		lock = "deferred"
	}
	q := url.Values{"_txlock": {lock}}
	for _, p := range []string{
		fmt.Sprintf("busy_timeout(%d)", timeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
		"temp_store(MEMORY)",
	} {
		q.Add("_pragma", p)
	}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "cache_size(-8192)") // KiB; the inner pages of every index
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func (s *Store) openDatabase(ctx context.Context) error {
	// A commit is as durable with fdatasync(2); it spares the timestamp update.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return databaseError("open database", err)
	}
	path := filepath.Join(s.opts.Dir, "radnode.db")
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, s.opts.BusyTimeout, false)); err != nil {
		return databaseError("open database", err)
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.writing, err = s.write.Conn(ctx); err != nil {
		return databaseError("open database", err)
	}
	if s.read, err = sql.Open("sqlite", dsn(path, s.opts.BusyTimeout, true)); err != nil {
		return databaseError("open database", err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.read.SetConnMaxIdleTime(readerIdle)
	if err := s.read.PingContext(ctx); err != nil {
		return databaseError("open database", err)
	}
	s.index, err = openPresence(s.opts.Dir)
	return err
}

// migrate brings the tables of the store and of the other packages up to date.
func (s *Store) migrate(ctx context.Context) error {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return databaseError("migrate store", err)
	}
	for _, schema := range append([]Schema{{Name: "store", FS: own}}, s.opts.Schemas...) {
		p, err := goose.NewProvider(goose.DialectSQLite3, s.write, schema.FS,
			goose.WithTableName("schema_"+schema.Name), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return databaseError("migrate "+schema.Name, err)
		}
		if _, err := p.Up(ctx); err != nil {
			return databaseError("migrate "+schema.Name, err)
		}
	}
	return nil
}

// Reader is the pool for reading; it refuses to write.
func (s *Store) Reader() *sql.DB { return s.read }

// Dir is the data folder.
func (s *Store) Dir() string { return s.opts.Dir }

// Close waits for the writer and closes everything.
func (s *Store) Close() error {
	s.writer.stop()
	var errs []error
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	s.stmts = map[string]*sql.Stmt{}
	errs = append(errs, s.journal.close())
	s.journal = nil
	if s.writing != nil {
		errs = append(errs, s.writing.Close())
		s.writing = nil
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	errs = append(errs, s.index.close())
	s.index = nil
	errs = append(errs, s.files.close())
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

func (s *Store) trace(step string) {
	if s.opts.Trace != nil {
		s.opts.Trace(step)
	}
}

func (s *Store) stageRoot() string { return filepath.Join(s.opts.Dir, "stages") }

// now is the time with the precision of the columns.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func timePointer(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := timeOf(us)
	return &t
}
