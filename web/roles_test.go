package web_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/dicomweb"
)

// pages are what a browser loads, no part of the API.
var pages = map[string]bool{"/viewer": true, "/assets/:name": true, "/": true, "/study/:uid": true, "/models": true, "/node": true, "/dicom-web/": true}

// nothing is an archive in which there is nothing.
type nothing struct{}

func none() error { return radnode.Errorf(radnode.NotFound, "find", "nothing") }

func (nothing) Find(context.Context, *dicom.Dataset, dicomweb.Page, func(*dicom.Dataset) error) (int, []dicom.Tag, error) {
	return 0, nil, nil
}
func (nothing) Objects(context.Context, radnode.UID, radnode.UID, radnode.UID) ([]dicomweb.Object, error) {
	return nil, nil
}
func (nothing) InstancePath(context.Context, radnode.UID) (string, radnode.Instance, error) {
	return "", radnode.Instance{}, none()
}
func (nothing) Recode(context.Context, string, radnode.UID) (io.ReadCloser, error) {
	return nil, none()
}
func (nothing) Frame(context.Context, string, radnode.Instance, int) (io.ReadSeekCloser, error) {
	return nil, none()
}
func (nothing) Transcode(context.Context, string, radnode.Instance, int, radnode.UID) (io.ReadSeekCloser, error) {
	return nil, none()
}
func (nothing) Picture(context.Context, string, radnode.Instance, int, dicomweb.Picture) (io.ReadSeekCloser, error) {
	return nil, none()
}
func (nothing) Receive(context.Context, dicomweb.Sender, radnode.UID, radnode.UID, radnode.UID, io.Reader) error {
	return none()
}
func (nothing) Received(dicomweb.Sender)                       {}
func (nothing) Record(context.Context, audit.Event) error      { return nil }
func (nothing) DeleteStudy(context.Context, radnode.UID) error { return none() }
func (nothing) CreateWorkitem(context.Context, string, radnode.UID, *dicom.Dataset) ([]string, error) {
	return nil, none()
}
func (nothing) Workitem(context.Context, radnode.UID) (*dicom.Dataset, error) { return nil, none() }
func (nothing) FindWorkitems(context.Context, *dicom.Dataset, bool, int, int, func(*dicom.Dataset) error) (bool, error) {
	return false, nil
}
func (nothing) UpdateWorkitem(context.Context, radnode.UID, radnode.UID, *dicom.Dataset) error {
	return none()
}
func (nothing) ChangeWorkitemState(context.Context, string, radnode.UID, radnode.UID, string) error {
	return none()
}
func (nothing) RequestWorkitemCancel(context.Context, string, radnode.UID, *dicom.Dataset) error {
	return none()
}
func (nothing) Subscribe(context.Context, dicomweb.Subscription) error   { return none() }
func (nothing) Unsubscribe(context.Context, dicomweb.Subscription) error { return none() }
func (nothing) Suspend(context.Context, dicomweb.Subscription) error     { return none() }
func (nothing) Listen(context.Context, string, string) (<-chan dicomweb.WorkitemEvent, func(), error) {
	return nil, nil, none()
}

func withDICOMweb(c *web.Config) {
	var n nothing
	c.DICOMweb = dicomweb.New(n, n, n, n, n)
	c.DICOMweb.Workitems, c.DICOMweb.Subscriptions, c.DICOMweb.Deleter = n, n, n
}

// rights is who may do what, written down a second time by hand: a is an
// administrator, r a radiologist, t a technologist, s a program. Every route has
// a row of its own: one without fails here, and so does a row without a route.
var rights = map[string]string{
	"GET /api/v1/activity": "art", "POST /api/v1/analyze": "arts", "POST /api/v1/analyze/jobs": "arts", "DELETE /api/v1/analyze/jobs/:id": "arts",
	"GET /api/v1/analyze/jobs/:id": "arts", "GET /api/v1/audit": "a", "GET /api/v1/deliveries": "art", "POST /api/v1/deliveries/:id/retry": "art",
	"POST /api/v1/deliveries/retry": "art", "GET /api/v1/destinations": "art", "GET /api/v1/events": "arts", "GET /api/v1/instances/:uid/attributes": "arts",
	"GET /api/v1/instances/:uid/document": "arts", "GET /api/v1/instances/:uid/frames/:frame": "arts", "GET /api/v1/instances/:uid/preview": "arts",
	"GET /api/v1/instances/:uid/segments": "arts", "GET /api/v1/instances/:uid/sr": "arts", "GET /api/v1/instances/:uid/waveform": "arts", "GET /api/v1/ledger": "arts",
	"POST /api/v1/logout": "arts", "GET /api/v1/models": "arts", "GET /api/v1/models/:model/versions/:version/use": "art", "POST /api/v1/models/reload": "a", "POST /api/v1/models/verify": "art", "GET /api/v1/openapi.json": "arts",
	"GET /api/v1/peers": "art", "POST /api/v1/peers": "a", "DELETE /api/v1/peers/:name": "a", "PATCH /api/v1/peers/:name": "a", "POST /api/v1/peers/:name/echo": "art",
	"GET /api/v1/reports/:id": "arts", "PUT /api/v1/reports/:id": "ar", "POST /api/v1/reports/:id/addendum": "ar", "POST /api/v1/reports/:id/amend": "ar",
	"POST /api/v1/reports/:id/cosign": "ar", "GET /api/v1/reports/:id/deliveries": "arts", "POST /api/v1/reports/:id/findings": "ar",
	"PATCH /api/v1/reports/:id/findings/:fid": "ar", "POST /api/v1/reports/:id/findings/:fid/decision": "ar", "POST /api/v1/reports/:id/narrative": "ar",
	"POST /api/v1/reports/:id/reopen": "ar", "POST /api/v1/reports/:id/sign": "ar", "GET /api/v1/results/:id/stages/:name": "arts", "GET /api/v1/scheduled-steps": "art",
	"POST /api/v1/scheduled-steps": "art", "DELETE /api/v1/scheduled-steps/:uid/:name": "art", "GET /api/v1/schemas/:name": "arts",
	"GET /api/v1/series/:uid/manifest": "arts", "GET /api/v1/session": "arts", "GET /api/v1/settings": "a", "GET /api/v1/studies": "arts",
	"GET /api/v1/studies/:uid": "arts", "GET /api/v1/studies/:uid/first": "arts", "GET /api/v1/studies/:uid/priors": "arts", "GET /api/v1/tokens": "a",
	"POST /api/v1/tokens": "a", "DELETE /api/v1/tokens/:name": "a", "PATCH /api/v1/tokens/:name": "a", "GET /api/v1/users": "a", "POST /api/v1/users": "a",
	"PATCH /api/v1/users/:name": "a", "GET /api/v1/vocabulary": "arts", "OPTIONS /dicom-web": "arts", "OPTIONS /dicom-web/": "arts", "GET /dicom-web/instances": "arts",
	"GET /dicom-web/series": "arts", "GET /dicom-web/studies": "arts", "POST /dicom-web/studies": "ats", "DELETE /dicom-web/studies/:study": "a",
	"GET /dicom-web/studies/:study": "arts", "POST /dicom-web/studies/:study": "ats", "GET /dicom-web/studies/:study/instances": "arts",
	"GET /dicom-web/studies/:study/metadata": "arts", "GET /dicom-web/studies/:study/rendered": "arts", "GET /dicom-web/studies/:study/series": "arts",
	"GET /dicom-web/studies/:study/series/:series": "arts", "GET /dicom-web/studies/:study/series/:series/instances": "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance": "arts", "GET /dicom-web/studies/:study/series/:series/instances/:instance/bulkdata/*": "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/frames/:frames":           "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/frames/:frames/rendered":  "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/frames/:frames/thumbnail": "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/metadata":                 "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/rendered":                 "arts",
	"GET /dicom-web/studies/:study/series/:series/instances/:instance/thumbnail":                "arts", "GET /dicom-web/studies/:study/series/:series/metadata": "arts",
	"GET /dicom-web/studies/:study/series/:series/rendered": "arts", "GET /dicom-web/studies/:study/series/:series/thumbnail": "arts",
	"GET /dicom-web/studies/:study/thumbnail": "arts", "GET /dicom-web/subscribers/:aet": "arts", "GET /dicom-web/wado": "arts", "GET /dicom-web/workitems": "arts",
	"POST /dicom-web/workitems": "ats", "GET /dicom-web/workitems/:workitem": "arts", "POST /dicom-web/workitems/:workitem": "ats",
	"POST /dicom-web/workitems/:workitem/cancelrequest": "ats", "PUT /dicom-web/workitems/:workitem/state": "ats",
	"DELETE /dicom-web/workitems/:workitem/subscribers/:aet": "arts", "POST /dicom-web/workitems/:workitem/subscribers/:aet": "arts",
	"POST /dicom-web/workitems/:workitem/subscribers/:aet/suspend": "arts", "GET /metrics": "arts", "GET /v2": "arts", "GET /v2/health/live": "arts",
	"GET /v2/health/ready": "arts", "GET /v2/models/:model": "arts", "POST /v2/models/:model/infer": "arts", "GET /v2/models/:model/ready": "arts",
	"GET /v2/models/:model/versions/:version": "arts", "POST /v2/models/:model/versions/:version/infer": "arts", "GET /v2/models/:model/versions/:version/ready": "arts",
	"POST /v2/repository/index": "arts", "GET /viewer": "arts",
}

func TestNobodySeesOrDoesWhatTheRoleDoesNotAllow(t *testing.T) {
	n := mustServe(t, withDICOMweb)
	fill := strings.NewReplacer(":uid", "1.2.3", ":id", "x", ":fid", "x", ":name", "nobody", ":frames", "1", ":frame", "1", ":study", "1.2.3",
		":series", "1.2.4", ":instance", "1.2.5", "*", "7FE00010", ":workitem", "1.2.6", ":aet", "RIS", ":model", "x", ":version", "1")
	letters := map[radnode.Role]string{radnode.Admin: "a", radnode.Radiologist: "r", radnode.Technologist: "t", radnode.Service: "s"}
	open := []string{"/healthz", "/readyz", "/api/v1/login", "/assets/:name", "/", "/study/:uid", "/models", "/node"}
	seen := map[string]bool{}
	for _, r := range web.RoutesOf(n.Config.Handler) {
		if slices.Contains(open, r.Path) {
			continue
		}
		allowed, known := rights[r.Method+" "+r.Path]
		seen[r.Method+" "+r.Path] = true
		if !known {
			t.Errorf("%s %s: the table of rights does not say who may", r.Method, r.Path)
			continue
		}
		path := fill.Replace(r.Path)
		if res, _ := n.call(t, r.Method, path, "", "Connection: Upgrade", "Upgrade: websocket"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without proof of identity: %d", r.Method, path, res.StatusCode)
		}
		if res, _ := n.call(t, r.Method, path, "", "Authorization: Bearer guessed"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s with a token that is none: %d", r.Method, path, res.StatusCode)
		}
		if r.Path == "/api/v1/events" {
			continue // a stream does not end by itself; its roles are those of the table
		}
		for role, letter := range letters {
			res, body := n.call(t, r.Method, path, "", as(role))
			if refused := res.StatusCode == http.StatusForbidden; refused == strings.Contains(allowed, letter) {
				t.Errorf("%s %s as %s: %d %.200s", r.Method, path, role, res.StatusCode, body)
			}
			if res.StatusCode == http.StatusInternalServerError {
				t.Errorf("%s %s as %s: %d %.200s", r.Method, path, role, res.StatusCode, body)
			}
		}
	}
	for row := range rights {
		if !seen[row] {
			t.Errorf("the table of rights has a row for %s, which is no route", row)
		}
	}
}

// TestASessionIsNewAfterSigningIn: what an attacker plants before the login is
// worth nothing after it (session fixation).
func TestASessionIsNewAfterSigningIn(t *testing.T) {
	n := mustServe(t, nil)
	const planted = "radnode_session=planted-by-somebody-else"
	res, body := n.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"correct horse"}`, "Cookie: "+planted)
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	c := res.Cookies()[0]
	if strings.Contains(planted, c.Value) {
		t.Errorf("the session is %q", c.Value)
	}
	if res, _ := n.call(t, "GET", "/api/v1/session", "", "Cookie: "+planted); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the planted session: %d", res.StatusCode)
	}
	again, _ := n.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"correct horse"}`, "Cookie: "+c.Name+"="+c.Value)
	if again.Cookies()[0].Value == c.Value {
		t.Error("a second login keeps the session")
	}
	if res, _ := n.call(t, "GET", "/api/v1/session?radnode_session="+c.Value, ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session in the address: %d", res.StatusCode)
	}
}

func TestPagesOfOtherOriginsMayUseDICOMwebWhereAllowed(t *testing.T) {
	n := mustServe(t, func(c *web.Config) {
		withDICOMweb(c)
		c.Origins = []string{"https://viewer.example"}
	})
	ask := func(method, path string, headers ...string) *http.Response {
		res, _ := n.call(t, method, path, "", headers...)
		return res
	}
	const allow = "Access-Control-Allow-Origin"
	preflight := ask("OPTIONS", "/dicom-web/studies/1.2/metadata", "Origin: https://viewer.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
	if preflight.StatusCode != http.StatusNoContent || preflight.Header.Get(allow) != "https://viewer.example" || !strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
		allowed      string
	}{
		"a search":                      {"GET", "/dicom-web/studies", []string{"Origin: https://viewer.example", as(radnode.Service)}, 204, "https://viewer.example"},
		"without proof of identity":     {"GET", "/dicom-web/studies", []string{"Origin: https://viewer.example"}, 401, "https://viewer.example"},
		"from another origin":           {"GET", "/dicom-web/studies", []string{"Origin: https://evil.example", as(radnode.Service)}, 204, ""},
		"a preflight of another origin": {"OPTIONS", "/dicom-web/studies", []string{"Origin: https://evil.example", "Access-Control-Request-Method: GET"}, 204, ""},
		"the product's own API":         {"GET", "/api/v1/studies", []string{"Origin: https://viewer.example", as(radnode.Admin)}, 200, ""},
		"a store":                       {"POST", "/dicom-web/studies", []string{"Origin: https://viewer.example", "Sec-Fetch-Site: cross-site", as(radnode.Service)}, 415, "https://viewer.example"},
		"a store from another origin":   {"POST", "/dicom-web/studies", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", as(radnode.Service)}, 403, ""},
		"a write of the own API":        {"POST", "/api/v1/logout", []string{"Origin: https://viewer.example", "Sec-Fetch-Site: cross-site", as(radnode.Admin)}, 403, ""},
	} {
		res := ask(c.method, c.path, c.headers...)
		if res.StatusCode != c.status || res.Header.Get(allow) != c.allowed || res.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %q", name, res.StatusCode, res.Header.Get(allow))
		}
	}
}
