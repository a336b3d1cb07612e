package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	everyWorkitem = "1.2.840.10008.5.1.4.34.5"
	someWorkitems = "1.2.840.10008.5.1.4.34.5.1"
)

// TestSubscriptionsAreKeptFilteredAndSuspended follows workitems by AE titles
// that subscribe in different ways, over a crash.
func TestSubscriptionsAreKeptFilteredAndSuspended(t *testing.T) {
	n := startNode(t)
	ask := func(method, path, body string) (int, http.Header) {
		t.Helper()
		header := []string{}
		if body != "" {
			header = append(header, "Content-Type", dicomJSON)
		}
		status, text, h := n.dicomweb(method, path, strings.NewReader(body), header...)
		if status >= 500 {
			t.Errorf("%s %s: %d %s", method, path, status, text)
		}
		return status, h
	}
	create := func(uid, label string) {
		t.Helper()
		// A station of its own keeps the node from performing it.
		body := fmt.Sprintf(`{"00741204":{"vr":"LO","Value":["%s"]},"00404025":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["OTHER"]}}]}}`, label)
		if status, _ := ask(http.MethodPost, "/workitems?"+uid, body); status != http.StatusCreated {
			t.Fatalf("create: %d", status)
		}
	}
	for path, want := range map[string]int{
		"/workitems/" + someWorkitems + "/subscribers/PRINT?filter=ProcedureStepLabel%3DPrint*": 201,
		"/workitems/" + everyWorkitem + "/subscribers/ALL":                                      201,
		"/workitems/" + someWorkitems + "/subscribers/NOFILTER":                                 400,
		"/workitems/" + someWorkitems + "/subscribers/BAD?filter=nonsense%3D1":                  400,
		"/workitems/" + everyWorkitem + "/subscribers/ALL?deletionlock=perhaps":                 400,
		"/workitems/2.25.404/subscribers/ALL":                                                   404,
		"/workitems/" + everyWorkitem + "/subscribers/" + strings.Repeat("A", 17):               400,
		"/workitems/2.25.404/subscribers/ALL/suspend":                                           400,
		"/workitems/" + everyWorkitem + "/subscribers/NEVER/suspend":                            404,
	} {
		if status, _ := ask(http.MethodPost, path, ""); status != want {
			t.Errorf("%s: %d instead of %d", path, status, want)
		}
	}
	hear := func(ae string, want ...string) *channel {
		t.Helper()
		k, status := n.follow(serviceToken, ae)
		if k == nil {
			t.Fatalf("%s: %d", ae, status)
		}
		k.expect(ae, want...)
		return k
	}
	n.kill()
	n.start() // subscriptions outlive the node
	create("2.25.1", "Print film")
	create("2.25.2", "Read film")
	hear("PRINT", "2.25.1 SCHEDULED")
	all := hear("ALL", "2.25.1 SCHEDULED", "2.25.2 SCHEDULED")
	claim := `{"00081195":{"vr":"UI","Value":["2.25.90"]},"00741000":{"vr":"CS","Value":["IN PROGRESS"]}}`
	if status, _ := ask(http.MethodPut, "/workitems/2.25.2/state", claim); status != http.StatusOK {
		t.Fatalf("claim: %d", status)
	}
	all.expect("ALL", "2.25.2 IN PROGRESS")
	// Whoever did not claim it can only ask; the performer is told.
	if status, _ := ask(http.MethodPost, "/workitems/2.25.2/cancelrequest", `{"00741238":{"vr":"LT","Value":["wrong patient"]}}`); status != http.StatusAccepted {
		t.Errorf("cancel request: %d", status)
	}
	if e := all.next(); e.text("00001002") != "2" || e.text("00741238") != "wrong patient" {
		t.Errorf("cancel requested: %v", e)
	}
	if status, _ := ask(http.MethodPost, "/workitems/"+everyWorkitem+"/subscribers/ALL/suspend", ""); status != http.StatusOK {
		t.Errorf("suspend: %d", status)
	}
	create("2.25.3", "Print label")
	cancel := `{"00741002":{"vr":"SQ","Value":[{"00404052":{"vr":"DT","Value":["20260101"]}}]}}`
	if status, _ := ask(http.MethodPost, "/workitems/2.25.2?transaction-uid=2.25.90", cancel); status != http.StatusOK {
		t.Fatalf("update: %d", status)
	}
	// No word of the third: its creation is not told any more.
	if e := all.next(); e.text("00001002") != "3" || e.text("00001000") != "2.25.2" {
		t.Errorf("progress: %v", e)
	}
	if status, _ := ask(http.MethodPut, "/workitems/2.25.2/state", strings.Replace(claim, "IN PROGRESS", "CANCELED", 1)); status != http.StatusOK {
		t.Errorf("cancel: %d", status)
	}
	all.expect("ALL", "2.25.2 CANCELED")
	hear("PRINT", "2.25.1 SCHEDULED", "2.25.3 SCHEDULED")
	if status, _ := ask(http.MethodDelete, "/workitems/"+someWorkitems+"/subscribers/PRINT", ""); status != http.StatusOK {
		t.Errorf("unsubscribe: %d", status)
	}
	create("2.25.4", "Print again")
	if found := n.searched("/workitems?ProcedureStepState=SCHEDULED"); len(found) != 3 {
		t.Errorf("%d are scheduled", len(found))
	}
	if found, warnings := qido(t, n.web+"/dicom-web", "/workitems?limit=2"); len(found) != 2 || len(warnings) != 1 {
		t.Errorf("a page: %d, %v", len(found), warnings)
	}
	if found := n.searched("/workitems?ScheduledStationNameCodeSequence.CodeValue=OTHER&offset=1&includefield=all"); len(found) != 3 {
		t.Errorf("by station: %d", len(found))
	}
}

// expect waits for reports of states.
func (k *channel) expect(ae string, want ...string) {
	k.t.Helper()
	for _, w := range want {
		e := k.next()
		if got := e.text("00001000") + " " + e.text("00741000"); got != w || e.text("00001002") != "1" {
			k.t.Errorf("%s is told %s instead of %s: %v", ae, got, w, e)
		}
	}
}
