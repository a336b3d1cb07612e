// Package api answers the product API under /api/v1: the worklist, studies,
// images, reports, and the node's own affairs, as JSON over HTTP. It holds no
// state of its own but a cache of image descriptions and the count of failed
// sign-ins.
package api

import (
	"log/slog"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
)

// API holds the parts the handlers need. Every field but Notice,
// SecureCookies, SharedWorkstation and TempDir must be set.
type API struct {
	Studies    Studies
	Files      Files
	Pixels     Pixels
	Reports    Reports
	Findings   Findings
	Signing    Signing
	Amending   Amending
	Deliveries Deliveries
	Events     Events
	Ledger     Ledger
	Peers      Peers
	Schedule   Schedule
	Echoer     Echoer
	Identity   Identity
	Sessions   Sessions
	Users      Users
	Tokens     Tokens
	Models     Models
	Analyzer   Analyzer
	Jobs       *AnalysisJobs
	Audit      Audit
	Operations Operations
	Log        *slog.Logger

	Vocabulary        []radnode.Term
	Version, AETitle  string
	Notice            string // shown on the login page and beside findings
	SecureCookies     bool   // the site is reached by https only
	SharedWorkstation bool   // browsers keep no pixels
	TempDir           string // for uploads; "" is the system's

	descriptions descriptionCache
	logins       *middleware.Throttle // failed proofs of a person at an address
	addresses    *middleware.Throttle // failed proofs from an address

	looked audit.Lately // acts of the trail
}

// Limits of the API.
const (
	maxFailedLogins      = 8 // of one person at one address
	maxFailedFromAddress = 100
	loginWindow          = 5 * time.Minute
	maxDescriptions      = 20_000
	maxCredential        = 256 // bytes of a name or password, before anything hashes them
	heartbeat            = 15 * time.Second
	eventDeadline        = 10 * time.Second
	maxNarrative         = 40_000 // bytes; SR text values hold far more, readers do not
	maxReason            = 1_000
	previewSizeFloor     = 32
	previewSizeTop       = 4096
)

// Prepare makes the API ready to answer.
func (a *API) Prepare() {
	a.descriptions.limit = maxDescriptions
	a.logins = middleware.NewThrottle(maxFailedLogins, loginWindow)
	a.addresses = middleware.NewThrottle(maxFailedFromAddress, loginWindow)
}
