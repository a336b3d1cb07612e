package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/workflow"
)

// document writes a small object and names it as the workflow does.
func document(t *testing.T) workflow.Object {
	t.Helper()
	d := dicom.NewDataset()
	o := workflow.Object{Path: filepath.Join(t.TempDir(), "sr.dcm"), SOPClassUID: dicom.BasicTextSRStorage, SOPInstanceUID: "1.2.3.4",
		SeriesInstanceUID: "1.2.3.3", StudyInstanceUID: "1.2.3.2", TransferSyntaxUID: dicom.ExplicitVRLittleEndian}
	d.SetUID(dicom.SOPClassUID, o.SOPClassUID)
	d.SetUID(dicom.SOPInstanceUID, o.SOPInstanceUID)
	d.SetUID(dicom.SeriesInstanceUID, o.SeriesInstanceUID)
	d.SetUID(dicom.StudyInstanceUID, o.StudyInstanceUID)
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// failed is the answer of a service that did not keep an object.
func failed(uid string, reason int) string {
	return fmt.Sprintf(`{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":[%q]},"00081197":{"vr":"US","Value":[%d]}}]}}`, uid, reason)
}

func TestEachAnswerToAnObjectThatIsPostedIsRead(t *testing.T) {
	o := document(t)
	kept := `{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.3.4"]},"00081196":{"vr":"US","Value":[45056]}}]}}`
	cases := []struct {
		name   string
		status int
		body   string
		want   radnode.Code
		calm   bool // the destination works: nothing speaks against other objects
	}{
		{"kept", 200, `{}`, "", true},
		{"kept with a warning", 202, kept, "", true},
		{"class refused", 409, failed("1.2.3.4", 0x0122), radnode.Unsupported, true},
		{"out of resources", 409, failed("1.2.3.4", 0xA700), radnode.NoResources, false},
		{"cannot understand", 409, failed("1.2.3.4", 0xC000), radnode.Invalid, true},
		{"kept before", 409, failed("1.2.3.4", 0x0111), radnode.Conflict, true},
		{"not named", 202, failed("9.9", 0x0122), radnode.Unavailable, true},
		{"no JSON", 409, `<html>`, radnode.Unavailable, true},
		{"wrong token", 401, ``, radnode.Unauthorized, true},
		{"forbidden", 403, ``, radnode.Forbidden, true},
		{"no such address", 404, ``, radnode.NotFound, true},
		{"media type", 415, ``, radnode.Unsupported, true},
		{"moved", 301, ``, radnode.Invalid, true},
		{"too large", 413, ``, radnode.TooLarge, true},
		{"broken", 500, ``, radnode.Unavailable, true},
		{"overloaded", 503, ``, radnode.Unavailable, false},
		{"behind a proxy", 502, ``, radnode.Unavailable, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				checkPosted(t, r, o)
				w.Header().Set("Location", "http://elsewhere.example/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			err := stowSender{webClient(Config{})}.Store(context.Background(), radnode.Peer{Kind: "stow", URL: server.URL + "/dicom-web/", Token: "secret"}, o)
			if radnode.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			if workflow.IsAnswer(err) != (c.calm && err != nil) {
				t.Errorf("%v counts as the answer of a destination that works: %t", err, workflow.IsAnswer(err))
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the token is in %q", err)
			}
		})
	}
}

// checkPosted demands one part that holds the file.
func checkPosted(t *testing.T, r *http.Request, o workflow.Object) {
	if r.Method != http.MethodPost || r.URL.Path != "/dicom-web/studies/1.2.3.2" || r.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" || parameters["type"] != "application/dicom" {
		t.Errorf("content type %q", r.Header.Get("Content-Type"))
		return
	}
	part, err := multipart.NewReader(r.Body, parameters["boundary"]).NextPart()
	if err != nil {
		t.Error(err)
		return
	}
	got, err := io.ReadAll(part)
	want, fileErr := os.ReadFile(o.Path)
	if err != nil || fileErr != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came (%v, %v)", len(got), err, fileErr)
	}
}

func TestAServiceIsSearchedForTheExactObject(t *testing.T) {
	o := document(t)
	found := `[{"00080018":{"vr":"UI","Value":["1.2.3.4"]}}]`
	cases := []struct {
		name             string
		search, metadata int
		body             string
		proof            string
		want             radnode.Code
	}{
		{"found", 200, 404, found, "query", ""},
		{"another found", 200, 200, strings.Replace(found, "3.4", "3.5", 1), "", radnode.NotFound},
		{"none", 204, 200, "", "", radnode.NotFound},
		{"it does not search", 501, 200, found, "retrieval of its metadata", ""},
		{"it does neither", 501, 405, "", "", radnode.Unsupported},
		{"lost", 404, 404, "", "", radnode.NotFound},
		{"down", 503, 200, "", "", radnode.Unavailable},
		{"no JSON", 200, 200, "<", "", radnode.Unavailable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status := c.search
				if strings.HasSuffix(r.URL.Path, "/metadata") {
					status = c.metadata
				} else if r.URL.Path != "/studies/1.2.3.2/series/1.2.3.3/instances" || r.URL.Query().Get("SOPInstanceUID") != "1.2.3.4" {
					t.Errorf("search %s", r.URL)
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			proof, err := stowSender{webClient(Config{})}.Prove(context.Background(), radnode.Peer{Kind: "stow", URL: server.URL}, []workflow.Object{o})
			if proof != c.proof || radnode.CodeOf(err) != c.want {
				t.Errorf("%q, %v", proof, err)
			}
		})
	}
}

func TestAServerOfFHIRTakesTheTransactionAndIsSearched(t *testing.T) {
	const report = "urn:oid:1.2.3.4"
	o := workflow.Object{SOPInstanceUID: "1.2.3.4", Message: []byte(`{"resourceType":"Bundle"}`)}
	cases := []struct {
		name   string
		post   string
		search int
		holds  string
		want   radnode.Code // of Store
		proof  string
		none   radnode.Code // of Prove
	}{
		{"found", "201 Created", 200, report, "", "query", ""},
		{"not found", "201 Created", 200, "urn:oid:9", "", "", radnode.NotFound},
		{"it does not search", "200 OK", 403, "", "", "the server's answer to the transaction", ""},
		{"an entry refused", "422 Unprocessable", 200, report, radnode.Invalid, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					body, _ := io.ReadAll(r.Body)
					if !json.Valid(body) || r.Header.Get("Content-Type") != "application/fhir+json" {
						t.Errorf("posted %q", body)
					}
					fmt.Fprintf(w, `{"resourceType":"Bundle","entry":[{"response":{"status":%q}}]}`, c.post)
					return
				}
				if got := r.URL.Query().Get("identifier"); got != "urn:dicom:uid|"+report || r.URL.Path != "/fhir/DiagnosticReport" {
					t.Errorf("search %s", r.URL)
				}
				w.WriteHeader(c.search)
				fmt.Fprintf(w, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"DiagnosticReport","identifier":[{"value":%q}]}}]}`, c.holds)
			}))
			defer server.Close()
			s, peer := fhirSender{webClient(Config{})}, radnode.Peer{Kind: "fhir", URL: server.URL + "/fhir"}
			if err := s.Store(context.Background(), peer, o); radnode.CodeOf(err) != c.want {
				t.Errorf("store: %v", err)
			}
			if c.want != "" {
				return
			}
			if proof, err := s.Prove(context.Background(), peer, []workflow.Object{o}); proof != c.proof || radnode.CodeOf(err) != c.none {
				t.Errorf("prove: %q, %v", proof, err)
			}
		})
	}
}

func TestAMessageIsDeliveredWhenItsReceiverAcknowledgesIt(t *testing.T) {
	for ack, want := range map[string]radnode.Code{"AA": "", "AE": radnode.Invalid, "AR": radnode.Unavailable} {
		port := receiver7(t, ack)
		o := workflow.Object{SOPInstanceUID: "1.2.3.4", Message: []byte("MSH|^~\\&|RADNODE||||||ORU^R01^ORU_R01|c-1|P|2.5.1\rPID|1\r")}
		peer := radnode.Peer{Kind: "hl7", Host: "127.0.0.1", Port: port}
		err := hl7Sender{}.Store(context.Background(), peer, o)
		if radnode.CodeOf(err) != want {
			t.Errorf("%s: %v", ack, err)
		}
		if proof, err := (hl7Sender{}).Prove(context.Background(), peer, []workflow.Object{o}); err != nil || proof == "" {
			t.Errorf("proof %q, %v", proof, err)
		}
	}
}

// receiver7 acknowledges one message and returns its port.
func receiver7(t *testing.T, code string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		message, err := bufio.NewReader(conn).ReadString(0x1c)
		if err != nil || !strings.Contains(message, "|c-1|") {
			t.Errorf("received %q (%v)", message, err)
		}
		_, _ = fmt.Fprintf(conn, "\x0bMSH|^~\\&|||||||ACK|a-1|P|2.5.1\rMSA|%s|c-1\r\x1c\r", code)
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

func TestWordsOfADestinationAreKeptOutOfTheErrorThatIsLogged(t *testing.T) {
	err := storeError(&dimse.StatusError{Status: 0xC000, Comment: "patient Doe^Jane is unknown"})
	if radnode.CodeOf(err) != radnode.Invalid || strings.Contains(err.Error(), "Doe") || !strings.Contains(err.Error(), "C000") {
		t.Errorf("got %v", err)
	}
	for body, want := range map[string]string{
		`{"issue":[{"diagnostics":"no such patient"},{"details":{"text":"subject"},"diagnostics":"x"}]}`: "no such patient; subject", `<html>`: "", `{"issue":7}`: "",
	} {
		if got := issuesOf([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
