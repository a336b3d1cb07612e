package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// job is an analysis that is fetched later.
type job struct {
	ID        string
	State     string
	HookState string `json:"hook_state"`
	Analyses  []any
}

func TestAnAnalysisIsDoneLaterAndItsHookIsTold(t *testing.T) {
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		told <- string(b)
	}))
	defer hook.Close()
	n := startNode(t, "--hook-origins", hook.URL)
	ask := func(bearer, method, path string, body []byte) (int, job, []byte) {
		request, err := http.NewRequest(method, n.web+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+bearer)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		var j job
		_ = json.Unmarshal(text, &j) // a refusal is no job
		return response.StatusCode, j, text
	}
	film := readFilm(t)
	for _, address := range []string{"http://169.254.169.254/latest", "http://127.0.0.1:1/x", hook.URL + "@evil.example/", "file:///etc/passwd", "http://user@" + hook.URL[7:]} {
		if status, _, text := ask(serviceToken, http.MethodPost, "/api/v1/analyze/jobs?hook="+address, film); status != http.StatusForbidden {
			t.Errorf("a hook at %s: %d %s", address, status, text)
		}
	}
	status, j, text := ask(serviceToken, http.MethodPost, "/api/v1/analyze/jobs?hook="+hook.URL+"/done", film)
	if status != http.StatusAccepted || j.ID == "" {
		t.Fatalf("%d %s", status, text)
	}
	n.kill() // what was accepted is done all the same
	n.start()
	if status, _, _ := ask(token, http.MethodGet, "/api/v1/analyze/jobs/"+j.ID, nil); status != http.StatusNotFound {
		t.Errorf("another account sees the job: %d", status)
	}
	eventually(t, "the analysis is done and told", time.Minute, func() bool {
		_, got, text := ask(serviceToken, http.MethodGet, "/api/v1/analyze/jobs/"+j.ID, nil)
		if got.State == "failed" {
			t.Fatalf("%s", text)
		}
		return got.State == "done" && len(got.Analyses) > 0 && got.HookState == "told"
	})
	if got, want := <-told, fmt.Sprintf(`{"id":%q,"state":"done"}`, j.ID); got != want {
		t.Errorf("the hook heard %s instead of %s", got, want)
	}
	if status, _, _ := ask(token, http.MethodDelete, "/api/v1/analyze/jobs/"+j.ID, nil); status != http.StatusNotFound {
		t.Errorf("another account deletes the job: %d", status)
	}
	if status, _, _ := ask(serviceToken, http.MethodDelete, "/api/v1/analyze/jobs/"+j.ID, nil); status != http.StatusNoContent {
		t.Errorf("delete: %d", status)
	}
	if status, _, _ := ask(serviceToken, http.MethodPost, "/api/v1/analyze/jobs", []byte("no picture")); status != http.StatusUnsupportedMediaType {
		t.Errorf("no picture: %d", status)
	}
}

func TestAProgramIsHeldToTheLimitsOfItsToken(t *testing.T) {
	n := startNode(t)
	status, out := n.run("token", "create", "--role", "service", "--name", "limited", "--per-minute", "5")
	if status != 0 {
		t.Fatal(out)
	}
	secret := string(bytes.TrimSpace([]byte(out)))
	var last int
	var h http.Header
	for range 7 {
		last, _, h = n.request(secret, http.MethodGet, "/api/v1/session", nil)
	}
	if last != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("after seven requests: %d %v", last, h)
	}
}
