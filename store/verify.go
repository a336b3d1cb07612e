package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/radnode/radnode"
)

// Damage is a stored file that is not what was received or written.
type Damage struct {
	SOPInstanceUID radnode.UID
	File           string // relative to the instance folder
	Problem        string
}

// Verify reads every stored file and lists those whose bytes differ from the
// digest in their row, and those that are gone.
func (s *Store) Verify(ctx context.Context) ([]Damage, error) {
	type stored struct {
		Damage
		digest string
		size   int64
	}
	all, err := list(ctx, s.read, func(row scanner) (stored, error) {
		var v stored
		return v, row.Scan(&v.SOPInstanceUID, &v.File, &v.digest, &v.size)
	}, `SELECT sop_uid, file, digest, size FROM instances UNION ALL SELECT sop_uid, file, digest, size FROM variants`)
	if err != nil {
		return nil, err
	}
	var damaged []Damage
	for _, v := range all {
		if v.Problem, err = s.problem(ctx, v.File, v.digest, v.size); err != nil {
			return damaged, err
		}
		if v.Problem != "" {
			damaged = append(damaged, v.Damage)
		}
	}
	return damaged, nil
}

// Problem says what is wrong with the file of an instance, "" when it holds
// the bytes that came in.
func (s *Store) Problem(ctx context.Context, r *Record) (string, error) {
	return s.problem(ctx, r.File, r.Digest, r.Size)
}

// part10Start is the part of a file that says how long its header is: preamble,
// prefix and File Meta Information Group Length (PS3.10 7.1).
const part10Start = 144

func (s *Store) problem(ctx context.Context, file, digest string, size int64) (string, error) {
	const op = "verify file"
	f, err := os.Open(s.Path(file))
	if errors.Is(err, os.ErrNotExist) {
		return "the file is gone", nil
	}
	if err != nil {
		return "", fileError(op, err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return "", fileError(op, err)
	}
	var start [part10Start]byte
	if info.Size() != size || size < part10Start {
		return "the file has another size than its row says", nil
	}
	if _, err := io.ReadFull(f, start[:]); err != nil {
		return unreadable(err), nil
	}
	header := part10Start + int64(binary.LittleEndian.Uint32(start[part10Start-4:]))
	if string(start[128:140]) != "DICM\x02\x00\x00\x00UL\x04\x00" || header > size {
		return "the header of the file is damaged", nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, &cancelReader{ctx, io.NewSectionReader(f, header, size-header)}); err != nil {
		if ctx.Err() != nil {
			return "", radnode.Errorf(radnode.Canceled, op, "stopped: %w", ctx.Err())
		}
		return unreadable(err), nil
	}
	if digest != "sha256:"+hex.EncodeToString(h.Sum(nil)) {
		return "the bytes of the file are not those that its digest was made of", nil
	}
	return "", nil
}

// unreadable is the problem of a file on a broken disk.
func unreadable(err error) string { return "the file cannot be read: " + err.Error() }

// cancelReader ends a long read with its context.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Restore puts the file of r, which is durable and holds the bytes of the
// instance, in the place of a damaged one. It answers Conflict when the row no
// longer names the damaged file.
func (t *Tx) Restore(ctx context.Context, r *Record, damaged string) error {
	const op = "restore instance"
	res, err := t.ExecContext(ctx, `UPDATE instances SET file = $1, size = $2 WHERE sop_uid = $3 AND digest = $4 AND file = $5`,
		r.File, r.Size, string(r.SOPInstanceUID), r.Digest, damaged)
	if err != nil {
		return databaseError(op, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return databaseError(op, err)
	}
	if n != 1 {
		return radnode.Errorf(radnode.Conflict, op, "the file of the instance was exchanged meanwhile")
	}
	t.s.log.Warn("a lost or damaged file was sent again", "instance", r.SOPInstanceUID, "file", damaged)
	t.AfterCommit(func() {
		if err := os.Remove(t.s.Path(damaged)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.s.log.Warn("a damaged file was left behind", "file", damaged, "error", err)
		}
	})
	return nil
}
