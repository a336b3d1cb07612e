package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an identifier for a result, report or delivery: 48 bits of
// milliseconds, so that keys grow at one end of the index, and 80 random bits.
func NewID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16) //nolint:gosec // after 1970
	_, _ = rand.Read(b[6:])                                               // never fails (crypto/rand)
	return idText.EncodeToString(b[:])
}

// ValidID reports whether s has the form of NewID. What came from outside is
// checked with it before it becomes part of a path.
func ValidID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}
