package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"time"
)

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// lastID is the time and count of the newest identifier.
var lastID atomic.Uint64

// NewID makes an identifier for a result, report or delivery: 48 bits of
// milliseconds, 16 bits that count, 64 random bits. Identifiers of one process
// are in the order of their making, and keys grow at one end of the index.
func NewID() string {
	var next uint64
	for {
		last := lastID.Load()
		next = max(uint64(time.Now().UnixMilli())<<16, last+1) //nolint:gosec // after 1970
		if lastID.CompareAndSwap(last, next) {
			break
		}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], next)
	_, _ = rand.Read(b[8:]) // never fails (crypto/rand)
	return idText.EncodeToString(b[:])
}

// ValidID reports whether s has the form of NewID. What came from outside is
// checked with it before it becomes part of a path.
func ValidID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}
