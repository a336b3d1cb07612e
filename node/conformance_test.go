package node

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/workflow"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// tables are the tables of the conformance statement.
var tables = map[string]func() string{
	"services":      servicesTable,
	"associations":  associationsTable,
	"storage":       storageTable,
	"syntaxes":      syntaxesTable,
	"statuses":      statusesTable,
	"extensions":    extensionsText,
	"attributes":    attributesTable,
	"configuration": configurationTable,
	"resources":     resourcesTable,
	"frames":        framesTable,
}

var tablePattern = regexp.MustCompile(`(?s)<!-- table (\w+) -->.*?<!-- end -->`)

func TestTheConformanceStatementSaysWhatTheProgramDoes(t *testing.T) {
	path := filepath.Join("..", "docs", "conformance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	want := tablePattern.ReplaceAllStringFunc(string(text), func(old string) string {
		name := tablePattern.FindStringSubmatch(old)[1]
		used[name] = true
		if tables[name] == nil {
			t.Fatalf("there is no table %q", name)
		}
		return "<!-- table " + name + " -->" + tables[name]() + "<!-- end -->"
	})
	for name := range tables {
		if !used[name] {
			t.Errorf("the statement has no table %q", name)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(text), "\n")); diff != "" {
		t.Errorf("docs/conformance.md is out of date: run go test ./node -run Conformance -update (-want +got)\n%s", diff)
	}
}

// table makes a Markdown table.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString("\n| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)) + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// service is a row of the overview.
type service struct {
	class      radnode.UID
	name       string
	user       bool
	permission dimse.Service
}

var services = []service{
	{dimse.Verification, "Verification", true, dimse.ServiceEcho},
	{"", "Storage (section 3.2.2)", true, dimse.ServiceStore},
	{dimse.PatientRootFind, "Patient Root Query/Retrieve - FIND", true, dimse.ServiceQuery},
	{dimse.PatientRootMove, "Patient Root Query/Retrieve - MOVE", true, dimse.ServiceRetrieve},
	{dimse.PatientRootGet, "Patient Root Query/Retrieve - GET", true, dimse.ServiceRetrieve},
	{dimse.StudyRootFind, "Study Root Query/Retrieve - FIND", true, dimse.ServiceQuery},
	{dimse.StudyRootMove, "Study Root Query/Retrieve - MOVE", true, dimse.ServiceRetrieve},
	{dimse.StudyRootGet, "Study Root Query/Retrieve - GET", true, dimse.ServiceRetrieve},
	{dimse.StorageCommitmentPushModel, "Storage Commitment Push Model", true, dimse.ServiceCommit},
	{dimse.ModalityWorklistFind, "Modality Worklist - FIND", false, dimse.ServiceWorklist},
	{dimse.ModalityPerformedStep, "Modality Performed Procedure Step", false, dimse.ServiceSteps},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func servicesTable() string {
	var rows [][]string
	for _, s := range services {
		right := rights[s.permission]
		if right == "" {
			right = "any"
		}
		rows = append(rows, []string{s.name, string(s.class), yes(s.user), "yes", right})
	}
	return table([]string{"SOP class", "UID", "user (SCU)", "provider (SCP)", "right of the peer"}, rows)
}

func associationsTable() string {
	c := DefaultConfig()
	return table([]string{"", ""}, [][]string{
		{"application context", ul.ApplicationContext},
		{"implementation class UID", string(dicom.ImplementationClass)},
		{"implementation version name", dicom.ImplementationVersion},
		{"maximum PDU length", fmt.Sprintf("%d (option `max_pdu_kb`)", ul.DefaultMaxPDU)},
		{"associations at once (configurable)", fmt.Sprint(c.Associations)},
		{"asynchronous operations", "one as invoker, one as performer"},
	})
}

func storageTable() string {
	var rows [][]string
	for _, c := range dicom.StorageSOPClasses {
		name := c.Name
		if c.Retired {
			name += " (retired)"
		}
		rows = append(rows, []string{name, string(c.UID)})
	}
	return table([]string{"storage SOP class", "UID"}, rows)
}

func syntaxesTable() string {
	var rows [][]string
	for _, s := range dicom.TransferSyntaxes {
		sent := "as stored"
		if o := (egress{pool: nil}).object(store.StoredObject{TransferSyntaxUID: s.UID}); len(o.Syntaxes) > 1 {
			sent = "as stored or recoded"
		} else if !s.Video {
			sent = "as stored or decompressed, where the pixel worker can"
		}
		rows = append(rows, []string{s.Name, string(s.UID), sent})
	}
	return table([]string{"transfer syntax", "UID", "sent"}, rows)
}

func statusesTable() string {
	var rows [][]string
	for _, r := range []struct {
		status dimse.Status
		when   string
	}{
		{dimse.StatusSuccess, "file and index are synced to disk"},
		{dimse.StatusOutOfResources, "no room on the disk, the index does not answer or is gone, or the object is too large: send again later"},
		{dimse.StatusDataSetMismatch, "the data set is of another class or instance than announced, or lacks the UID of its study or series"},
		{dimse.StatusCannotUnderstand, "the data set is damaged"},
		{dimse.StatusDuplicateSOPInstance, "an object of another study has this UID"},
		{dimse.StatusInvalidSOPInstance, "the announced SOP Instance UID is no UID"},
		{dimse.StatusNotAuthorized, "the peer may not store here"},
	} {
		rows = append(rows, []string{r.status.String(), r.when})
	}
	return table([]string{"status", "when"}, rows)
}

func extensionsText() string {
	return fmt.Sprintf("relational %s, combined date-time %s, fuzzy names %s, time zone adjustment %s, enhanced multi-frame conversion %s.",
		yes(offered.Relational), yes(offered.DateTime), yes(offered.FuzzyNames), yes(offered.TimezoneAdjust), yes(offered.EnhancedMultiple))
}

func attributesTable() string {
	var rows [][]string
	for _, a := range store.QueryAttributes() {
		source := "index"
		if a.FromHeader() {
			source = "header"
		}
		rows = append(rows, []string{a.Level.String(), a.Tag.Keyword(), a.Tag.String(), string(a.Type), string(a.Matching), source})
	}
	return table([]string{"level", "attribute", "tag", "type", "matching", "from"}, rows)
}

func resourcesTable() string {
	service := dicomweb.New(nil, nil, nil, nil, nil)
	service.Workitems, service.Subscriptions = (*workflow.Workflow)(nil), subscriptions{}
	var rows [][]string
	for _, r := range web.Resources(service) {
		roles := make([]string, len(r.Roles))
		for i, role := range r.Roles {
			roles[i] = string(role)
		}
		path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}")
		rows = append(rows, []string{r.Method, "`" + strings.Replace(path, "*", "{path}", 1) + "`", r.Does, strings.Join(roles, ", ")})
	}
	return table([]string{"method", "resource", "what", "roles"}, rows)
}

func framesTable() string {
	var rows [][]string
	for _, t := range dicomweb.FrameTypes() {
		uids := make([]string, len(t.Transcoded))
		for i, uid := range t.Transcoded {
			uids[i] = string(uid)
		}
		rows = append(rows, []string{"`" + t.Kind + "`", strings.Join(uids, ", ")})
	}
	return table([]string{"media type of frames", "transfer syntaxes that frames are transcoded into; others as they are stored"}, rows)
}

func configurationTable() string {
	wanted := map[string]bool{"ae": true, "dicom": true, "associations": true, "matches": true, "quiet": true, "dicom_tls": true,
		"tls_certificate": true, "tls_key": true, "tls_authorities": true, "allow_loopback": true, "unknown_classes": true, "unknown_syntaxes": true,
		"identity": true, "identity_kinds": true, "identity_key": true, "identity_issuer": true, "identity_audience": true}
	c := DefaultConfig()
	var rows [][]string
	for _, o := range options {
		if wanted[o.name] {
			rows = append(rows, []string{"`" + o.name + "`", o.doc, "`" + quoted(o.field(&c)) + "`"})
		}
	}
	if len(rows) != len(wanted) {
		panic(fmt.Sprintf("options %v are not all there", slices.Sorted(maps.Keys(wanted))))
	}
	return table([]string{"option", "meaning", "default"}, rows)
}
