package auth

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/radnode/radnode"
)

func mustOpen(t *testing.T) *Accounts {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "auth.db")+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a, err := Open(context.Background(), db, db)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOnlyTheRightPasswordOfAnEnabledAccountLogsIn(t *testing.T) {
	ctx, a := context.Background(), mustOpen(t)
	ann := radnode.User{Name: "ann", FullName: "Kim^Ann", Role: radnode.Radiologist}
	if err := a.Save(ctx, ann, "correct horse"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, account, password string
		ok                      bool
	}{
		{"right", "ann", "correct horse", true},
		{"wrong password", "ann", "correct hors", false},
		{"empty password", "ann", "", false},
		{"unknown name", "bob", "correct horse", false},
		{"name in other case", "Ann", "correct horse", false},
		{"injection", "ann' OR '1'='1", "x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := a.Authenticate(ctx, c.account, c.password)
			if (err == nil) != c.ok {
				t.Fatalf("got %v, want ok=%v", err, c.ok)
			}
			if c.ok && u != ann {
				t.Errorf("got %+v, want %+v", u, ann)
			}
			if !c.ok && radnode.CodeOf(err) != radnode.Unauthorized {
				t.Errorf("got code %s, want unauthorized", radnode.CodeOf(err))
			}
		})
	}
	ann.Disabled = true
	if err := a.Save(ctx, ann, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(ctx, "ann", "correct horse"); err == nil {
		t.Error("a disabled account logged in")
	}
}

func TestSessionsEndByIdlenessAgeLogoutAndPasswordChange(t *testing.T) {
	ctx, a := context.Background(), mustOpen(t)
	now := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	a.now = func() time.Time { return now }
	u := radnode.User{Name: "ann", Role: radnode.Radiologist}
	if err := a.Save(ctx, u, "correct horse"); err != nil {
		t.Fatal(err)
	}
	open := func() string {
		t.Helper()
		secret, _, err := a.NewSession(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	alive := func(secret string) bool { _, _, err := a.Session(ctx, secret); return err == nil }

	s := open()
	if !alive(s) {
		t.Fatal("a fresh session is not alive")
	}
	now = now.Add(SessionIdle + time.Minute)
	if alive(s) {
		t.Error("an idle session is alive")
	}
	s = open()
	for range int(SessionLife / (30 * time.Minute)) {
		now = now.Add(30 * time.Minute)
		_ = alive(s)
	}
	now = now.Add(time.Minute)
	if alive(s) {
		t.Error("a session outlived its shift")
	}
	s = open()
	if err := a.EndSession(ctx, s); err != nil || alive(s) {
		t.Errorf("a session lives after logout (%v)", err)
	}
	s = open()
	if err := a.Save(ctx, u, "another password"); err != nil || alive(s) {
		t.Errorf("a session lives after a password change (%v)", err)
	}
	if alive("") || alive("guess") {
		t.Error("a guessed session is alive")
	}
}

func TestTokensStandForARoleUntilRevoked(t *testing.T) {
	ctx, a := context.Background(), mustOpen(t)
	secret, err := a.CreateToken(ctx, "pacs", radnode.Service, "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := a.Token(ctx, secret)
	if err != nil || u.Name != "pacs" || u.Role != radnode.Service {
		t.Fatalf("got %+v, %v", u, err)
	}
	if err := a.RevokeToken(ctx, "pacs"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Token(ctx, secret); radnode.CodeOf(err) != radnode.Unauthorized {
		t.Errorf("a revoked token gives %v", err)
	}
	if _, err := a.CreateToken(ctx, "x", "root", ""); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("an unknown role gives %v", err)
	}
	if err := a.RevokeToken(ctx, "none"); radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("an unknown token gives %v", err)
	}
}

func TestASignatureMadeWithATokenDoesNotNameAPerson(t *testing.T) {
	ctx, a := context.Background(), mustOpen(t)
	secret, err := a.CreateToken(ctx, "robot", radnode.Radiologist, "")
	if err != nil {
		t.Fatal(err)
	}
	if u, err := a.Token(ctx, secret); err != nil || u.FullName != "robot^^^^API token" {
		t.Errorf("got %q, %v", u.FullName, err)
	}
}

func TestACrowdAtTheLoginWaitsForItsTurn(t *testing.T) {
	a := mustOpen(t)
	for range cap(a.hashing) {
		a.hashing <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.Authenticate(ctx, "ann", "whatever it is"); radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("got %v, want the wait to end with the request", err)
	}
}
