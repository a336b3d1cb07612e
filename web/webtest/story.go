package webtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/api"
)

// Story is a node in memory.
type Story struct {
	dir string
	now time.Time

	mu       sync.Mutex
	studies  []*radnode.Study
	pictures map[radnode.UID]picture
	paths    map[radnode.UID]string
	stages   map[string]string
	peers    []radnode.Peer
	users    map[string]account
	tokens   map[string]radnode.User
	sessions map[string]session
	trail    []audit.Event
	jobs     *api.AnalysisJobs

	// SecondReader asks for two signatures; set it before the server starts.
	SecondReader bool

	bare, spoiled bool // Bare, Spoil

	subs map[chan radnode.Event]bool
	next int
}

type account struct {
	user     radnode.User
	password string
}

type session struct {
	name, csrf string
}

// Password is the password of every user of the story: admin, kim (a
// radiologist) and tess (a technologist).
const Password = "correct horse"

// Token names: the bearer token of a role is "token-" and the role.
const tokenPrefix = "token-"

// New makes the story; dir takes its files.
func New(dir string) (*Story, error) {
	s := &Story{
		dir: dir, now: time.Now().UTC().Truncate(time.Second),
		pictures: map[radnode.UID]picture{}, paths: map[radnode.UID]string{}, stages: map[string]string{},
		users: map[string]account{}, tokens: map[string]radnode.User{}, sessions: map[string]session{},
		subs: map[chan radnode.Event]bool{},
		peers: []radnode.Peer{
			{Name: "pacs", AETitle: "PACS", Host: "127.0.0.1", Port: 11113, Allow: []string{"store", "query"}, Deliver: []string{"sr"}, Source: "configuration"},
			{Name: "room-2", AETitle: "DX_ROOM2", Host: "10.0.0.7", Port: 104, Allow: []string{"store"}, Source: "admin"},
		},
	}
	for _, u := range []radnode.User{
		{Name: "admin", FullName: "Admin^Ada", Role: radnode.Admin},
		{Name: "kim", FullName: "Kim^Ann^^Dr.", Role: radnode.Radiologist},
		{Name: "tess", FullName: "Low^Tess", Role: radnode.Technologist},
	} {
		s.users[u.Name] = account{u, Password}
	}
	for _, role := range radnode.Roles {
		s.tokens[tokenPrefix+string(role)] = radnode.User{Name: "token:" + string(role), Role: role, Program: true}
	}
	g, err := drawn()
	if err != nil {
		return nil, err
	}
	for i, png := range g.stages {
		path := filepath.Join(dir, fmt.Sprintf("stage%d.png", i))
		if err := os.WriteFile(path, png, 0o600); err != nil {
			return nil, err
		}
		s.stages[stageNames[i]] = path
	}
	if s.jobs, err = api.OpenAnalysisJobs(filepath.Join(dir, "analyses"), nil, s, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return s, s.tell()
}

// Config returns a server configuration in which the story plays every part.
func (s *Story) Config() web.Config {
	return web.Config{
		Studies: s, Files: s, Pixels: s, Reports: s, Findings: s, Signing: s, Amending: s, Deliveries: s, Events: s, Ledger: s, Peers: s, Schedule: s, Echoer: s,
		Identity: s, Sessions: s, Spending: s, Users: s, Tokens: s, Models: s, Analyzer: s, Audit: Audited{s}, Inference: tensors{},
		Operations: s, Jobs: s.jobs,
		Vocabulary: []radnode.Term{
			{Label: "pneumothorax", Code: &radnode.Concept{Value: "36118008", Scheme: "SCT", Meaning: "Pneumothorax"}, English: "pneumothorax", Chinese: "气胸"},
			{Label: "pleural_effusion", Code: &radnode.Concept{Value: "60046008", Scheme: "SCT", Meaning: "Pleural effusion"}, English: "pleural effusion", Chinese: "胸腔积液"},
		},
		Version: "story", AETitle: "RADNODE", TempDir: s.dir,
		Notice: "Demonstration with synthetic images. Not for clinical use.",
	}
}

// Events implements api.Events.
func (s *Story) Events() (<-chan radnode.Event, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan radnode.Event, 64)
	s.subs[ch] = true
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.subs[ch] {
			delete(s.subs, ch)
			close(ch)
		}
	}
}

// publish tells the browsers; the caller holds the lock.
func (s *Story) publish(e radnode.Event) {
	for ch := range s.subs {
		select {
		case ch <- e:
		default: // a story's browser is never that slow
		}
	}
}

// Authenticate implements api.Identity.
func (s *Story) Authenticate(_ context.Context, name, password string) (radnode.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.users[name]
	if !ok || a.password != password || a.user.Disabled {
		return radnode.User{}, radnode.Errorf(radnode.Unauthorized, "sign in", "name or password is wrong")
	}
	return a.user, nil
}

// Token implements api.Identity.
func (s *Story) Token(_ context.Context, bearer string) (radnode.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.tokens[bearer]
	if !ok {
		return radnode.User{}, radnode.Errorf(radnode.Unauthorized, "sign in", "the token is not known")
	}
	return u, nil
}

// NewSession implements api.Sessions.
func (s *Story) NewSession(_ context.Context, user radnode.User) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id, csrf := fmt.Sprintf("session-%d", s.next), fmt.Sprintf("csrf-%d", s.next)
	s.sessions[id] = session{user.Name, csrf}
	return id, csrf, nil
}

// Session implements api.Sessions.
func (s *Story) Session(_ context.Context, id string) (radnode.User, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.sessions[id]
	if !ok {
		return radnode.User{}, "", radnode.Errorf(radnode.Unauthorized, "session", "sign in first")
	}
	return s.users[v.name].user, v.csrf, nil
}

// EndSession implements api.Sessions.
func (s *Story) EndSession(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
	return nil
}

// List implements api.Users.
func (s *Story) List(context.Context) ([]radnode.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []radnode.User
	for _, a := range s.users {
		out = append(out, a.user)
	}
	return out, nil
}

// Save implements api.Users.
func (s *Story) Save(_ context.Context, u radnode.User, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if password == "" {
		password = s.users[u.Name].password
	}
	s.users[u.Name] = account{u, password}
	return nil
}

// Tokens implements api.Tokens.
func (s *Story) Tokens(context.Context) ([]auth.Token, error) {
	return []auth.Token{{Name: "ris", Role: radnode.Service, CreatedAt: s.now.Format(time.RFC3339)}}, nil
}

// CreateToken implements api.Tokens.
func (s *Story) CreateToken(_ context.Context, name string, role radnode.Role, _ string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	secret := fmt.Sprintf("made-%d", s.next)
	s.tokens[secret] = radnode.User{Name: name, Role: role}
	return secret, nil
}

// SetLimits implements api.Tokens.
func (s *Story) SetLimits(context.Context, string, auth.Limits) error { return nil }

// Spend implements middleware.Spending: nobody is limited.
func (s *Story) Spend(context.Context, string) (time.Duration, error) { return 0, nil }

// RevokeToken implements api.Tokens.
func (s *Story) RevokeToken(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, u := range s.tokens {
		if u.Name == name {
			delete(s.tokens, secret)
		}
	}
	return nil
}

// Audited is the trail as the story keeps it.
type Audited struct{ *Story }

// Record implements api.Audit.
func (s Audited) Record(_ context.Context, e audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	e.ID = fmt.Sprint(s.next)
	s.trail = append(s.trail, e)
	return nil
}

// List implements api.Audit.
func (s Audited) List(_ context.Context, f audit.Filter) ([]audit.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []audit.Event{}
	for i := len(s.trail) - 1; i >= 0 && len(out) < f.Limit; i-- {
		if e := s.trail[i]; (f.Action == "" || f.Action == e.Action) && (f.Actor == "" || f.Actor == e.Actor) && (f.StudyUID == "" || f.StudyUID == e.StudyUID) {
			out = append(out, e)
		}
	}
	return out, nil
}

var (
	_ api.Audit    = Audited{}
	_ api.Identity = (*Story)(nil)
)

// ScheduledSteps implements api.Schedule: nothing is scheduled.
func (s *Story) ScheduledSteps(context.Context, int) ([]radnode.ScheduledStep, error) {
	return []radnode.ScheduledStep{}, nil
}

// AddScheduledSteps implements api.Schedule.
func (s *Story) AddScheduledSteps(context.Context, []byte, string) (int, error) { return 0, nil }

// RemoveScheduledStep implements api.Schedule.
func (s *Story) RemoveScheduledStep(context.Context, radnode.UID, string) error {
	return radnode.Errorf(radnode.NotFound, "remove scheduled procedure step", "no such entry")
}
