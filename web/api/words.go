package api

import (
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
)

// LoginRequest is the body of POST /login.
type LoginRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// SessionInfo tells the browser who it is signed in as. CSRF goes into the
// header X-CSRF-Token of every write.
type SessionInfo struct {
	User   radnode.User `json:"user"`
	CSRF   string       `json:"csrf,omitempty"`
	Notice string       `json:"notice,omitempty"` // the site's notice to readers
	Node   NodeInfo     `json:"node"`
}

// NodeInfo names the node on its pages.
type NodeInfo struct {
	Version string    `json:"version"`
	AETitle string    `json:"ae_title"`
	Now     time.Time `json:"now"` // for the clock skew warning
}

// StudyList is one page of the worklist.
type StudyList struct {
	Studies []radnode.StudySummary `json:"studies"`
	Total   int                    `json:"total"`
}

// DecisionRequest is the body of POST /reports/{id}/findings/{fid}/decision.
type DecisionRequest struct {
	Decision radnode.Decision `json:"decision"`
	Reason   string           `json:"reason"`
}

// SignRequest is the body of POST /reports/{id}/sign and /cosign. A browser
// sends the password of who is signed in; a program sends name and password of
// the person who signs through it.
type SignRequest struct {
	Name     string `json:"name,omitempty"`
	Password string `json:"password"`
}

// NarrativeRequest is the body of POST /reports/{id}/narrative.
type NarrativeRequest struct {
	Language string `json:"language"` // en, zh
}

// AddendumRequest is the body of POST /reports/{id}/addendum.
type AddendumRequest struct {
	Text string `json:"text"`
}

// ScheduledSteps answers GET /scheduled-steps.
type ScheduledSteps struct {
	Steps []radnode.ScheduledStep `json:"steps"`
}

// ScheduleAdded answers POST /scheduled-steps.
type ScheduleAdded struct {
	Steps int `json:"steps"`
}

// Vocabulary answers GET /vocabulary.
type Vocabulary struct {
	Terms []radnode.Term `json:"terms"`
}

// DeliveryList answers GET /reports/{id}/deliveries.
type DeliveryList struct {
	Deliveries []radnode.Delivery `json:"deliveries"`
}

// Outbox answers GET /deliveries.
type Outbox struct {
	Deliveries []radnode.Delivery `json:"deliveries"` // the oldest first
	Total      int                `json:"total"`
}

// RetryRequest is the body of POST /deliveries/retry: some, or all that failed
// or wait.
type RetryRequest struct {
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
}

// RetryResult says how many deliveries are tried again.
type RetryResult struct {
	Retried int `json:"retried"`
}

// DestinationList answers GET /destinations.
type DestinationList struct {
	Destinations []radnode.Destination `json:"destinations"`
}

// LedgerList answers GET /ledger.
type LedgerList struct {
	Rows     []radnode.LedgerRow `json:"rows"`
	Balanced bool                `json:"balanced"` // no row is unaccounted for
}

// PeerList answers GET /peers.
type PeerList struct {
	Peers []radnode.Peer `json:"peers"`
}

// EchoResult answers POST /peers/{name}/echo.
type EchoResult struct {
	OK     bool    `json:"ok"`
	Millis float64 `json:"ms"`
	Error  string  `json:"error,omitempty"`
}

// UserList answers GET /users.
type UserList struct {
	Users []radnode.User `json:"users"`
}

// UserRequest is the body of POST /users.
type UserRequest struct {
	radnode.User
	Password string `json:"password"`
}

// UserChange is the body of PATCH /users/{name}: members left out stay as
// they are.
type UserChange struct {
	Password *string `json:"password,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
}

// TokenList answers GET /tokens.
type TokenList struct {
	Tokens []auth.Token `json:"tokens"`
}

// TokenRequest is the body of POST /tokens.
type TokenRequest struct {
	Name string       `json:"name"`
	Role radnode.Role `json:"role"`
	auth.Limits
}

// NewToken answers POST /tokens; it is the only time the token is seen.
type NewToken struct {
	Token string `json:"token"`
}

// Model is one version of a model as the registry shows it.
type Model struct {
	ID          string       `json:"id"`
	Version     string       `json:"version"`
	Name        string       `json:"name"`
	Digest      string       `json:"digest"`
	Licence     string       `json:"licence"`
	IntendedUse string       `json:"intended_use"`
	NotFor      []string     `json:"not_for"`
	Calibrated  bool         `json:"calibrated"`
	Evaluation  string       `json:"evaluation"`
	State       string       `json:"state"` // active, off, broken
	Error       string       `json:"error,omitempty"`
	Device      string       `json:"device"`
	Fallbacks   []string     `json:"fallbacks,omitempty"` // why better providers are not used
	Gate        []string     `json:"gate"`                // what the model accepts, in words
	Pipeline    []string     `json:"pipeline"`            // the steps, in words
	Labels      []ModelLabel `json:"labels"`
	Card        string       `json:"card"` // model card, Markdown text
}

// ModelLabel is one output of a model.
type ModelLabel struct {
	Name      string           `json:"name"`
	Code      *radnode.Concept `json:"code"`
	Threshold float64          `json:"threshold"`
	Urgency   int              `json:"urgency"`
	Heatmap   bool             `json:"heatmap"`
}

// ModelList answers GET /models.
type ModelList struct {
	Models []Model `json:"models"`
}

// AnalysisList answers POST /analyze.
type AnalysisList struct {
	Analyses []radnode.Analysis `json:"analyses"`
}

// AuditList answers GET /audit.
type AuditList struct {
	Events []audit.Event `json:"events"`
}
