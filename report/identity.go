package report

import (
	"strconv"

	"github.com/radnode/radnode"
)

// DeviceUID returns the UID of one version of a model as a device: another
// digest, that is any retraining, is another device (IHE AIR 6.5.3.1).
func DeviceUID(m radnode.ModelRef) radnode.UID {
	return radnode.DeriveUID("device of model", m.ID, m.Version, m.Digest)
}

// NodeUID returns the UID of the software itself as a device.
func NodeUID(software, station string) radnode.UID {
	return radnode.DeriveUID("device of node", software, station)
}

// TrackingUID returns the tracking unique identifier of a finding: the same in
// every version of the report and in the segmentation of the finding.
func TrackingUID(image radnode.UID, frame int, m radnode.ModelRef, label string) radnode.UID {
	return radnode.DeriveUID("tracking of finding", string(image), strconv.Itoa(frame), m.ID, label)
}
