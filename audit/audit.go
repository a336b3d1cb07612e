// Package audit keeps the audit trail: who did what to which study, when and
// from where (PS3.15 A.5). Rows are only ever added.
package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/radnode/radnode"
)

// Action is an audited act with the event of PS3.15 A.5.3 it is reported as.
type Action string

// The audited actions.
const (
	Login            Action = "login"
	LoginFailed      Action = "login failed"
	Logout           Action = "logout"
	StudyViewed      Action = "study viewed"
	ResultsShown     Action = "AI results shown"
	InstancesStored  Action = "instances stored"
	ReportChanged    Action = "report changed"
	ReportSigned     Action = "report signed"
	ReportAmended    Action = "report amended"
	ReportDelivered  Action = "report delivered"
	DeliveryRetried  Action = "delivery retried"
	AccountChanged   Action = "account changed"
	TokenCreated     Action = "token created"
	PeerChanged      Action = "peer changed"
	ScheduleChanged  Action = "schedule changed"
	CallerRefused    Action = "caller refused"
	AuditRead        Action = "audit read"
	NodeStarted      Action = "node started"
	NodeStopped      Action = "node stopped"
	AnalysisRequest  Action = "analysis requested"
	InstancesFetched Action = "instances fetched"
	InstancesDeleted Action = "instances deleted"

	WorkitemsFollowed Action = "workitems followed"
	WorkitemChanged   Action = "workitem changed"
)

// eventCodes gives the DCM code of the audit message each action belongs to
// (PS3.15 A.5.3, PS3.16 CID 400).
var eventCodes = map[Action]string{
	Login: "110114", LoginFailed: "110114", Logout: "110114",
	StudyViewed: "110103", ResultsShown: "110103", ReportChanged: "110103", ReportSigned: "110103", ReportAmended: "110103", AnalysisRequest: "110103",
	InstancesStored: "110104", InstancesFetched: "110104", ReportDelivered: "110104", DeliveryRetried: "110102",
	InstancesDeleted: "110105", WorkitemsFollowed: "110103", WorkitemChanged: "110103",
	AccountChanged: "110113", TokenCreated: "110113", PeerChanged: "110113", ScheduleChanged: "110113", CallerRefused: "110113",
	AuditRead: "110101", NodeStarted: "110100", NodeStopped: "110100",
}

// Known reports whether an action is one of the audited ones.
func Known(a Action) bool { return eventCodes[a] != "" }

// Event is one row of the trail. Detail holds no patient data: studies are
// named by UID.
type Event struct {
	ID        string      `json:"id"`
	At        time.Time   `json:"at"`
	Action    Action      `json:"action"`
	EventCode string      `json:"event_code"` // DCM
	Actor     string      `json:"actor"`      // user, token or AE title
	Remote    string      `json:"remote"`     // network access point
	StudyUID  radnode.UID `json:"study_uid"`
	ObjectID  string      `json:"object_id"` // report, delivery, account, peer …
	Failed    bool        `json:"failed"`
	Detail    string      `json:"detail"`
}

type remoteKey struct{}

// From returns a context of a request that came from a network access point:
// events that are recorded with it name that point.
func From(ctx context.Context, remote string) context.Context {
	return context.WithValue(ctx, remoteKey{}, remote)
}

// Execer is a database or a transaction.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

const schema = `
CREATE TABLE IF NOT EXISTS audit_events (
  id TEXT PRIMARY KEY, at TEXT NOT NULL, action TEXT NOT NULL, event_code TEXT NOT NULL, actor TEXT NOT NULL,
  remote TEXT NOT NULL, study_uid TEXT NOT NULL, object_id TEXT NOT NULL, failed INTEGER NOT NULL, detail TEXT NOT NULL)`

const (
	index      = `CREATE INDEX IF NOT EXISTS audit_events_at ON audit_events (at)`
	studyIndex = `CREATE INDEX IF NOT EXISTS audit_events_study ON audit_events (study_uid, at)`

	// Nothing that writes to this database by a mistake changes what stands in the trail.
	noUpdate = `CREATE TRIGGER IF NOT EXISTS audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END`
	noDelete = `CREATE TRIGGER IF NOT EXISTS audit_events_no_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END`
)

// timeFormat sorts as text in the order of time.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// Trail reads and writes the audit trail of one database.
type Trail struct {
	db   Execer
	read *sql.DB
}

// Open prepares the trail's table.
func Open(ctx context.Context, db Execer, read *sql.DB) (*Trail, error) {
	for _, statement := range []string{schema, index, studyIndex, noUpdate, noDelete} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("prepare the audit trail: %w", err)
		}
	}
	return &Trail{db: db, read: read}, nil
}

// Record adds an event outside any transaction.
func (t *Trail) Record(ctx context.Context, e Event) error { return Record(ctx, t.db, e) }

// Record adds an event through tx, so that it stands exactly when the audited
// change does.
func Record(ctx context.Context, tx Execer, e Event) error {
	code, known := eventCodes[e.Action]
	if !known {
		return radnode.Errorf(radnode.Internal, "audit", "action %q has no event code", e.Action)
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if remote, known := ctx.Value(remoteKey{}).(string); known && e.Remote == "" {
		e.Remote = remote
	}
	if e.ID == "" {
		e.ID = string(radnode.NewUID())
	}
	failed := 0
	if e.Failed {
		failed = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit_events (id, at, action, event_code, actor, remote, study_uid, object_id, failed, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.ID, e.At.UTC().Format(timeFormat), string(e.Action), code, e.Actor, e.Remote, string(e.StudyUID), e.ObjectID, failed, e.Detail)
	if err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	return nil
}

// MaxRows is the most events one List returns.
const MaxRows = 1000

// Filter selects events; a zero member selects every one.
type Filter struct {
	Since, Before time.Time // Since inclusive, Before exclusive
	Actor         string
	Action        Action
	StudyUID      radnode.UID
	ObjectID      string
	Limit         int // most events; 0 or more than MaxRows: MaxRows
}

// List returns the events that a filter selects, newest first.
func (t *Trail) List(ctx context.Context, f Filter) ([]Event, error) {
	if f.Limit <= 0 || f.Limit > MaxRows {
		f.Limit = MaxRows
	}
	if f.Before.IsZero() {
		f.Before = time.Now().Add(time.Hour)
	}
	args := []any{f.Before.UTC().Format(timeFormat)}
	where := "at < $1"
	add := func(term, value string) {
		if value != "" {
			args = append(args, value)
			where += fmt.Sprintf(" AND %s $%d", term, len(args))
		}
	}
	if !f.Since.IsZero() {
		add("at >=", f.Since.UTC().Format(timeFormat))
	}
	add("actor =", f.Actor)
	add("action =", string(f.Action))
	add("study_uid =", string(f.StudyUID))
	add("object_id =", f.ObjectID)
	rows, err := t.read.QueryContext(ctx, fmt.Sprintf(`SELECT id, at, action, event_code, actor, remote, study_uid, object_id, failed, detail
FROM audit_events WHERE %s ORDER BY at DESC, id LIMIT %d`, where, f.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	defer rows.Close()
	events := []Event{}
	for rows.Next() {
		var e Event
		var at string
		var failed int
		if err := rows.Scan(&e.ID, &at, &e.Action, &e.EventCode, &e.Actor, &e.Remote, &e.StudyUID, &e.ObjectID, &failed, &e.Detail); err != nil {
			return nil, fmt.Errorf("read the audit trail: %w", err)
		}
		if e.At, err = time.Parse(timeFormat, at); err != nil {
			return nil, fmt.Errorf("read the audit trail: %w", err)
		}
		e.Failed = failed != 0
		events = append(events, e)
	}
	return events, rows.Err()
}
