package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/radnode/radnode"
)

// fileCodes says what an operating system error means for the caller.
var fileCodes = []struct {
	errno   syscall.Errno
	code    radnode.Code
	message string
}{
	{syscall.ENOSPC, radnode.NoResources, "the disk of the store is full: free some space"},
	{syscall.EDQUOT, radnode.NoResources, "the disk quota of the store is used up: raise it"},
	{syscall.EFBIG, radnode.NoResources, "a file would exceed the size this system allows"},
	{syscall.EMFILE, radnode.NoResources, "too many open files: raise the limit of the process"},
	{syscall.ENFILE, radnode.NoResources, "too many open files on this machine"},
	{syscall.ENOMEM, radnode.NoResources, "out of memory"},
	{syscall.EROFS, radnode.Unavailable, "the disk of the store is read-only: remount it"},
	{syscall.EIO, radnode.Unavailable, "the disk of the store reports input/output errors: replace it"},
	{syscall.EACCES, radnode.Unavailable, "the store may not be written: check the owner of the data folder"},
	{syscall.EPERM, radnode.Unavailable, "the store may not be written: check the owner of the data folder"},
}

// fileError gives an error of a file a code; nil stays nil.
func fileError(op string, err error) error {
	if err == nil {
		return nil
	}
	var coded *radnode.Error
	if errors.As(err, &coded) {
		return err
	}
	for _, c := range fileCodes {
		if errors.Is(err, c.errno) {
			return &radnode.Error{Code: c.code, Op: op, Message: c.message, Err: err}
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &radnode.Error{Code: radnode.NotFound, Op: op, Message: "the file is gone from the store", Err: err}
	}
	return &radnode.Error{Code: radnode.Internal, Op: op, Message: err.Error(), Err: err}
}

// databaseCodes says what a primary result code of SQLite means.
var databaseCodes = map[int]struct {
	code    radnode.Code
	message string
}{
	sqlite3.SQLITE_FULL:     {radnode.NoResources, "the disk of the database is full: free some space"},
	sqlite3.SQLITE_NOMEM:    {radnode.NoResources, "out of memory"},
	sqlite3.SQLITE_BUSY:     {radnode.Unavailable, "the database is locked by another program"},
	sqlite3.SQLITE_LOCKED:   {radnode.Unavailable, "the database is locked by another program"},
	sqlite3.SQLITE_IOERR:    {radnode.Unavailable, "the disk of the database reports errors"},
	sqlite3.SQLITE_READONLY: {radnode.Unavailable, "the database may not be written: check the owner of the data folder"},
	sqlite3.SQLITE_CANTOPEN: {radnode.Unavailable, "the database cannot be opened: check the data folder"},
	sqlite3.SQLITE_CORRUPT:  {radnode.Unavailable, damagedIndex},
	sqlite3.SQLITE_NOTADB:   {radnode.Unavailable, damagedIndex},
	sqlite3.SQLITE_PROTOCOL: {radnode.Unavailable, "the database is locked by another program"},
}

const damagedIndex = "the database is damaged: stop the node, then restore a backup or run `radnode reindex`"

// databaseError gives an error of the database a code; nil stays nil, and so
// does an error that already has one.
func databaseError(op string, err error) error {
	if err == nil {
		return nil
	}
	var coded *radnode.Error
	if errors.As(err, &coded) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &radnode.Error{Code: radnode.Canceled, Op: op, Message: "the caller gave up", Err: err}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return &radnode.Error{Code: radnode.NotFound, Op: op, Message: "no such row", Err: err}
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		if c, ok := databaseCodes[se.Code()&0xff]; ok {
			return &radnode.Error{Code: c.code, Op: op, Message: c.message, Err: err}
		}
	}
	return &radnode.Error{Code: radnode.Internal, Op: op, Message: err.Error(), Err: err}
}
