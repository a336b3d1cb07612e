package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/webtest"
)

// accepted decides what must be decided in a draft and returns its version.
func (n *node) accepted(tb testing.TB, r radnode.Report, headers ...string) int64 {
	tb.Helper()
	version := r.Version
	for _, f := range r.Findings {
		if f.Finding.Code == nil || !f.Finding.Present || f.Decision != radnode.Undecided {
			continue
		}
		res, body := n.call(tb, "POST", "/api/v1/reports/"+r.ID+"/findings/"+f.ID+"/decision", `{"decision":"accepted","reason":""}`,
			append(headers, fmt.Sprintf(`If-Match: "%d"`, version))...)
		if res.StatusCode != http.StatusOK {
			tb.Fatalf("decide: %d %s", res.StatusCode, body)
		}
		version++
	}
	return version
}

func into[T any](tb testing.TB, body string) (v T) {
	tb.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		tb.Fatalf("%v in %s", err, body)
	}
	return v
}

func TestATokenAloneSignsNothing(t *testing.T) {
	n := mustServe(t, nil)
	report := n.firstStudy(t).Reports[0]
	match := fmt.Sprintf(`If-Match: "%d"`, n.accepted(t, report, as(radnode.Radiologist)))
	path := "/api/v1/reports/" + report.ID + "/sign"
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"without a person":          {`{}`, http.StatusForbidden},
		"without a password":        {`{"name":"kim"}`, http.StatusForbidden},
		"with a wrong password":     {`{"name":"kim","password":"wrong guess"}`, http.StatusForbidden},
		"by one who may not sign":   {`{"name":"tess","password":"` + webtest.Password + `"}`, http.StatusForbidden},
		"as the holder of a token":  {`{"name":"token:admin","password":"token-admin"}`, http.StatusForbidden},
		"with an unknown signatory": {`{"name":"nobody","password":"` + webtest.Password + `"}`, http.StatusForbidden},
	} {
		if res, body := n.call(t, "POST", path, c.body, as(radnode.Radiologist), match); res.StatusCode != c.want {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	res, body := n.call(t, "POST", path, `{"name":"kim","password":"`+webtest.Password+`"}`, as(radnode.Radiologist), match)
	if signed := into[radnode.Report](t, body); res.StatusCode != http.StatusOK || signed.SignedBy != "Kim^Ann^^Dr." {
		t.Errorf("with a person's password: %d %s", res.StatusCode, body)
	}
}

func TestNobodySignsForSomebodyElseInABrowser(t *testing.T) {
	n := mustServe(t, nil)
	report := n.firstStudy(t).Reports[0]
	cookie, csrf := n.signIn(t, "kim")
	match := fmt.Sprintf(`If-Match: "%d"`, n.accepted(t, report, cookie, csrf))
	if res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/sign", `{"name":"admin","password":"`+webtest.Password+`"}`, cookie, csrf, match); res.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestTheSecondSignatureIsOfAnotherPerson(t *testing.T) {
	n := mustServe(t, nil)
	n.story.SecondReader = true
	report := n.firstStudy(t).Reports[0]
	role := as(radnode.Radiologist)
	version := n.accepted(t, report, role)
	sign := func(path, name string) (int, radnode.Report) {
		res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+path, `{"name":"`+name+`","password":"`+webtest.Password+`"}`, role, fmt.Sprintf(`If-Match: "%d"`, version))
		if res.StatusCode != http.StatusOK {
			return res.StatusCode, radnode.Report{}
		}
		version++
		return res.StatusCode, into[radnode.Report](t, body)
	}
	if status, r := sign("/sign", "kim"); status != http.StatusOK || r.State != radnode.AwaitingSecond {
		t.Fatalf("first signature: %d %s", status, r.State)
	}
	if status, _ := sign("/cosign", "kim"); status != http.StatusForbidden {
		t.Errorf("the same person again: %d", status)
	}
	if res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/reopen", "", role, fmt.Sprintf(`If-Match: "%d"`, version)); res.StatusCode != http.StatusOK {
		t.Fatalf("reopen: %d %s", res.StatusCode, body)
	}
	version++
	if status, _ := sign("/sign", "kim"); status != http.StatusOK {
		t.Fatalf("signed again: %d", status)
	}
	if status, r := sign("/cosign", "admin"); status != http.StatusOK || r.State != radnode.Final || r.SecondSignedBy == "" {
		t.Errorf("second signature: %d %+v", status, r)
	}
}

func TestAReaderAddsChangesAndComposes(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	report, instance := study.Reports[0], study.Series[0].Instances[0]
	version := report.Version
	act := func(method, path, body string) (int, radnode.Report) {
		t.Helper()
		res, answer := n.call(t, method, "/api/v1/reports/"+report.ID+path, body, as(radnode.Radiologist), fmt.Sprintf(`If-Match: "%d"`, version))
		if res.StatusCode != http.StatusOK {
			return res.StatusCode, radnode.Report{}
		}
		version++
		return res.StatusCode, into[radnode.Report](t, answer)
	}
	status, r := act("POST", "/findings", fmt.Sprintf(`{"label":"mass","text":"left","instance":%q,"region":{"graphic":"POINT","points":[10,20]},
		"measurement":{"name":"length","value":12.5,"unit":"mm"}}`, instance.SOPInstanceUID))
	added := r.Findings[len(r.Findings)-1]
	if status != http.StatusOK || !added.Added() || added.Reading.Region == nil || added.Reading.Measurement.Value != 12.5 {
		t.Fatalf("added: %d %+v", status, added)
	}
	status, r = act("PATCH", "/findings/"+r.Findings[0].ID, `{"text":"right lower zone","reason":"clearer"}`)
	if f := r.Findings[0]; status != http.StatusOK || f.Reading == nil || f.Reading.Text != "right lower zone" || f.Finding.Label != report.Findings[0].Finding.Label {
		t.Errorf("edited: %d %+v", status, f)
	}
	status, r = act("POST", "/narrative", `{"language":"zh"}`)
	if status != http.StatusOK || r.FindingsText == "" || r.Language != "zh" {
		t.Errorf("composed: %d %+v", status, r)
	}
	if status, r = act("PUT", "", `{"findings_text":"a"}`); status != http.StatusOK || r.FindingsText != "a" || r.Impression == "" {
		t.Errorf("changed: %d %+v", status, r)
	}
	for path, body := range map[string]string{"/findings": `{"label":"x","instance":"no uid"}`, "/findings/": `{}`} {
		if status, _ := act("POST", path, body); status == http.StatusOK {
			t.Errorf("%s %s is taken", path, body)
		}
	}
	if status, _ := act("POST", "/narrative", `{"language":"tlh"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown language: %d", status)
	}
	version--
	if status, _ := act("PATCH", "/findings/"+report.Findings[0].ID, `{"text":"late"}`); status != http.StatusPreconditionFailed {
		t.Errorf("a change of an old version: %d", status)
	}
}

func TestAnAddendumOpensADraftThatFollowsTheSignedReport(t *testing.T) {
	n := mustServe(t, nil)
	report := n.firstStudy(t).Reports[0]
	role := as(radnode.Radiologist)
	match := fmt.Sprintf(`If-Match: "%d"`, n.accepted(t, report, role))
	if res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/sign", `{"name":"kim","password":"`+webtest.Password+`"}`, role, match); res.StatusCode != http.StatusOK {
		t.Fatalf("sign: %d %s", res.StatusCode, body)
	}
	res, body := n.call(t, "POST", "/api/v1/reports/"+report.ID+"/addendum", `{"text":"compared with 2019"}`, role)
	if r := into[radnode.Report](t, body); res.StatusCode != http.StatusOK || r.Predecessor != report.ID || len(r.Addenda) != 1 || r.Addenda[0].At != nil {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestTheFailurePageListsAndRetriesDeliveries(t *testing.T) {
	n := mustServe(t, nil)
	role := as(radnode.Technologist)
	list := func(query string) api.Outbox {
		t.Helper()
		res, body := n.call(t, "GET", "/api/v1/deliveries"+query, "", role)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", query, res.StatusCode, body)
		}
		return into[api.Outbox](t, body)
	}
	failed := list("?state=failed")
	if failed.Total == 0 || failed.Deliveries[0].State != radnode.DeliveryFailed || !failed.Deliveries[0].StudyInstanceUID.Valid() {
		t.Fatalf("failed: %+v", failed)
	}
	if page := list("?limit=1"); len(page.Deliveries) != 1 || page.Total < failed.Total {
		t.Errorf("a page of one: %+v", page)
	}
	for query, want := range map[string]int{"?state=lost": 400, "?limit=0": 400, "?limit=501": 400, "?offset=-1": 400, "?destination=nowhere": 200} {
		if res, _ := n.call(t, "GET", "/api/v1/deliveries"+query, "", role); res.StatusCode != want {
			t.Errorf("%s: %d", query, res.StatusCode)
		}
	}
	for body, want := range map[string]int{
		`{}`: 400, `{"all":true,"ids":["x"]}`: 400, `{"ids":["unknown"]}`: 404, `{"ids":["` + failed.Deliveries[0].ID + `"]}`: 200, `{"all":true}`: 200,
	} {
		if res, answer := n.call(t, "POST", "/api/v1/deliveries/retry", body, role); res.StatusCode != want {
			t.Errorf("%s: %d %s", body, res.StatusCode, answer)
		}
	}
	_, body := n.call(t, "GET", "/api/v1/destinations", "", role)
	if d := into[api.DestinationList](t, body).Destinations; len(d) != 1 || d[0].Name != "pacs" || d[0].Breaker.State == "" {
		t.Errorf("destinations: %s", body)
	}
}

func TestWhoSawWhichResultsIsRecordedOncePerResults(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	path := "/api/v1/studies/" + string(study.StudyInstanceUID)
	cookie, _ := n.signIn(t, "kim")
	shown := func() []audit.Event {
		_, body := n.call(t, "GET", "/api/v1/audit?action=AI+results+shown&actor=kim&study="+string(study.StudyInstanceUID), "", as(radnode.Admin))
		return into[api.AuditList](t, body).Events
	}
	res, _ := n.call(t, "GET", path, "", cookie)
	events := shown()
	if len(events) != 1 || !strings.Contains(events[0].Detail, study.Results[0].ID) || !strings.Contains(events[0].Detail, study.Results[0].Model.ID) {
		t.Fatalf("after the first look: %+v", events)
	}
	// A decision changes the page, not what the models said.
	n.accepted(t, study.Reports[0], as(radnode.Radiologist))
	if res, _ := n.call(t, "GET", path, "", cookie, "If-None-Match: "+res.Header.Get("ETag")); res.StatusCode != http.StatusOK {
		t.Fatalf("after a decision: %d", res.StatusCode)
	}
	if got := shown(); len(got) != 1 {
		t.Errorf("a decision counts as another look at the results: %+v", got)
	}
	// The report alone tells them too, and so does a document.
	res, body := n.call(t, "GET", "/api/v1/reports/"+study.Reports[0].ID, "", cookie)
	n.call(t, "GET", "/api/v1/reports/"+study.Reports[0].ID, "", cookie, "If-None-Match: "+res.Header.Get("ETag"))
	if got := shown(); len(got) != 2 || got[0].ObjectID != study.Reports[0].ID || !strings.Contains(got[0].Detail, "pneumonia") {
		t.Errorf("after two looks at the report (%d %s): %+v", res.StatusCode, body, got)
	}
	for query, want := range map[string]int{"?action=made+up": 400, "?study=x": 400, "?since=yesterday": 400, "?since=2020-01-01T00:00:00Z": 200} {
		if res, _ := n.call(t, "GET", "/api/v1/audit"+query, "", as(radnode.Admin)); res.StatusCode != want {
			t.Errorf("%s: %d", query, res.StatusCode)
		}
	}
}

// TestNobodyLooksAtAStudyUnseen: an entity tag is only what the client says.
func TestNobodyLooksAtAStudyUnseen(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	cookie, _ := n.signIn(t, "kim")
	res, _ := n.call(t, "GET", "/api/v1/studies/"+string(study.StudyInstanceUID), "", cookie, `If-None-Match: "made up"`)
	_, body := n.call(t, "GET", "/api/v1/audit?actor=kim&study="+string(study.StudyInstanceUID), "", as(radnode.Admin))
	var acts []string
	for _, e := range into[api.AuditList](t, body).Events {
		acts = append(acts, string(e.Action))
	}
	if res.StatusCode != http.StatusOK || !slices.Contains(acts, string(audit.StudyViewed)) || !slices.Contains(acts, string(audit.ResultsShown)) {
		t.Errorf("%d, recorded: %v", res.StatusCode, acts)
	}
	report := study.Reports[0]
	n.call(t, "GET", "/api/v1/reports/"+report.ID, "", cookie, fmt.Sprintf(`If-None-Match: "%d."`, report.Version))
	_, body = n.call(t, "GET", "/api/v1/audit?action=AI+results+shown&actor=kim&object="+report.ID, "", as(radnode.Admin))
	if got := into[api.AuditList](t, body).Events; len(got) == 0 || got[0].ObjectID != report.ID {
		t.Errorf("the look at a report: %+v", got)
	}
}

func TestPriorsAndVocabularyAnswer(t *testing.T) {
	n := mustServe(t, nil)
	study := n.firstStudy(t)
	res, body := n.call(t, "GET", "/api/v1/studies/"+string(study.StudyInstanceUID)+"/priors", "", as(radnode.Radiologist))
	if p := into[radnode.Priors](t, body); res.StatusCode != http.StatusOK || p.Priors == nil {
		t.Errorf("priors: %d %s", res.StatusCode, body)
	}
	_, body = n.call(t, "GET", "/api/v1/vocabulary", "", as(radnode.Radiologist))
	if v := into[api.Vocabulary](t, body); len(v.Terms) == 0 || v.Terms[0].Chinese == "" {
		t.Errorf("vocabulary: %s", body)
	}
}
