package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web"
)

// wadlTree is what a client reads of the capabilities (PS3.18 Annex H).
type wadlTree struct {
	Path   string `json:"@path"`
	Method []struct {
		Name string `json:"@name"`
	} `json:"method"`
	Resource []wadlTree `json:"resource"`
}

// addresses lists what a tree names: method and path, parameters as *.
func (w wadlTree) addresses(above string) (list []string) {
	at := strings.TrimSuffix(above+"/"+strings.Trim(w.Path, "/"), "/")
	for _, m := range w.Method {
		list = append(list, m.Name+" "+at)
	}
	for _, r := range w.Resource {
		list = append(list, r.addresses(at)...)
	}
	return list
}

var parameter = regexp.MustCompile(`\{[^}]*\}|:[a-z]+|\*`)

// TestTheCapabilitiesNameWhatAnswersAndNothingElse compares the document with
// the list of routes, and asks for each address that it names.
func TestTheCapabilitiesNameWhatAnswersAndNothingElse(t *testing.T) {
	n := mustServe(t, withDICOMweb)
	res, body := n.call(t, "OPTIONS", "/dicom-web/", "", as(radnode.Admin), "Accept: application/json")
	var doc struct {
		Application *struct {
			Resources struct {
				Base     string     `json:"@base"`
				Resource []wadlTree `json:"resource"`
			} `json:"resources"`
		} `json:"application"`
		Resources struct {
			Base     string     `json:"@base"`
			Resource []wadlTree `json:"resource"`
		} `json:"resources"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", res.StatusCode, err, body)
	}
	tree := doc.Resources.Resource
	if doc.Application != nil {
		tree = doc.Application.Resources.Resource
	}
	var named []string
	for _, r := range tree {
		named = append(named, r.addresses("/dicom-web")...)
	}
	shape := func(s string) string { return parameter.ReplaceAllString(s, "*") }
	told := map[string]bool{}
	for _, a := range named {
		told[shape(a)] = true
		method, path, _ := strings.Cut(a, " ")
		headers := []string{as(radnode.Admin)}
		if res, body := n.call(t, method, parameter.ReplaceAllString(path, "1.2.3"), "", headers...); slices.Contains([]int{http.StatusMethodNotAllowed, http.StatusInternalServerError}, res.StatusCode) ||
			res.StatusCode == http.StatusNotFound && !strings.Contains(body, `"message"`) {
			t.Errorf("%s is named and answers %d %s", a, res.StatusCode, body)
		}
	}
	answers := map[string]bool{}
	for _, r := range web.RoutesOf(n.Config.Handler) {
		if !strings.HasPrefix(r.Path, "/dicom-web/") || r.Method == http.MethodOptions {
			continue
		}
		a := r.Method + " " + strings.TrimSuffix(shape(r.Path), "/")
		answers[a] = true
		if !told[a] {
			t.Errorf("%s answers and is not named", a)
		}
	}
	for a := range told {
		if !answers[a] {
			t.Errorf("%s is named and there is no such route", a)
		}
	}
}
