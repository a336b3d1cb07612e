package report

import (
	"crypto/sha256"
	"math/big"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
)

// derivedUID makes a UID from names, always the same from the same ones: a
// UUID of the name-based kind (PS3.5 B.2, RFC 9562 version 8).
func derivedUID(parts ...string) radnode.UID {
	sum := sha256.Sum256([]byte("radnode\x00" + strings.Join(parts, "\x00")))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return radnode.UID("2.25." + new(big.Int).SetBytes(b).String())
}

// DeviceUID returns the UID of one version of a model as a device: another
// digest, that is any retraining, is another device (IHE AIR 6.5.3.1).
func DeviceUID(m radnode.ModelRef) radnode.UID {
	return derivedUID("model", m.ID, m.Version, m.Digest)
}

// NodeUID returns the UID of the software itself as a device.
func NodeUID(software, station string) radnode.UID { return derivedUID("node", software, station) }

// TrackingUID returns the tracking unique identifier of a finding: the same in
// every version of the report and in the segmentation of the finding.
func TrackingUID(image radnode.UID, frame int, m radnode.ModelRef, label string) radnode.UID {
	return derivedUID("finding", string(image), strconv.Itoa(frame), m.ID, label)
}
