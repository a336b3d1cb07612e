package report

import (
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
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

// SamePatient reports whether two objects name the same patient: by Patient ID,
// whoever issued it, and by name, as far as both write it in one script.
// Padding, case and empty trailing components do not count (PS3.5 6.2.1).
func SamePatient(a, b *dicom.Dataset) bool {
	return samePatientID(a, b) && sameName(a.Text(dicom.PatientName), b.Text(dicom.PatientName))
}

// SurelySamePatient reports whether two objects of different studies are of one
// person beyond doubt: SamePatient, an ID is given, the same authority issued it
// (PS3.3 C.7.1.1) and the dates of birth do not differ.
func SurelySamePatient(a, b *dicom.Dataset) bool {
	born, other := strings.TrimSpace(a.Text(dicom.PatientBirthDate)), strings.TrimSpace(b.Text(dicom.PatientBirthDate))
	return strings.TrimSpace(a.Text(dicom.PatientID)) != "" && SamePatient(a, b) &&
		strings.TrimSpace(a.Text(dicom.IssuerOfPatientID)) == strings.TrimSpace(b.Text(dicom.IssuerOfPatientID)) &&
		(born == "" || other == "" || born == other)
}

func samePatientID(a, b *dicom.Dataset) bool {
	return strings.TrimSpace(a.Text(dicom.PatientID)) == strings.TrimSpace(b.Text(dicom.PatientID))
}

func sameName(a, b string) bool {
	groups, others := strings.Split(a, "="), strings.Split(b, "=")
	common := false
	for i := range min(len(groups), len(others)) {
		x, y := strings.TrimRight(groups[i], "^ "), strings.TrimRight(others[i], "^ ")
		if x == "" || y == "" {
			continue
		}
		if !strings.EqualFold(x, y) {
			return false
		}
		common = true
	}
	return common || strings.Trim(a, "^= ") == "" && strings.Trim(b, "^= ") == ""
}
