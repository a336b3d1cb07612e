package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/webtest"
)

// node is a server with the story behind it and what it wrote to its log.
type node struct {
	*httptest.Server
	story *webtest.Story
	log   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func mustServe(tb testing.TB, change func(*web.Config)) *node {
	tb.Helper()
	story, err := webtest.New(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{story: story, log: &lockedBuffer{}}
	cfg := story.Config()
	cfg.Log = slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&cfg)
	}
	server, err := web.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	n.Server = httptest.NewServer(server)
	tb.Cleanup(n.Close)
	return n
}

// call sends a request; headers are "Name: value" lines.
func (n *node) call(tb testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	tb.Helper()
	req, err := http.NewRequest(method, n.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res, string(got)
}

func as(role radnode.Role) string { return "Authorization: Bearer token-" + string(role) }

// signIn returns the headers of a browser's session.
func (n *node) signIn(tb testing.TB, name string) (cookie, csrf string) {
	tb.Helper()
	res, body := n.call(tb, "POST", "/api/v1/login", fmt.Sprintf(`{"name":%q,"password":%q}`, name, webtest.Password))
	if res.StatusCode != http.StatusOK {
		tb.Fatalf("login: %d %s", res.StatusCode, body)
	}
	var session api.SessionInfo
	if err := json.Unmarshal([]byte(body), &session); err != nil {
		tb.Fatal(err)
	}
	c := res.Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value, "X-CSRF-Token: " + session.CSRF
}

func (n *node) firstStudy(tb testing.TB) radnode.Study {
	tb.Helper()
	_, body := n.call(tb, "GET", "/api/v1/studies?q=Rivera", "", as(radnode.Admin))
	var list api.StudyList
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		tb.Fatal(err)
	}
	_, body = n.call(tb, "GET", "/api/v1/studies/"+string(list.Studies[0].StudyInstanceUID), "", as(radnode.Admin))
	var study radnode.Study
	if err := json.Unmarshal([]byte(body), &study); err != nil {
		tb.Fatal(err)
	}
	return study
}

func TestRoutesAnswerOnlyTheRolesTheyAreFor(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	fill := strings.NewReplacer(":uid", string(study.StudyInstanceUID), ":id", study.Reports[0].ID, ":fid", "x", ":name", "nobody", ":frame", "1")
	public := map[string]bool{"/healthz": true, "/readyz": true, "/api/v1/login": true, "/assets/:name": true, "/": true, "/study/:uid": true, "/models": true, "/node": true}
	everyRole := append([]radnode.Role{""}, radnode.Roles...)
	for _, r := range web.RoutesOf(n.Config.Handler) {
		if r.Path == "/api/v1/events" {
			continue // a stream; see its own test
		}
		for _, role := range everyRole {
			var headers []string
			if role != "" {
				headers = []string{as(role)}
			}
			res, body := n.call(t, r.Method, fill.Replace(r.Path), "", headers...)
			allowed := role != "" && r.Allows(role)
			switch {
			case public[r.Path]:
				if res.StatusCode == http.StatusUnauthorized && r.Path != "/api/v1/login" {
					t.Errorf("%s %s is closed", r.Method, r.Path)
				}
			case role == "" && res.StatusCode != http.StatusUnauthorized:
				t.Errorf("%s %s without login: %d %s", r.Method, r.Path, res.StatusCode, body)
			case role != "" && allowed == (res.StatusCode == http.StatusForbidden):
				t.Errorf("%s %s as %s: %d %s", r.Method, r.Path, role, res.StatusCode, body)
			}
		}
	}
}

func TestOnlyRadiologistsAndAdministratorsSign(t *testing.T) {
	n := mustServe(t, nil)
	for _, r := range web.RoutesOf(n.Config.Handler) {
		if strings.HasSuffix(r.Path, "/sign") {
			got := []bool{r.Allows(radnode.Admin), r.Allows(radnode.Radiologist), r.Allows(radnode.Technologist), r.Allows(radnode.Service)}
			if diff := cmp.Diff([]bool{true, true, false, false}, got); diff != "" {
				t.Error(diff)
			}
			return
		}
	}
	t.Error("there is no route to sign")
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	n := mustServe(t, nil)
	for _, path := range []string{"/", "/healthz", "/api/v1/studies", "/nowhere"} {
		res, _ := n.call(t, "GET", path, "")
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestSessionCookieIsOutOfReachOfScriptsAndOtherSites(t *testing.T) {
	n := mustServe(t, nil)
	res, _ := n.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"`+webtest.Password+`"}`)
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure {
		t.Errorf("cookie %+v", c)
	}
	secure := mustServe(t, func(c *web.Config) { c.SecureCookies = true })
	res, _ = secure.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"`+webtest.Password+`"}`)
	if !res.Cookies()[0].Secure {
		t.Error("the cookie of a site with https goes over http")
	}
}

func TestWritesOfABrowserNeedTheTokenOfThePage(t *testing.T) {
	n := mustServe(t, nil)
	cookie, csrf := n.signIn(t, "kim")
	for name, tc := range map[string]struct {
		headers []string
		want    int
	}{
		"without token":         {[]string{cookie}, http.StatusForbidden},
		"with another token":    {[]string{cookie, "X-CSRF-Token: csrf-0"}, http.StatusForbidden},
		"from another site":     {[]string{cookie, csrf, "Sec-Fetch-Site: cross-site"}, http.StatusForbidden},
		"from the page":         {[]string{cookie, csrf, "Sec-Fetch-Site: same-origin"}, http.StatusNoContent},
		"with the session gone": {[]string{cookie, csrf}, http.StatusUnauthorized},
	} {
		if name == "with the session gone" || name == "from the page" {
			continue
		}
		if res, body := n.call(t, "POST", "/api/v1/logout", "", tc.headers...); res.StatusCode != tc.want {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if res, _ := n.call(t, "POST", "/api/v1/logout", "", cookie, csrf); res.StatusCode != http.StatusNoContent {
		t.Errorf("logout: %d", res.StatusCode)
	}
	if res, _ := n.call(t, "GET", "/api/v1/session", "", cookie); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("after logout: %d", res.StatusCode)
	}
}

func TestGuessingPasswordsIsSlowedDownWithoutAHint(t *testing.T) {
	n := mustServe(t, nil)
	var answers []string
	for _, name := range []string{"kim", "nobody"} {
		res, body := n.call(t, "POST", "/api/v1/login", `{"name":"`+name+`","password":"wrong guess"}`)
		var p struct{ Code, Message string }
		_ = json.Unmarshal([]byte(body), &p)
		answers = append(answers, fmt.Sprint(res.StatusCode, p))
	}
	if answers[0] != answers[1] {
		t.Errorf("a known and an unknown name differ: %v", answers)
	}
	last := 0
	for range 12 {
		res, _ := n.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"wrong guess"}`)
		last = res.StatusCode
		if last == http.StatusTooManyRequests && res.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after many failures: %d", last)
	}
}

func TestLogHoldsNoQueryAndNoPatient(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	n.call(t, "GET", "/api/v1/studies?q=SecretName", "", as(radnode.Admin))
	n.call(t, "POST", "/api/v1/login", `{"name":"kim","password":"OpenSesame1"}`)
	for _, secret := range []string{"SecretName", "Rivera", string(study.StudyInstanceUID), "OpenSesame1", "token-admin", study.PatientID} {
		if strings.Contains(n.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(n.log.String(), "route=/api/v1/studies/:uid") {
		t.Error("the log does not name the route")
	}
}

func TestWorklistRefusesWhatItCannotMean(t *testing.T) {
	n := mustServe(t, nil)
	for query, want := range map[string]int{
		"": 200, "?limit=2": 200, "?limit=0": 400, "?limit=501": 400, "?offset=-1": 400, "?sort=colour": 400, "?state=lost": 400,
		"?from=2026-01-01": 400, "?from=20260101": 200, "?modality=cr%3Bdrop": 400, "?q=" + strings.Repeat("x", 200): 400, "?state=to_review&sort=-date": 200,
	} {
		if res, body := n.call(t, "GET", "/api/v1/studies"+query, "", as(radnode.Radiologist)); res.StatusCode != want {
			t.Errorf("%s: %d %s", query, res.StatusCode, body)
		}
	}
}

func TestWorklistIsNotSentTwice(t *testing.T) {
	n := mustServe(t, nil)
	res, _ := n.call(t, "GET", "/api/v1/studies", "", as(radnode.Radiologist))
	tag := res.Header.Get("ETag")
	res, body := n.call(t, "GET", "/api/v1/studies", "", as(radnode.Radiologist), "If-None-Match: W/"+strings.TrimPrefix(tag, "W/"))
	if tag == "" || res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("tag %q: %d %q", tag, res.StatusCode, body)
	}
}

func TestReportWritesNameTheVersionSeen(t *testing.T) {
	n := mustServe(t, nil)
	report := n.firstStudy(t).Reports[0]
	path := "/api/v1/reports/" + report.ID
	res, _ := n.call(t, "GET", path, "", as(radnode.Radiologist))
	tag := res.Header.Get("ETag")
	steps := []struct {
		name, body, match string
		want              int
	}{
		{"without If-Match", `{"impression":"a"}`, "", http.StatusPreconditionRequired},
		{"with nonsense", `{"impression":"a"}`, `"x"`, http.StatusBadRequest},
		{"with an unknown member", `{"impresion":"a"}`, tag, http.StatusBadRequest},
		{"with the tag of the answer", `{"impression":"a"}`, tag, http.StatusOK},
		{"with the same tag again", `{"impression":"b"}`, tag, http.StatusPreconditionFailed},
		{"with the version alone", `{"impression":"b"}`, fmt.Sprintf(`"%d"`, report.Version+1), http.StatusOK},
	}
	for _, s := range steps {
		headers := []string{as(radnode.Radiologist)}
		if s.match != "" {
			headers = append(headers, "If-Match: "+s.match)
		}
		if res, body := n.call(t, "PUT", path, s.body, headers...); res.StatusCode != s.want {
			t.Errorf("%s: %d %s", s.name, res.StatusCode, body)
		}
	}
}

func TestSigningInABrowserTakesThePasswordAnew(t *testing.T) {
	n := mustServe(t, nil)
	report := n.firstStudy(t).Reports[0]
	cookie, csrf := n.signIn(t, "kim")
	version := report.Version
	for _, f := range report.Findings {
		if f.Finding.Code != nil && f.Finding.Present {
			res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/findings/"+f.ID+"/decision", `{"decision":"accepted","reason":""}`, cookie, csrf, fmt.Sprintf(`If-Match: "%d"`, version))
			if res.StatusCode != http.StatusOK {
				t.Fatalf("decide: %d %s", res.StatusCode, body)
			}
			version++
		}
	}
	match := fmt.Sprintf(`If-Match: "%d"`, version)
	if res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/sign", `{"password":"wrong guess"}`, cookie, csrf, match); res.StatusCode != http.StatusForbidden {
		t.Errorf("wrong password: %d %s", res.StatusCode, body)
	}
	res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/sign", `{"password":"`+webtest.Password+`"}`, cookie, csrf, match)
	var signed radnode.Report
	if err := json.Unmarshal([]byte(body), &signed); err != nil || res.StatusCode != http.StatusOK || signed.State != radnode.Final {
		t.Errorf("sign: %d %s", res.StatusCode, body)
	}
	if res, _ := n.call(t, "PUT", "/api/v1/reports/"+report.ID, `{"impression":"late"}`, cookie, csrf, fmt.Sprintf(`If-Match: "%d"`, signed.Version)); res.StatusCode != http.StatusConflict {
		t.Errorf("change after signing: %d", res.StatusCode)
	}
}

func TestFramesAreSentAsStoredAndKeptForGood(t *testing.T) {
	n := mustServe(t, nil)
	inst := n.firstStudy(t).Series[0].Instances[0]
	path := "/api/v1/instances/" + string(inst.SOPInstanceUID)
	res, body := n.call(t, "GET", path+"/frames/1", "", as(radnode.Radiologist), "Accept-Encoding: gzip")
	if len(body) != inst.Rows*inst.Columns*2 || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("frame: %d bytes, encoding %q", len(body), res.Header.Get("Content-Encoding"))
	}
	if got := res.Header.Get("Cache-Control"); got != "private, max-age=31536000, immutable" {
		t.Errorf("cache %q", got)
	}
	if res, _ := n.call(t, "GET", path+"/frames/1", "", as(radnode.Radiologist), "If-None-Match: "+res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", res.StatusCode)
	}
	if res, part := n.call(t, "GET", path+"/frames/1", "", as(radnode.Radiologist), "Range: bytes=10-19"); res.StatusCode != http.StatusPartialContent || part != body[10:20] {
		t.Errorf("range: %d", res.StatusCode)
	}
	for p, want := range map[string]int{
		"/frames/0": 400, "/frames/2": 404, "/frames/x": 400, "/preview?w=10": 400, "/preview?w=9999": 400, "/preview?frame=7": 404, "/preview?w=128": 200,
	} {
		if res, _ := n.call(t, "GET", path+p, "", as(radnode.Radiologist)); res.StatusCode != want {
			t.Errorf("%s: %d", p, res.StatusCode)
		}
	}
	shared := mustServe(t, func(c *web.Config) { c.SharedWorkstation = true })
	inst = shared.firstStudy(t).Series[0].Instances[0]
	res, _ = shared.call(t, "GET", "/api/v1/instances/"+string(inst.SOPInstanceUID)+"/frames/1", "", as(radnode.Radiologist))
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Error("a shared workstation keeps pixels")
	}
}

func TestAddressesThatAreNoIdentifiersAreRefused(t *testing.T) {
	n := mustServe(t, nil)
	for path, want := range map[string]int{
		"/api/v1/studies/1.2.3": 404, "/api/v1/studies/..%2f..%2fetc%2fpasswd": 400, "/api/v1/studies/1..2": 400,
		"/api/v1/results/..%2f..%2fx/stages/y": 400, "/api/v1/results/r/stages/..": 400, "/api/v1/reports/%00": 400,
		"/assets/..%2findex.html": 404, "/api/v1/series/1.2/manifest": 400, "/nowhere": 404,
	} {
		res, body := n.call(t, "GET", path, "", as(radnode.Admin))
		if res.StatusCode != want {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
		if res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", path, res.Header.Get("Content-Type"))
		}
	}
}

func TestManifestSharesWhatIsTheSameAndSortsAlongTheNormal(t *testing.T) {
	n := mustServe(t, nil)
	_, body := n.call(t, "GET", "/api/v1/studies?q=Okafor", "", as(radnode.Admin))
	var list api.StudyList
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	uid := string(list.Studies[0].StudyInstanceUID)
	_, body = n.call(t, "GET", "/api/v1/studies/"+uid, "", as(radnode.Admin))
	var study radnode.Study
	if err := json.Unmarshal([]byte(body), &study); err != nil {
		t.Fatal(err)
	}
	res, body := n.call(t, "GET", "/api/v1/series/"+string(study.Series[0].SeriesInstanceUID)+"/manifest?study="+uid, "", as(radnode.Admin))
	var m api.Manifest
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if len(m.Images) != 1 || len(m.Instances.UIDs) != 24 || len(m.Instances.Windows) != 24 {
		t.Fatalf("%d descriptions of %d images", len(m.Images), len(m.Instances.UIDs))
	}
	for i := 1; i < len(m.Instances.Positions); i++ {
		if m.Instances.Positions[i][2] <= m.Instances.Positions[i-1][2] {
			t.Fatalf("slice %d is out of order", i)
		}
	}
	if diff := cmp.Diff(&[2]string{"L", "P"}, m.Images[0].Orientation); diff != "" {
		t.Error(diff)
	}
	of := "/api/v1/series/" + string(study.Series[0].SeriesInstanceUID) + "/manifest?study=" + uid + "&instance="
	_, body = n.call(t, "GET", of+string(m.Instances.UIDs[7]), "", as(radnode.Admin))
	var one api.Manifest
	if err := json.Unmarshal([]byte(body), &one); err != nil || !slices.Equal(one.Instances.UIDs, m.Instances.UIDs[7:8]) || !cmp.Equal(one.Images, m.Images) {
		t.Errorf("the manifest of one instance: %s", body)
	}
	if res, _ := n.call(t, "GET", of+"1.2.3", "", as(radnode.Admin)); res.StatusCode != http.StatusNotFound {
		t.Errorf("an instance that is not of the series: %d", res.StatusCode)
	}
	_, body = n.call(t, "GET", "/api/v1/studies/"+uid+"/first", "", as(radnode.Admin))
	var first api.Manifest
	if err := json.Unmarshal([]byte(body), &first); err != nil || first.SeriesInstanceUID != m.SeriesInstanceUID || !slices.Equal(first.Instances.UIDs, m.Instances.UIDs[11:12]) || !cmp.Equal(first.Images, m.Images) {
		t.Errorf("the first image: %s", body)
	}
}

func TestTheImageOfTheFirstFindingIsShownFirst(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t) // with a finding
	found := study.Reports[0].Findings[slices.IndexFunc(study.Reports[0].Findings, func(f radnode.ReportFinding) bool { return f.Finding.Present && f.Finding.Code != nil })]
	_, body := n.call(t, "GET", "/api/v1/studies/"+string(study.StudyInstanceUID)+"/first", "", as(radnode.Technologist))
	if m := into[api.Manifest](t, body); !slices.Equal(m.Instances.UIDs, []radnode.UID{found.SOPInstanceUID}) {
		t.Errorf("%s is shown first, not %s", m.Instances.UIDs, found.SOPInstanceUID)
	}
	if res, _ := n.call(t, "GET", "/api/v1/studies/1.2.3/first", "", as(radnode.Admin)); res.StatusCode != http.StatusNotFound {
		t.Errorf("of a study that is not here: %d", res.StatusCode)
	}
}

func TestJSONIsCompressedWhereTheClientTakesThat(t *testing.T) {
	n := mustServe(t, nil)
	res, _ := n.call(t, "GET", "/api/v1/studies", "", as(radnode.Admin), "Accept-Encoding: gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("headers %v", res.Header)
	}
	res, body := n.call(t, "GET", "/api/v1/studies", "", as(radnode.Admin), "Accept-Encoding: identity")
	if res.Header.Get("Content-Encoding") != "" || !json.Valid([]byte(body)) {
		t.Error("plain JSON is not plain")
	}
}

func TestEventsGreetAndTellChanges(t *testing.T) {
	n := mustServe(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", n.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token-radiologist")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	wait := func(want string) {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended before %q", want)
	}
	wait("event: hello")
	if _, err := n.story.Arrive(); err != nil {
		t.Fatal(err)
	}
	wait("event: change")
	wait(`data: {"kind":"study"`)
}

func TestAnalyzeTakesPicturesOnly(t *testing.T) {
	n := mustServe(t, func(c *web.Config) { c.MaxUpload = 1000 })
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 300)
	form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n" + png + "\r\n--b--\r\n"
	for name, tc := range map[string]struct {
		body, kind string
		want       int
	}{
		"a PNG":                {png, "image/png", 200},
		"a PNG in a form":      {form, "multipart/form-data; boundary=b", 200},
		"a DICOM file":         {strings.Repeat("\x00", 128) + "DICM" + "rest", "application/dicom", 200},
		"a text":               {"hello", "image/png", 415},
		"nothing":              {"", "image/png", 415},
		"a form without file":  {"--b--\r\n", "multipart/form-data; boundary=b", 400},
		"more than is allowed": {png + strings.Repeat("x", 1000), "image/png", 413},
	} {
		res, body := n.call(t, "POST", "/api/v1/analyze", tc.body, as(radnode.Service), "Content-Type: "+tc.kind)
		if res.StatusCode != tc.want {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

type brokenStudies struct{ api.Studies }

func (brokenStudies) Worklist(context.Context, radnode.StudyFilter) ([]radnode.StudySummary, int, error) {
	panic("secret of the stack")
}

func (brokenStudies) Study(context.Context, radnode.UID) (*radnode.Study, error) {
	return nil, fmt.Errorf("sql: secret of the database")
}

func TestDefectsAreToldToTheLogAndNotToTheClient(t *testing.T) {
	n := mustServe(t, func(c *web.Config) { c.Studies = brokenStudies{} })
	for _, path := range []string{"/api/v1/studies", "/api/v1/studies/1.2"} {
		res, body := n.call(t, "GET", path, "", as(radnode.Admin))
		if res.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || !strings.Contains(body, `"request_id"`) {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if log := n.log.String(); !strings.Contains(log, "secret of the stack") || !strings.Contains(log, "secret of the database") {
		t.Error("the log does not hold the causes")
	}
}

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	n := mustServe(t, withDICOMweb)
	_, body := n.call(t, "GET", "/api/v1/openapi.json", "", as(radnode.Service))
	var doc struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range web.RoutesOf(n.Config.Handler) {
		if pages[r.Path] {
			continue
		}
		path := strings.Replace(regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}"), "*", "{path}", 1)
		if doc.Paths[path][strings.ToLower(r.Method)] == nil {
			t.Errorf("%s %s is not described", r.Method, path)
		}
	}
	for at, rest := 0, body; ; {
		at = strings.Index(rest, "#/components/schemas/")
		if at < 0 {
			break
		}
		rest = rest[at+len("#/components/schemas/"):]
		name, _, _ := strings.Cut(rest, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is referred to and missing", name)
		}
	}
}

func TestServerSaysWhatItsConfigurationLacks(t *testing.T) {
	_, err := web.New(web.Config{})
	if err == nil || !strings.Contains(err.Error(), "Studies") || !strings.Contains(err.Error(), "Audit") {
		t.Errorf("got %v", err)
	}
}

func TestMetricsCountRequestsByRoute(t *testing.T) {
	n := mustServe(t, nil)
	n.firstStudy(t)
	_, body := n.call(t, "GET", "/metrics", "", as(radnode.Service))
	if !strings.Contains(body, `radnode_http_request_seconds_count{method="GET",route="/api/v1/studies/:uid",status="200"} 1`) {
		t.Errorf("metrics:\n%s", body)
	}
}

func TestSchemasOfFilesAreServedToThoseWhoAreSignedIn(t *testing.T) {
	n := mustServe(t, func(c *web.Config) { c.Schemas = map[string][]byte{"pipeline.json": []byte(`{"type":"object"}`)} })
	res, body := n.call(t, "GET", "/api/v1/schemas/pipeline.json", "", as(radnode.Technologist))
	if res.StatusCode != http.StatusOK || body != `{"type":"object"}` || res.Header.Get("Content-Type") != "application/schema+json" {
		t.Errorf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body)
	}
	if res, body := n.call(t, "GET", "/api/v1/schemas/nothing.json", "", as(radnode.Technologist)); res.StatusCode != http.StatusNotFound {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
