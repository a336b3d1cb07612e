package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/radnode/radnode"
)

// Limits bound what the holder of a token may ask for; 0 is without bound.
type Limits struct {
	PerMinute int `json:"per_minute"` // requests a minute, in a burst of as many
	PerDay    int `json:"per_day"`    // requests a day (UTC)
}

const (
	// maxLimit bounds a limit itself.
	maxLimit = 1_000_000_000
	// limitsAge is how long a changed limit may take to act, and how much of
	// the count of a day a crash may forget.
	limitsAge = 10 * time.Second
	// maxSpenders bounds the tokens that are counted; beyond it the counting of
	// those begins anew that were not seen for longest.
	maxSpenders = 10_000
)

// spending is what one token has used.
type spending struct {
	limits  Limits
	left    float64 // of the burst
	day     string
	used    int // requests of the day
	saved   int // of them on disk
	at      time.Time
	checked time.Time
}

// SetLimits bounds what the holder of a token may ask for.
func (a *Accounts) SetLimits(ctx context.Context, name string, l Limits) error {
	const op = "limit token"
	if l.PerMinute < 0 || l.PerDay < 0 || l.PerMinute > maxLimit || l.PerDay > maxLimit {
		return radnode.Errorf(radnode.Invalid, op, "limits lie within 0 (none) and %d", maxLimit)
	}
	res, err := a.db.ExecContext(ctx, `INSERT INTO api_token_limits (name, per_minute, per_day, day, used)
SELECT name, $1, $2, '', 0 FROM api_tokens WHERE name = $3 ON CONFLICT (name) DO UPDATE SET per_minute = excluded.per_minute, per_day = excluded.per_day`,
		l.PerMinute, l.PerDay, name)
	if err != nil {
		return fmt.Errorf("limit token: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return radnode.Errorf(radnode.NotFound, op, "there is no token named %q", name)
	}
	a.spendMu.Lock()
	defer a.spendMu.Unlock()
	if s := a.spent[name]; s != nil {
		s.checked = time.Time{}
	}
	return nil
}

// Spend counts one request of the holder of a token. wait is how long the
// holder must wait before it is allowed; 0: go on.
func (a *Accounts) Spend(ctx context.Context, name string) (wait time.Duration, err error) {
	a.spendMu.Lock()
	defer a.spendMu.Unlock()
	now := a.now().UTC()
	s := a.spent[name]
	if s == nil {
		if len(a.spent) >= maxSpenders {
			clear(a.spent)
		}
		s = &spending{at: now, left: math.Inf(1)}
		a.spent[name] = s
	}
	if now.Sub(s.checked) >= limitsAge {
		if err := a.settle(ctx, name, s, now); err != nil {
			return 0, err
		}
	}
	return s.take(now), nil
}

// take counts one request where the limits allow it.
func (s *spending) take(now time.Time) time.Duration {
	if day := now.Format(time.DateOnly); day != s.day {
		s.day, s.used, s.saved = day, 0, 0
	}
	most := float64(s.limits.PerMinute)
	s.left = min(s.left+now.Sub(s.at).Minutes()*most, most)
	s.at = now
	switch {
	case s.limits.PerDay > 0 && s.used >= s.limits.PerDay:
		return now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	case s.limits.PerMinute > 0 && s.left < 1:
		return time.Duration((1 - s.left) / most * float64(time.Minute))
	}
	s.left--
	s.used++
	return 0
}

// settle writes what was counted, and reads limits and what was counted
// before.
func (a *Accounts) settle(ctx context.Context, name string, s *spending, now time.Time) error {
	day := now.Format(time.DateOnly)
	if s.used > s.saved && s.limits.PerDay > 0 {
		if _, err := a.db.ExecContext(ctx, `UPDATE api_token_limits SET used = CASE WHEN day = $1 THEN used + $2 ELSE $3 END, day = $4 WHERE name = $5`,
			s.day, s.used-s.saved, s.used-s.saved, s.day, name); err != nil {
			return fmt.Errorf("count requests: %w", err)
		}
		s.saved = s.used
	}
	var l Limits
	var storedDay string
	var used int
	err := a.read.QueryRowContext(ctx, `SELECT per_minute, per_day, day, used FROM api_token_limits WHERE name = $1`, name).Scan(&l.PerMinute, &l.PerDay, &storedDay, &used)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read limits: %w", err)
	}
	if s.limits.PerMinute != l.PerMinute {
		s.left = float64(l.PerMinute)
	}
	s.limits, s.checked = l, now
	if storedDay == day && used > s.used {
		s.day, s.used, s.saved = day, used, used
	}
	return nil
}
