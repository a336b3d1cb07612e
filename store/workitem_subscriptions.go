package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// The scopes of a subscriber: whether workitems that are to come are subscribed
// to by themselves (PS3.4 CC.2.3).
const (
	ScopeNone     = "none"
	ScopeAll      = "all"
	ScopeFiltered = "filtered"
)

// Subscriber is who is told of workitems.
type Subscriber struct {
	AETitle   string
	Account   string // the only one that may listen
	Scope     string
	Filter    *dicom.Dataset
	Locked    bool
	Suspended bool
	CreatedAt time.Time
}

const opSubscribe = "subscribe to workitems"

// SaveSubscriber keeps a subscriber. Forbidden: the AE title belongs to another
// account.
func (t *Tx) SaveSubscriber(ctx context.Context, s *Subscriber) error {
	filter := []byte{}
	if s.Filter != nil {
		var err error
		if filter, err = packed(s.Filter); err != nil {
			return err
		}
	}
	res, err := t.ExecContext(ctx, `INSERT INTO workitem_subscribers (ae_title, account, scope, filter, locked, suspended, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (ae_title) DO UPDATE SET scope = excluded.scope, filter = excluded.filter,
  locked = excluded.locked, suspended = excluded.suspended WHERE workitem_subscribers.account = excluded.account`,
		s.AETitle, s.Account, s.Scope, filter, flag(s.Locked), flag(s.Suspended), micros(now()))
	if err != nil {
		return databaseError(opSubscribe, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstError(err, radnode.Errorf(radnode.Forbidden, opSubscribe, "this AE title belongs to another account"))
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func scanSubscriber(row scanner) (Subscriber, error) {
	var s Subscriber
	var filter []byte
	var locked, suspended int
	var created int64
	if err := row.Scan(&s.AETitle, &s.Account, &s.Scope, &filter, &locked, &suspended, &created); err != nil {
		return s, err
	}
	s.Locked, s.Suspended, s.CreatedAt = locked != 0, suspended != 0, timeOf(created)
	var err error
	s.Filter, err = unpacked(filter)
	return s, err
}

const subscriberColumns = `ae_title, account, scope, filter, locked, suspended, created_at`

// Subscriber finds a subscriber by its AE title.
func (s *Store) Subscriber(ctx context.Context, ae string) (Subscriber, error) {
	found, err := scanSubscriber(s.read.QueryRowContext(ctx, `SELECT `+subscriberColumns+` FROM workitem_subscribers WHERE ae_title = $1`, ae))
	if errors.Is(err, sql.ErrNoRows) {
		return found, radnode.Errorf(radnode.NotFound, "find subscriber", "nobody has subscribed by this AE title")
	}
	return found, databaseError("find subscriber", err)
}

// Subscriber finds a subscriber as this transaction sees it.
func (t *Tx) Subscriber(ctx context.Context, ae string) (Subscriber, error) {
	found, err := scanSubscriber(t.QueryRowContext(ctx, `SELECT `+subscriberColumns+` FROM workitem_subscribers WHERE ae_title = $1`, ae))
	if errors.Is(err, sql.ErrNoRows) {
		return found, radnode.Errorf(radnode.NotFound, "find subscriber", "nobody has subscribed by this AE title")
	}
	return found, databaseError("find subscriber", err)
}

// GlobalSubscribers lists who subscribes to workitems that are to come.
func (t *Tx) GlobalSubscribers(ctx context.Context) ([]Subscriber, error) {
	return list(ctx, t, scanSubscriber, `SELECT `+subscriberColumns+` FROM workitem_subscribers WHERE scope <> 'none' AND suspended = 0`)
}

// CountSubscribers counts the subscribers.
func (t *Tx) CountSubscribers(ctx context.Context) (n int, err error) {
	err = t.QueryRowContext(ctx, `SELECT COUNT(*) FROM workitem_subscribers`).Scan(&n)
	return n, databaseError(opSubscribe, err)
}

// Subscribe subscribes an AE title to a workitem.
func (t *Tx) Subscribe(ctx context.Context, uid radnode.UID, ae string, locked bool) error {
	_, err := t.ExecContext(ctx, `INSERT INTO workitem_subscriptions (uid, ae_title, locked) VALUES ($1, $2, $3)
  ON CONFLICT (uid, ae_title) DO UPDATE SET locked = excluded.locked`, string(uid), ae, flag(locked))
	return databaseError(opSubscribe, err)
}

// Unsubscribe ends the subscription of an AE title to a workitem; "" is all of
// them and those to come.
func (t *Tx) Unsubscribe(ctx context.Context, uid radnode.UID, ae string) error {
	if uid == "" {
		if _, err := t.ExecContext(ctx, `UPDATE workitem_subscribers SET scope = 'none' WHERE ae_title = $1`, ae); err != nil {
			return databaseError(opSubscribe, err)
		}
	}
	_, err := t.ExecContext(ctx, `DELETE FROM workitem_subscriptions WHERE ae_title = $1 AND ($2 = '' OR uid = $3)`, ae, string(uid), string(uid))
	return databaseError(opSubscribe, err)
}

// SubscribersOf lists the AE titles that are told of a workitem.
func (t *Tx) SubscribersOf(ctx context.Context, uid radnode.UID) ([]string, error) {
	return list(ctx, t, scanText, `SELECT ae_title FROM workitem_subscriptions WHERE uid = $1`, string(uid))
}

// SubscribedWorkitems lists the workitems that an AE title is told of and that
// are not final, at most most of them.
func (s *Store) SubscribedWorkitems(ctx context.Context, ae string, most int) ([]*Workitem, error) {
	return list(ctx, s.read, scanWorkitem, `SELECT `+workitemColumns+` FROM workitem_subscriptions x JOIN workitems w ON w.uid = x.uid
  WHERE x.ae_title = $1 AND w.state IN ('SCHEDULED', 'IN PROGRESS') ORDER BY w.created_at, w.uid LIMIT $2`, ae, most)
}
