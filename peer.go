package radnode

import "time"

// Peer is another application entity: a modality, archive or destination; or a
// destination of reports of another kind.
type Peer struct {
	Name    string   `json:"name"`
	AETitle string   `json:"ae_title"`
	Host    string   `json:"host"`
	Port    int      `json:"port"`
	Allow   []string `json:"allow"`   // store, query, retrieve, commit
	Deliver []string `json:"deliver"` // sr, seg, sc, pdf
	TLS     bool     `json:"tls"`     // it is called, and must call, with TLS
	Source  string   `json:"source"`  // "configuration" or who added it
	PeerTerms

	// Kind says how reports are delivered to it: "" by DIMSE, stow, fhir or hl7.
	Kind  string `json:"kind,omitempty"`
	URL   string `json:"url,omitempty"`   // of stow and fhir
	Token string `json:"token,omitempty"` // bearer token for URL; it is taken and never shown

	// Passcode is a new passcode for the user identity that the peer offers
	// with its AE title as the name. It is taken and never shown.
	Passcode     string `json:"passcode,omitempty"`
	PasscodeHash string `json:"-"`

	Abilities []PeerAbility `json:"abilities,omitempty"` // learned from its answers
}

// PeerTerms are what a peer is bound to as a caller, and what is known of the
// studies it sends. A zero field means what holds for everybody.
type PeerTerms struct {
	CheckHost       bool `json:"check_host"`       // it calls from the address of Host only
	Associations    int  `json:"associations"`     // most at once
	Rate            int  `json:"rate"`             // most new associations in a minute
	TimeoutSeconds  int  `json:"timeout_s"`        // longest silence between its messages, and longest wait for its answers
	RequireIdentity bool `json:"require_identity"` // it calls with a user identity that is right

	QuietSeconds  int  `json:"quiet_s"`        // its studies are whole when nothing arrived for so long
	IgnoreRelease bool `json:"ignore_release"` // the release of its association says nothing about its studies
	WaitForMPPS   bool `json:"wait_for_mpps"`  // its studies wait for a completed performed procedure step
	ExpectCount   bool `json:"expect_count"`   // it is asked how many instances a study has
}

// PeerAbility is what a peer answered when a SOP class was proposed to it in a
// transfer syntax, or when an object of the class was sent to it.
type PeerAbility struct {
	SOPClassUID       UID       `json:"sop_class_uid"`
	TransferSyntaxUID UID       `json:"transfer_syntax_uid"` // "": whatever the syntax
	Accepted          bool      `json:"accepted"`
	At                time.Time `json:"at"`
}
