package radnode

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
)

// UID is a DICOM unique identifier (PS3.5 section 9).
type UID string

// MaxUIDLength is the longest UID the standard allows (PS3.5 9.1).
const MaxUIDLength = 64

// Valid reports whether u follows PS3.5 9.1: at most 64 characters, digits
// and dots, no empty component and no leading zero. A UID that came from
// outside is checked with it before it becomes a path, a key or a reference.
func (u UID) Valid() bool {
	if len(u) == 0 || len(u) > MaxUIDLength {
		return false
	}
	start := 0
	for i := 0; i <= len(u); i++ {
		if i < len(u) && u[i] != '.' {
			if u[i] < '0' || u[i] > '9' {
				return false
			}
			continue
		}
		n := i - start
		if n == 0 || (n > 1 && u[start] == '0') {
			return false
		}
		start = i + 1
	}
	return true
}

// Usable reports whether u can stand for an object of a device: digits and
// dots, at most 64, no empty component. Devices are met that begin components
// with zeros against PS3.5 9.1, and their images are needed too. A usable UID
// is safe in a file name; it is compared character by character like any other.
func (u UID) Usable() bool {
	if len(u) == 0 || len(u) > MaxUIDLength {
		return false
	}
	dot := true // an empty component so far
	for i := range len(u) {
		switch {
		case u[i] >= '0' && u[i] <= '9':
			dot = false
		case u[i] == '.' && !dot:
			dot = true
		default:
			return false
		}
	}
	return !dot
}

// NewUID makes a globally unique identifier from a random UUID (PS3.5 B.2).
func NewUID() UID {
	var b [16]byte
	// crypto/rand.Read never fails: it ends the process rather than return weak bytes.
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40 // RFC 9562 version 4
	b[8] = b[8]&0x3f | 0x80 // RFC 9562 variant
	return UID("2.25." + new(big.Int).SetBytes(b[:]).String())
}

// DeriveUID makes the UID that always belongs to the given names, such as the
// series of our reports in a study: equal names give an equal UID, so that a
// second try after a crash makes no second identity (PS3.5 B.2, RFC 9562
// version 8).
func DeriveUID(names ...string) UID {
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s", len(name), name)
	}
	b := h.Sum(nil)[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return UID("2.25." + new(big.Int).SetBytes(b).String())
}
