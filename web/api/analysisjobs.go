package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/web/middleware"
)

// The states of an analysis job.
const (
	jobQueued  = "queued"
	jobRunning = "running"
	jobDone    = "done"
	jobFailed  = "failed"
)

// AnalysisJob is an analysis that somebody asks for now and fetches later.
type AnalysisJob struct {
	ID         string             `json:"id"`
	State      string             `json:"state"`
	Ahead      int                `json:"ahead"` // jobs before it
	Progress   float64            `json:"progress"`
	Error      string             `json:"error,omitempty"`
	CreatedAt  time.Time          `json:"created_at"`
	FinishedAt *time.Time         `json:"finished_at"`
	Hook       string             `json:"hook,omitempty"`
	HookState  string             `json:"hook_state,omitempty"` // "told", or why not
	Analyses   []radnode.Analysis `json:"analyses,omitempty"`
}

// kept is a job as it lies on disk.
type keptJob struct {
	AnalysisJob
	Owner  string   `json:"owner"`
	File   string   `json:"file"`
	Models []string `json:"models"`
}

const (
	mostJobs      = 1000 // that wait or run
	mostJobsEach  = 100  // of one account
	keepJobs      = 24 * time.Hour
	hookTimeout   = 10 * time.Second
	hookTries     = 3
	opJob         = "analysis job"
	jobFileSuffix = ".json"
)

// AnalysisJobs are durable: a job that was answered with 202 is done even if
// the node dies meanwhile.
type AnalysisJobs struct {
	dir      string
	hooks    middleware.Origins
	analyzer Analyzer
	log      *slog.Logger
	client   *http.Client

	mu   sync.Mutex
	jobs map[string]*keptJob
	wake chan struct{}
}

// OpenAnalysisJobs reads the jobs that lie in dir. Web-hooks go to the origins
// alone.
func OpenAnalysisJobs(dir string, hooks middleware.Origins, analyzer Analyzer, log *slog.Logger) (*AnalysisJobs, error) {
	j := &AnalysisJobs{dir: dir, hooks: hooks, analyzer: analyzer, log: log, jobs: map[string]*keptJob{}, wake: make(chan struct{}, 1)}
	// A hook that answers with another address is not followed there.
	j.client = &http.Client{Timeout: hookTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open analysis jobs: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, fmt.Errorf("open analysis jobs: %w", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, jobFileSuffix) {
			continue
		}
		text, err := os.ReadFile(name)
		k := &keptJob{}
		if err == nil {
			err = json.Unmarshal(text, k)
		}
		if err != nil || filepath.Base(name) != k.ID+jobFileSuffix || !filepath.IsLocal(k.File) {
			log.Warn("an analysis job cannot be read and is left out", "file", filepath.Base(name), "error", err)
			continue
		}
		if k.State == jobRunning {
			k.State = jobQueued
		}
		j.jobs[k.ID] = k
	}
	return j, j.sweep(names)
}

// sweep removes uploads that no job names: their request was never answered.
func (j *AnalysisJobs) sweep(names []string) error {
	wanted := map[string]bool{}
	for _, k := range j.jobs {
		wanted[k.File] = true
	}
	for _, name := range names {
		if base := filepath.Base(name); !strings.HasSuffix(base, jobFileSuffix) && !wanted[base] {
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("open analysis jobs: %w", err)
			}
		}
	}
	return nil
}

// save makes a job durable.
func (j *AnalysisJobs) save(k *keptJob) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	path := filepath.Join(j.dir, k.ID+jobFileSuffix)
	if err := writeDurably(path+".part", text); err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	d, err := os.Open(j.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// add takes a job whose file is in the folder already.
func (j *AnalysisJobs) add(owner, file, hook string, models []string) (*AnalysisJob, error) {
	k := &keptJob{AnalysisJob: AnalysisJob{ID: auth.NewID(), State: jobQueued, CreatedAt: time.Now().UTC(), Hook: hook}, Owner: owner, File: file, Models: models}
	j.mu.Lock()
	defer j.mu.Unlock()
	all, own := 0, 0
	for _, other := range j.jobs {
		if other.State == jobQueued || other.State == jobRunning {
			all++
			if other.Owner == owner {
				own++
			}
		}
	}
	if all >= mostJobs || own >= mostJobsEach {
		return nil, radnode.Errorf(radnode.Unavailable, opJob, "%d analyses wait already, %d of them yours: ask again when some are done", all, own)
	}
	if err := j.save(k); err != nil {
		return nil, radnode.Errorf(radnode.NoResources, opJob, "the job cannot be kept: %w", err)
	}
	j.jobs[k.ID] = k
	select {
	case j.wake <- struct{}{}:
	default:
	}
	answer := k.AnalysisJob
	answer.Ahead = all
	return &answer, nil
}

// get finds a job for who may see it.
func (j *AnalysisJobs) get(id string, u radnode.User) (*AnalysisJob, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	k := j.jobs[id]
	if k == nil || k.Owner != u.Name && u.Role != radnode.Admin {
		return nil, radnode.Errorf(radnode.NotFound, opJob, "there is no such job, or it is not yours")
	}
	answer := k.AnalysisJob
	for _, other := range j.jobs {
		if k.State == jobQueued && (other.State == jobRunning || other.State == jobQueued && other.CreatedAt.Before(k.CreatedAt)) {
			answer.Ahead++
		}
	}
	return &answer, nil
}

// drop forgets a job that does not run.
func (j *AnalysisJobs) drop(id string, u radnode.User) error {
	if _, err := j.get(id, u); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	k := j.jobs[id]
	if k == nil {
		return nil
	}
	if k.State == jobRunning {
		return radnode.Errorf(radnode.Conflict, opJob, "the analysis is under way")
	}
	return j.forget(k)
}

func (j *AnalysisJobs) forget(k *keptJob) error {
	delete(j.jobs, k.ID)
	return errors.Join(os.Remove(filepath.Join(j.dir, k.ID+jobFileSuffix)), removed(filepath.Join(j.dir, k.File)))
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Run does the jobs, one after the other, until ctx ends.
func (j *AnalysisJobs) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for k := j.next(); k != nil && ctx.Err() == nil; k = j.next() {
			j.do(ctx, k)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-j.wake:
		case <-tick.C:
		}
	}
}

// next claims the job that waits for longest, and forgets old ones.
func (j *AnalysisJobs) next() *keptJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	var first *keptJob
	for _, k := range j.jobs {
		switch {
		case k.State == jobQueued && (first == nil || k.CreatedAt.Before(first.CreatedAt)):
			first = k
		case k.FinishedAt != nil && time.Since(*k.FinishedAt) > keepJobs:
			if err := j.forget(k); err != nil {
				j.log.Warn("an old analysis job is not forgotten", "error", err)
			}
		}
	}
	if first != nil {
		first.State = jobRunning
	}
	return first
}

// do does one job and tells its hook.
func (j *AnalysisJobs) do(ctx context.Context, k *keptJob) {
	list, err := j.analyzer.Analyze(ctx, filepath.Join(j.dir, k.File), k.Models)
	if ctx.Err() != nil || radnode.CodeOf(err) == radnode.Unavailable {
		j.mu.Lock()
		k.State = jobQueued // the next start, or the next minute, does it
		j.mu.Unlock()
		if ctx.Err() == nil {
			waitFor(ctx, time.Second)
		}
		return
	}
	for i := range list {
		list[i].File, list[i].Stages = "", nil
	}
	at := time.Now().UTC()
	j.mu.Lock()
	done := *k
	j.mu.Unlock()
	done.State, done.Progress, done.FinishedAt, done.Analyses = jobDone, 1, &at, list
	if err != nil {
		done.State, done.Error = jobFailed, radnode.MessageOf(err)
	}
	j.finish(k, &done)
	if done.Hook != "" {
		done.HookState = j.tell(ctx, &done)
		j.finish(k, &done)
	}
	if err := removed(filepath.Join(j.dir, done.File)); err != nil {
		j.log.Warn("the file of an analysis job is not removed", "error", err)
	}
}

func (j *AnalysisJobs) finish(k, done *keptJob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.save(done); err != nil {
		j.log.Error("the result of an analysis job is not kept", "job", k.ID, "error", err)
	}
	*k = *done
}

func waitFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// tell posts to the hook that a job has ended: its identity and state, nothing
// of the patient. It says what became of that.
func (j *AnalysisJobs) tell(ctx context.Context, k *keptJob) string {
	body, err := json.Marshal(map[string]string{"id": k.ID, "state": k.State})
	if err != nil {
		return "not told"
	}
	said := ""
	for try := range hookTries {
		if try > 0 {
			waitFor(ctx, time.Duration(try*try)*time.Second)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, k.Hook, bytes.NewReader(body))
		if err != nil {
			return "not told: the address is none"
		}
		request.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
		response, err := j.client.Do(request)
		if err != nil {
			said = "not told: nobody answers there"
			continue
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection can be used again
		_ = response.Body.Close()                                        // was read only
		if response.StatusCode < 300 {
			return "told"
		}
		said = fmt.Sprintf("not told: the answer was %d", response.StatusCode)
	}
	return said
}

// hookOf checks the address of a web-hook: only origins that the site has named
// are called, so that nobody makes the node call its neighbours.
func (j *AnalysisJobs) hookOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > 1024 || u.User != nil || u.Fragment != "" || !slices.Contains(j.hooks, u.Scheme+"://"+u.Host) {
		return "", radnode.Errorf(radnode.Forbidden, opJob, "web-hooks go to the origins of the option hook_origins alone")
	}
	return u.String(), nil
}

// PostAnalysisJob takes one picture to be read later: 202 with the address of
// the job.
func (a *API) PostAnalysisJob(c echo.Context) error {
	hook, err := a.Jobs.hookOf(c.QueryParam("hook"))
	if err != nil {
		return err
	}
	models, err := modelsOf(c)
	if err != nil {
		return err
	}
	body, err := uploaded(c)
	if err != nil {
		return err
	}
	path, err := keepIn(a.Jobs.dir, body, true)
	if err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AnalysisRequest}); err != nil {
		return errors.Join(err, removed(path))
	}
	job, err := a.Jobs.add(middleware.UserOf(c).Name, filepath.Base(path), hook, models)
	if err != nil {
		return errors.Join(err, removed(path))
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/analyze/jobs/"+job.ID)
	return c.JSON(http.StatusAccepted, job)
}

// GetAnalysisJob answers where a job stands, and its findings.
func (a *API) GetAnalysisJob(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	job, err := a.Jobs.get(id, middleware.UserOf(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, job)
}

// DeleteAnalysisJob takes a job back, or forgets its result.
func (a *API) DeleteAnalysisJob(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	if err := a.Jobs.drop(id, middleware.UserOf(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
