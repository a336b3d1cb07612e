package report

import (
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// Input is everything a result object is made of.
type Input struct {
	// Source holds the headers of the images that were looked at. The first
	// one gives patient and study; all must belong to its study.
	Source []*dicom.Dataset
	// Analyses holds what each model said about each image, also where it was
	// not applied: the reader must see what was not read, and why.
	Analyses []radnode.Analysis
	// Findings holds the findings with the reader's decisions. Where it is nil
	// the findings of the Analyses count as undecided.
	Findings []radnode.ReportFinding
	// FindingsText and Impression are the reader's texts; they may be empty.
	FindingsText string
	Impression   string
	Language     string // RFC 5646 tag of Impression; "" is "en"

	Class             radnode.UID // one of Ladder; "" is Comprehensive 3D SR
	SOPInstanceUID    radnode.UID
	SeriesInstanceUID radnode.UID
	SeriesNumber      int // 0: 9901
	InstanceNumber    int // 0: 1

	// Observer is who verified the document. Nil makes a draft: UNVERIFIED,
	// marked "AI, not verified".
	Observer     *Person
	Second       *Person        // who verified it besides Observer, where two persons do
	Predecessors []sr.Reference // documents that this one replaces
	Amends       bool           // it corrects a report that was signed
	Results      []sr.Reference // the other objects of the same report; see Documents

	Now      time.Time // of the content; of the verification where Observer is set
	Software string    // version of radnode
	Station  string    // AE title or name of the node
}

// Person is a reader who signs.
type Person struct {
	Name         string // PN: "Family^Given^Middle^Prefix^Suffix"
	Organization string
	Login        string    // optional
	At           time.Time // of the verification; zero: Input.Now
}
