package acceptance

import (
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
)

// analyze posts a file to be read at once.
func (n *startedNode) analyze(query, accept string, body []byte) (int, string, []byte) {
	n.t.Helper()
	request, err := http.NewRequest(http.MethodPost, n.web+"/api/v1/analyze"+query, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+serviceToken)
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), answer
}

func TestAnAnalysisIsAnsweredAsFindingsDraftReportOrHeatMap(t *testing.T) {
	n := startNode(t)
	film := readFilm(t)
	status, kind, body := n.analyze("", "application/dicom", film)
	if status != http.StatusOK || kind != "application/dicom" {
		t.Fatalf("the draft: %d %s %s", status, kind, body)
	}
	draft := filepath.Join(t.TempDir(), "draft.dcm")
	if err := os.WriteFile(draft, body, 0o600); err != nil {
		t.Fatal(err)
	}
	checkSR(t, draft)
	if _, out := command(t, tool(t, "dcmdump"), draft); !strings.Contains(out, "Comprehensive3DSRStorage") || !strings.Contains(out, "UNVERIFIED") || !strings.Contains(out, "AI, not verified") {
		t.Errorf("the draft is no unverified Comprehensive 3D SR:\n%s", out)
	}
	status, kind, body = n.analyze("?accept=image/png&finding=chest_film", "*/*", film)
	if status != http.StatusOK || kind != "image/png" {
		t.Fatalf("the heat map: %d %s %s", status, kind, body)
	}
	picture, err := png.Decode(bytes.NewReader(body))
	if err != nil || picture.Bounds().Dx() < 100 {
		t.Errorf("the heat map is no picture: %v", err)
	}
	var grey bytes.Buffer
	if err := png.Encode(&grey, picture); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		query, accept, says string
		body                []byte
		status              int
	}{
		"the report of a PNG":              {"", "application/dicom", "names no patient", grey.Bytes(), http.StatusNotAcceptable},
		"a film of another kind":           {"", "text/html", "application/dicom", film, http.StatusNotAcceptable},
		"a finding that is not":            {"?finding=happiness", "image/png", "has a heat map", film, http.StatusNotFound},
		"findings, for any program":        {"", "text/html, */*;q=0.1", `"findings"`, film, http.StatusOK},
		"findings of a PNG":                {"", "application/json", `"analyses"`, grey.Bytes(), http.StatusOK},
		"the heat map, by weight":          {"", "application/json;q=0.1, image/*", "PNG", film, http.StatusOK},
		"no heat map where no model reads": {"", "image/png", "has a heat map", []byte("\x89PNG\r\n\x1a\n and nothing"), http.StatusNotFound},
	} {
		if status, _, answer := n.analyze(c.query, c.accept, c.body); status != c.status || !bytes.Contains(answer, []byte(c.says)) {
			t.Errorf("%s: %d %.300s", name, status, answer)
		}
	}
}

func TestTheExampleClientsHaveAFilmAnalysed(t *testing.T) {
	n := startNode(t)
	examples := filepath.Join(root(), "docs", "examples")
	for _, client := range []struct {
		needs   string
		command []string
	}{
		{"curl", []string{filepath.Join(examples, "analyze.sh")}},
		{"python3", []string{"python3", filepath.Join(examples, "analyze.py")}},
		{"go", []string{"go", "run", filepath.Join(examples, "analyze.go")}},
		{"node", []string{"node", filepath.Join(examples, "analyze.mjs")}},
	} {
		for _, how := range []string{"now", "later"} {
			t.Run(client.needs+" "+how, func(t *testing.T) {
				tool(t, client.needs)
				c := exec.Command(client.command[0], append(slices.Clone(client.command[1:]), how, film())...)
				c.Env = append(os.Environ(), "RADNODE_URL="+n.web, "RADNODE_TOKEN="+serviceToken)
				c.Stderr = os.Stderr
				out, err := c.Output()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				var answer struct{ Analyses []radnode.Analysis }
				if err := json.Unmarshal(out, &answer); err != nil || !slices.ContainsFunc(answer.Analyses, func(a radnode.Analysis) bool {
					return a.Gate.Accepted && len(a.Findings) > 0
				}) {
					t.Errorf("%v: %.500s", err, out)
				}
			})
		}
		t.Run(client.needs+" draft", func(t *testing.T) {
			tool(t, client.needs)
			draft := filepath.Join(t.TempDir(), "draft.dcm")
			c := exec.Command(client.command[0], append(slices.Clone(client.command[1:]), "draft", film(), draft)...)
			c.Env = append(os.Environ(), "RADNODE_URL="+n.web, "RADNODE_TOKEN="+serviceToken)
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			checkSR(t, draft)
		})
	}
}
