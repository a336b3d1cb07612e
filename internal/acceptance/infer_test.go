package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/radnode/radnode"
)

// reference is a model of the repository with its reference input and what it
// must give.
type reference struct {
	model, version, shape string
	first                 float64
	tolerance             float64
}

var references = []reference{
	{"paediatric-pneumonia", "1.1.0", "1,1,160,160", 0.5957152, 1e-4},
	{"chest-film-quality", "1.0.0", "1,1,128,128", 0.1883444, 1e-4},
}

func (r reference) tensor() string {
	return filepath.Join(root(), "models", r.model, r.version, "golden.f32")
}

// probabilities reads the answer of an example client.
func probabilities(out []byte) ([]float64, error) {
	var answer struct {
		Probabilities []float64 `json:"probabilities"`
		Outputs       []struct {
			Data []float64 `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("%w in %s", err, out)
	}
	if len(answer.Outputs) > 0 {
		return answer.Outputs[0].Data, nil
	}
	return answer.Probabilities, nil
}

func TestTheExampleClientsGetTheReferenceOutputs(t *testing.T) {
	n := startNode(t)
	examples := filepath.Join(root(), "docs", "examples")
	for _, client := range []struct {
		name, needs string
		command     func(r reference) []string
	}{
		{"curl", "curl", func(r reference) []string {
			return []string{filepath.Join(examples, "infer.sh"), r.model, "image", r.shape, r.tensor()}
		}},
		{"Python", "python3", func(r reference) []string {
			return []string{"python3", filepath.Join(examples, "infer.py"), r.model, r.tensor()}
		}},
		{"Go", "go", func(r reference) []string {
			return []string{"go", "run", filepath.Join(examples, "infer.go"), r.model, r.tensor()}
		}},
		{"JavaScript", "node", func(r reference) []string {
			return []string{"node", filepath.Join(examples, "infer.mjs"), r.model, r.tensor()}
		}},
	} {
		t.Run(client.name, func(t *testing.T) {
			tool(t, client.needs)
			for _, r := range references {
				args := client.command(r)
				c := exec.Command(args[0], args[1:]...)
				c.Env = append(os.Environ(), "RADNODE_URL="+n.web, "RADNODE_TOKEN=service-token")
				c.Stderr = os.Stderr
				out, err := c.Output()
				if err != nil {
					t.Errorf("%s: %v\n%s", r.model, err, out)
					continue
				}
				got, err := probabilities(out)
				if err != nil || len(got) == 0 || math.Abs(got[0]-r.first) > r.tolerance {
					t.Errorf("%s gives %v (%v), want %v first", r.model, got, err, r.first)
				}
			}
		})
	}
}

// infer asks for a run of a model on its reference tensor and says why it
// failed.
func (n *startedNode) infer(model string, tensor []byte, want reference) error {
	request, err := http.NewRequest(http.MethodPost, n.web+"/v2/models/"+model+"/infer", bytes.NewReader(tensor))
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`{"inputs":[{"name":"image","datatype":"FP32","shape":[%s],"parameters":{"binary_data_size":%d}}],"outputs":[{"name":"probabilities"}]}`, want.shape, len(tensor))
	request.Body = io.NopCloser(io.MultiReader(strings.NewReader(text), bytes.NewReader(tensor)))
	request.ContentLength = int64(len(text) + len(tensor))
	request.Header.Set("Authorization", "Bearer service-token")
	request.Header.Set("Inference-Header-Content-Length", fmt.Sprint(len(text)))
	client := http.Client{Timeout: time.Minute, Transport: callers}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s (%v)", response.StatusCode, body, err)
	}
	got, err := probabilities(body)
	if err != nil || len(got) == 0 || math.Abs(got[0]-want.first) > want.tolerance {
		return fmt.Errorf("%v (%v), want %v", got, err, want.first)
	}
	return nil
}

var callers = &http.Transport{MaxIdleConnsPerHost: 64}

// state is what the index says of a version; "" if it is not there.
func (n *startedNode) state(model, version string) string {
	n.t.Helper()
	status, body, _ := n.request("service-token", http.MethodPost, "/v2/repository/index", nil)
	var index []struct{ Name, Version, State string }
	if err := json.Unmarshal(body, &index); err != nil || status != http.StatusOK {
		n.t.Fatalf("index: %d %s", status, body)
	}
	for _, entry := range index {
		if entry.Name == model && entry.Version == version {
			return entry.State
		}
	}
	return ""
}

// secondVersion is a copy of a bundled model under another version.
func secondVersion(t *testing.T, model, version string) string {
	t.Helper()
	bundled := references[slices.IndexFunc(references, func(r reference) bool { return r.model == model })].version
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root(), "models", model, bundled))); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(folder, "manifest.yaml")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(text, []byte("version: "+bundled), []byte("version: "+version), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// copiesOfTheFilm is a folder with the film under n identities.
func copiesOfTheFilm(t *testing.T, n int) string {
	t.Helper()
	folder := t.TempDir()
	data, err := os.ReadFile(film())
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for i := range n {
		files = append(files, filepath.Join(folder, fmt.Sprintf("%d.dcm", i)))
		if err := os.WriteFile(files[i], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if status, out := command(t, tool(t, "dcmodify"), append([]string{"-nb", "-gst", "-gse", "-gin"}, files...)...); status != 0 {
		t.Fatal(out)
	}
	return folder
}

func TestModelsComeAndGoUnder64CallersAndNoneOfThemNotices(t *testing.T) {
	n := startNode(t)
	want := references[0]
	tensor, err := os.ReadFile(want.tensor())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	var took []time.Duration
	var failures []error
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				err := n.infer(want.model, tensor, want)
				mu.Lock()
				took = append(took, time.Since(start))
				if err != nil {
					failures = append(failures, err)
				}
				mu.Unlock()
			}
		})
	}
	if status, out := n.run("model", "add", secondVersion(t, want.model, "1.0.1")); status != 0 {
		t.Fatal(out)
	}
	eventually(t, "the second version is served", time.Minute, func() bool { return n.state(want.model, "1.0.1") == "READY" })
	if status, out := n.storescu(append([]string{"+sd"}, copiesOfTheFilm(t, 20))...); status != 0 {
		t.Error(out)
	}
	for _, study := range n.settled(20) {
		if study.State != radnode.ToReview {
			t.Errorf("a study that came meanwhile is %s (%s)", study.State, study.StateReason)
		}
	}
	if status, out := n.run("model", "remove", want.model+"@1.0.1"); status != 0 {
		t.Fatal(out)
	}
	eventually(t, "the second version is gone", time.Minute, func() bool { return n.state(want.model, "1.0.1") == "" })
	stop()
	all.Wait()
	if len(failures) > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", len(failures), len(took), failures[0])
	}
	slices.Sort(took)
	t.Logf("%d requests of 64 callers: p50 %s, p99 %s", len(took), took[len(took)/2], took[len(took)*99/100])
	n.balanced()
}

func TestABrokenPackageIsRefusedWithASentence(t *testing.T) {
	n := startNode(t)
	broken := secondVersion(t, "paediatric-pneumonia", "1.0.2")
	if err := os.WriteFile(filepath.Join(broken, "model.onnx"), []byte("no network"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("model", "add", broken); status != 1 || !strings.Contains(out, "digest") {
		t.Errorf("exit %d: %s", status, out)
	}
	text := filepath.Join(t.TempDir(), "letter.zip")
	if err := os.WriteFile(text, []byte("dear sir"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("model", "add", text); status != 1 || !strings.Contains(out, "letter.zip") {
		t.Errorf("exit %d: %s", status, out)
	}
	for _, name := range []string{"../../etc@passwd", "paediatric-pneumonia@1.1.0", "paediatric-pneumonia"} {
		if status, out := n.run("model", "remove", name); status != 1 {
			t.Errorf("remove %s: exit %d: %s", name, status, out)
		}
	}
}

func TestTheModelsProveThemselvesAndAModelThatDoesNotIsNamed(t *testing.T) {
	n := startNode(t)
	status, out := n.run("model", "verify")
	if status != 0 || strings.Count(out, " ok ") != len(references) {
		t.Errorf("exit %d:\n%s", status, out)
	}
	wrong := secondVersion(t, "paediatric-pneumonia", "1.0.3")
	manifest := filepath.Join(wrong, "manifest.yaml")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(text, []byte("- 0.5957152"), []byte("- 0.25"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("model", "add", wrong); status != 0 {
		t.Fatal(out)
	}
	status, out = n.run("model", "verify", "paediatric-pneumonia")
	if status != 1 || !strings.Contains(out, "paediatric-pneumonia@1.0.3") || !strings.Contains(out, "FAILED") || !strings.Contains(out, "tolerance") {
		t.Errorf("exit %d:\n%s", status, out)
	}
	eventually(t, "the running node does not use it and says so", time.Minute, func() bool {
		return n.state("paediatric-pneumonia", "1.0.3") == "UNAVAILABLE" && n.state("paediatric-pneumonia", "1.1.0") == "READY"
	})
	if status, out := n.run("model", "bench", "chest-film-quality", "--seconds", "0.2", "--json"); status != 0 || strings.Count(out, `"images_per_second"`) != 3 {
		t.Errorf("exit %d:\n%s", status, out)
	}
}

func TestAResultIsReplayed(t *testing.T) {
	n := startNode(t)
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	study := n.study(n.settled(1)[0].StudyInstanceUID)
	if len(study.Results) == 0 {
		t.Fatal("the study has no results")
	}
	for _, result := range study.Results {
		var replay struct {
			Reproduced  bool
			Differences []string
		}
		status, out := n.run("replay", result.ID, "--json")
		if err := json.Unmarshal([]byte(out), &replay); err != nil || status != 0 || !replay.Reproduced || len(replay.Differences) > 0 {
			t.Errorf("%s of %s: exit %d, %v: %s", result.ID, result.Model.ID, status, err, out)
		}
	}
	if status, out := n.run("replay", "nothing"); status != 1 || !strings.Contains(out, "nothing") {
		t.Errorf("exit %d: %s", status, out)
	}
}
