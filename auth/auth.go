// Package auth knows who may do what: accounts with passwords, browser
// sessions and API tokens. Passwords are kept as argon2id hashes (RFC 9106),
// session and token secrets only as SHA-256 digests.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/radnode/radnode"
)

// Session life: idle sessions end, and no session outlives a shift.
const (
	SessionIdle = 60 * time.Minute
	SessionLife = 12 * time.Hour
)

// MinPassword is the shortest password accepted.
const MinPassword = 8

// Execer is a database to write to.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Accounts authenticates people and programs against one database.
type Accounts struct {
	db   Execer
	read *sql.DB
	now  func() time.Time

	// Each hash takes argonMemory; whoever wants one waits for a turn, so that
	// a crowd at the login page cannot exhaust the node's memory.
	hashing chan struct{}

	spendMu sync.Mutex
	spent   map[string]*spending // by the name of the token
}

var schema = []string{
	`CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY, full_name TEXT NOT NULL, role TEXT NOT NULL, disabled INTEGER NOT NULL, password TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS api_tokens (
  name TEXT PRIMARY KEY, role TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS api_token_limits (
  name TEXT PRIMARY KEY, per_minute BIGINT NOT NULL, per_day BIGINT NOT NULL, day TEXT NOT NULL, used BIGINT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS browser_sessions (
  digest TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
  csrf TEXT NOT NULL, created_at BIGINT NOT NULL, used_at BIGINT NOT NULL)`,
}

// Open prepares the tables and returns the accounts. Every request reads, so
// reading has a pool of its own; both may be the same.
func Open(ctx context.Context, db Execer, read *sql.DB) (*Accounts, error) {
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("prepare the accounts: %w", err)
		}
	}
	return &Accounts{db: db, read: read, now: time.Now, hashing: make(chan struct{}, 2), spent: map[string]*spending{}}, nil
}

// Save adds or changes an account. An empty password keeps the present one.
func (a *Accounts) Save(ctx context.Context, u radnode.User, password string) error {
	const op = "save account"
	if !validName(u.Name) {
		return radnode.Errorf(radnode.Invalid, op, "account name %q: use 1 to 64 letters, digits, '.', '-', '_' or '@'", u.Name)
	}
	if !slices.Contains(radnode.Roles, u.Role) {
		return radnode.Errorf(radnode.Invalid, op, "role %q is none of %v", u.Role, radnode.Roles)
	}
	if password == "" {
		return a.change(ctx, u)
	}
	if len(password) < MinPassword || len(password) > 1024 {
		return radnode.Errorf(radnode.Invalid, op, "a password needs %d to 1024 characters", MinPassword)
	}
	_, err := a.db.ExecContext(ctx, `INSERT INTO accounts (name, full_name, role, disabled, password) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET full_name = excluded.full_name, role = excluded.role, disabled = excluded.disabled, password = excluded.password`,
		u.Name, u.FullName, string(u.Role), flag(u.Disabled), hash(password))
	if err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	// A changed password or role must not leave older sessions alive.
	return a.endSessions(ctx, u.Name)
}

func (a *Accounts) change(ctx context.Context, u radnode.User) error {
	result, err := a.db.ExecContext(ctx, `UPDATE accounts SET full_name = $2, role = $3, disabled = $4 WHERE name = $1`,
		u.Name, u.FullName, string(u.Role), flag(u.Disabled))
	if err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return radnode.Errorf(radnode.Invalid, "save account", "a new account needs a password")
	}
	return a.endSessions(ctx, u.Name)
}

func (a *Accounts) endSessions(ctx context.Context, name string) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM browser_sessions WHERE account = $1`, name); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// List returns every account, by name.
func (a *Accounts) List(ctx context.Context) ([]radnode.User, error) {
	rows, err := a.read.QueryContext(ctx, `SELECT name, full_name, role, disabled FROM accounts ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	defer rows.Close()
	users := []radnode.User{}
	for rows.Next() {
		var u radnode.User
		var disabled int
		if err := rows.Scan(&u.Name, &u.FullName, &u.Role, &disabled); err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
		u.Disabled = disabled != 0
		users = append(users, u)
	}
	return users, rows.Err()
}

// absent is hashed against when there is no such account, so that the time
// of the answer does not tell which names exist. It is made when first needed:
// hashing takes time and memory by design.
var absent = sync.OnceValue(func() string { return hash("no such account") })

var errLogin = radnode.Errorf(radnode.Unauthorized, "log in", "name or password is wrong")

// Authenticate checks a name and password.
func (a *Accounts) Authenticate(ctx context.Context, name, password string) (radnode.User, error) {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return radnode.User{}, radnode.Errorf(radnode.Canceled, "log in", "%w", ctx.Err())
	}
	var u radnode.User
	var disabled int
	var stored string
	err := a.read.QueryRowContext(ctx, `SELECT name, full_name, role, disabled, password FROM accounts WHERE name = $1`, name).
		Scan(&u.Name, &u.FullName, &u.Role, &disabled, &stored)
	if errors.Is(err, sql.ErrNoRows) {
		matches(absent(), password)
		return radnode.User{}, errLogin
	}
	if err != nil {
		return radnode.User{}, fmt.Errorf("log in: %w", err)
	}
	if len(password) > 1024 || !matches(stored, password) || disabled != 0 {
		return radnode.User{}, errLogin
	}
	return u, nil
}

// NewSession opens a browser session and returns its secret and CSRF token.
func (a *Accounts) NewSession(ctx context.Context, u radnode.User) (secret, csrf string, err error) {
	secret, csrf = newSecret(), newSecret()
	now := a.now().Unix()
	if _, err = a.db.ExecContext(ctx, `DELETE FROM browser_sessions WHERE used_at < $1 OR created_at < $2`,
		now-int64(SessionIdle/time.Second), now-int64(SessionLife/time.Second)); err != nil {
		return "", "", fmt.Errorf("open session: %w", err)
	}
	if _, err = a.db.ExecContext(ctx, `INSERT INTO browser_sessions (digest, account, csrf, created_at, used_at) VALUES ($1, $2, $3, $4, $4)`,
		digest(secret), u.Name, csrf, now); err != nil {
		return "", "", fmt.Errorf("open session: %w", err)
	}
	return secret, csrf, nil
}

var errSession = radnode.Errorf(radnode.Unauthorized, "session", "the session has ended; log in again")

// Session returns the account and CSRF token of a live session.
func (a *Accounts) Session(ctx context.Context, secret string) (radnode.User, string, error) {
	var u radnode.User
	var csrf string
	var disabled int
	var created, used int64
	err := a.read.QueryRowContext(ctx, `SELECT a.name, a.full_name, a.role, a.disabled, s.csrf, s.created_at, s.used_at
FROM browser_sessions s JOIN accounts a ON a.name = s.account WHERE s.digest = $1`, digest(secret)).
		Scan(&u.Name, &u.FullName, &u.Role, &disabled, &csrf, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return radnode.User{}, "", errSession
	}
	if err != nil {
		return radnode.User{}, "", fmt.Errorf("session: %w", err)
	}
	now := a.now().Unix()
	if disabled != 0 || now-used > int64(SessionIdle/time.Second) || now-created > int64(SessionLife/time.Second) {
		return radnode.User{}, "", errSession
	}
	if now-used >= 60 { // once a minute is enough to measure idleness
		if _, err := a.db.ExecContext(ctx, `UPDATE browser_sessions SET used_at = $2 WHERE digest = $1`, digest(secret), now); err != nil {
			return radnode.User{}, "", fmt.Errorf("session: %w", err)
		}
	}
	return u, csrf, nil
}

// EndSession ends a browser session.
func (a *Accounts) EndSession(ctx context.Context, secret string) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM browser_sessions WHERE digest = $1`, digest(secret)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Token is an API token as it may be shown: never the secret.
type Token struct {
	Name      string       `json:"name"`
	Role      radnode.Role `json:"role"`
	CreatedAt string       `json:"created_at"`
	Limits
}

// CreateToken makes a token with a new secret, or with the given one (seeds
// of a configuration). It replaces a token of the same name.
func (a *Accounts) CreateToken(ctx context.Context, name string, role radnode.Role, secret string) (string, error) {
	const op = "create token"
	if !validName(name) {
		return "", radnode.Errorf(radnode.Invalid, op, "token name %q: use 1 to 64 letters, digits, '.', '-', '_' or '@'", name)
	}
	if !slices.Contains(radnode.Roles, role) {
		return "", radnode.Errorf(radnode.Invalid, op, "role %q is none of %v", role, radnode.Roles)
	}
	if secret == "" {
		secret = newSecret()
	}
	_, err := a.db.ExecContext(ctx, `INSERT INTO api_tokens (name, role, digest, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, digest = excluded.digest, created_at = excluded.created_at`,
		name, string(role), digest(secret), a.now().UTC().Format(time.RFC3339))
	if err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return secret, nil
}

// RevokeToken removes a token.
func (a *Accounts) RevokeToken(ctx context.Context, name string) error {
	result, err := a.db.ExecContext(ctx, `DELETE FROM api_tokens WHERE name = $1`, name)
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return radnode.Errorf(radnode.NotFound, "revoke token", "there is no token named %q", name)
	}
	if _, err := a.db.ExecContext(ctx, `DELETE FROM api_token_limits WHERE name = $1`, name); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// Tokens lists the tokens without their secrets.
func (a *Accounts) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := a.read.QueryContext(ctx, `SELECT t.name, t.role, t.created_at, COALESCE(l.per_minute, 0), COALESCE(l.per_day, 0)
FROM api_tokens t LEFT JOIN api_token_limits l ON l.name = t.name ORDER BY t.name`)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	defer rows.Close()
	tokens := []Token{}
	for rows.Next() {
		var t Token
		if err := rows.Scan(&t.Name, &t.Role, &t.CreatedAt, &t.PerMinute, &t.PerDay); err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		tokens = append(tokens, t)
	}
	return tokens, rows.Err()
}

// Token returns who a bearer token stands for.
func (a *Accounts) Token(ctx context.Context, secret string) (radnode.User, error) {
	u := radnode.User{Program: true}
	err := a.read.QueryRowContext(ctx, `SELECT name, role FROM api_tokens WHERE digest = $1`, digest(secret)).Scan(&u.Name, &u.Role)
	if errors.Is(err, sql.ErrNoRows) {
		return radnode.User{}, radnode.Errorf(radnode.Unauthorized, "token", "the token is unknown or was revoked")
	}
	if err != nil {
		return radnode.User{}, fmt.Errorf("token: %w", err)
	}
	// Where a token stands beside persons, the suffix of the person name
	// (PS3.5 6.2.1) says what it is.
	u.FullName = u.Name + "^^^^API token"
	return u, nil
}

func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_@", r)) {
			return false
		}
	}
	return true
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func newSecret() string {
	var b [32]byte
	// crypto/rand.Read never fails: it ends the process rather than return weak bytes.
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// NewID makes an identity that nobody guesses.
func NewID() string { return newSecret()[:22] }

// NewPassword makes a password a person can type.
func NewPassword() string { return newSecret()[:16] }

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// argon2id parameters: RFC 9106 section 4, second recommended option, with
// one lane because the node shares two cores with its workers.
const (
	argonTime, argonMemory, argonLanes = 3, 64 << 10, 1
	argonSalt, argonKey                = 16, 32
)

func hash(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	return base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
}

func matches(stored, password string) bool {
	saltText, keyText, ok := strings.Cut(stored, "$")
	salt, saltErr := base64.RawStdEncoding.DecodeString(saltText)
	key, keyErr := base64.RawStdEncoding.DecodeString(keyText)
	if !ok || saltErr != nil || keyErr != nil {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	return subtle.ConstantTimeCompare(got, key) == 1
}

// Enabled reports whether there is an account that may be used.
func (a *Accounts) Enabled(ctx context.Context, name string) (bool, error) {
	var n int
	err := a.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM accounts WHERE name = $1 AND disabled = 0`, name).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("find account: %w", err)
	}
	return n == 1, nil
}

// HashPasscode makes what is kept of a passcode.
func HashPasscode(passcode string) string { return hash(passcode) }

// CheckPasscode compares a passcode with what is kept of it. It waits for its
// turn as Authenticate does.
func (a *Accounts) CheckPasscode(ctx context.Context, kept, passcode string) (bool, error) {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return false, radnode.Errorf(radnode.Canceled, "check passcode", "%w", ctx.Err())
	}
	return len(passcode) <= 1024 && matches(kept, passcode), nil
}
