package dicom

import (
	"sort"

	"github.com/radnode/radnode"
)

//go:generate go run ./gen -out . -spec ../../shared/spec

// SOPClass is one storage SOP class (PS3.4 B.5).
type SOPClass struct {
	UID     radnode.UID
	Keyword string
	Name    string
	IOD     string
	Retired bool
}

// TransferSyntax is what a transfer syntax says about the encoding (PS3.5
// section 10 and Annex A).
type TransferSyntax struct {
	UID          radnode.UID
	Keyword      string
	Name         string
	Implicit     bool // implicit VR
	BigEndian    bool
	Encapsulated bool // pixel data come in fragments
	Deflated     bool // the whole data set is deflated
	Lossy        bool // the coding may lose information
	Video        bool
	Retired      bool
}

// LookupTransferSyntax finds a transfer syntax by its UID.
func LookupTransferSyntax(uid radnode.UID) (TransferSyntax, bool) {
	i := sort.Search(len(TransferSyntaxes), func(i int) bool { return TransferSyntaxes[i].UID >= uid })
	if i < len(TransferSyntaxes) && TransferSyntaxes[i].UID == uid {
		return TransferSyntaxes[i], true
	}
	return TransferSyntax{}, false
}

// LookupSOPClass finds a storage SOP class by its UID.
func LookupSOPClass(uid radnode.UID) (SOPClass, bool) {
	i := sort.Search(len(StorageSOPClasses), func(i int) bool { return StorageSOPClasses[i].UID >= uid })
	if i < len(StorageSOPClasses) && StorageSOPClasses[i].UID == uid {
		return StorageSOPClasses[i], true
	}
	return SOPClass{}, false
}
