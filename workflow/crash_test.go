package workflow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/workflow"
)

// The node is killed at each durable step, started again, and must end as if
// nothing had happened: everything that was acknowledged is there, and nothing
// has a second identity. The test program starts itself as the node.
const (
	crashDir  = "RADNODE_TEST_CRASH_DIR"
	crashStep = "RADNODE_TEST_CRASH_STEP" // "step:n": killed when it is reached for the n-th time
	loadDir   = "RADNODE_TEST_LOAD_DIR"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashNode(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(loadDir); dir != "" {
		fmt.Fprintln(os.Stderr, loadNode(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashImages are what the node is sent: two studies, three images.
func crashImages() []image {
	a := image{study: "2.25.101", series: "2.25.102", sop: "2.25.103", value: 1}
	b := a
	b.sop, b.value = "2.25.104", 2
	return []image{a, b, {study: "2.25.201", series: "2.25.202", sop: "2.25.203", value: 3}}
}

// note appends a line to a log that outlives the process.
func note(dir, log, line string) error {
	f, err := os.OpenFile(filepath.Join(dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

func notes(dir, log string) []string {
	b, err := os.ReadFile(filepath.Join(dir, log))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

// killer ends the process with SIGKILL at the wanted step.
func killer() func(string) {
	step, count, ok := strings.Cut(os.Getenv(crashStep), ":")
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	return func(s string) {
		mu.Lock()
		defer mu.Unlock()
		if s == step {
			if n--; n == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // nothing runs after the step
			}
		}
	}
}

// crashNode is the node: it takes the images, signs each draft and ends when
// everything is delivered.
func crashNode(dir string) error {
	ctx := context.Background()
	trace := killer()
	st, err := store.Open(ctx, store.Options{Dir: filepath.Join(dir, "data"), Exclusive: true, Schemas: workflow.Schemas(), Trace: trace})
	if err != nil {
		return err
	}
	if _, err := audit.Open(ctx, st, st.Reader()); err != nil {
		return err
	}
	if _, err := st.Sweep(ctx); err != nil {
		return err
	}
	w := workflow.New(workflow.Options{
		Store: st, Analyzer: &models{}, Author: &author{}, Sender: notingPACS{dir}, AE: "RADNODE", Quiet: 10 * time.Millisecond, Trace: trace,
	})
	events, cancel := w.Events()
	defer cancel()
	if err := w.Start(ctx); err != nil {
		return err
	}
	if err := w.AddPeer(ctx, everything); err != nil {
		return err
	}
	for _, i := range crashImages() {
		data, err := encode(i)
		if err != nil {
			return err
		}
		if err := w.Ingest(ctx, from, explicitLE, crStorage, i.sop, bytes.NewReader(data)); err != nil {
			return err
		}
		if err := note(dir, "acknowledged", string(i.sop)); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		open, err := advance(ctx, w)
		if err != nil || open == 0 {
			w.Stop()
			return errors.Join(err, st.Close())
		}
		select {
		case <-events:
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("the studies were not delivered in time")
}

// advance signs what waits for it and counts the studies that are not
// delivered.
func advance(ctx context.Context, w *workflow.Workflow) (open int, err error) {
	list, _, err := w.Worklist(ctx, radnode.StudyFilter{})
	if err != nil {
		return 0, err
	}
	for _, sum := range list {
		if sum.State == radnode.Delivered {
			continue
		}
		open++
		s, err := w.Study(ctx, sum.StudyInstanceUID)
		if err != nil {
			return 0, err
		}
		if s.State != radnode.ToReview {
			continue
		}
		if err := decideAndSign(ctx, w, s.Reports[0]); err != nil && radnode.CodeOf(err) != radnode.Conflict {
			return 0, err
		}
	}
	return open, nil
}

func decideAndSign(ctx context.Context, w *workflow.Workflow, r radnode.Report) error {
	next := &r
	for _, f := range r.Findings {
		if f.Finding.Code == nil || f.Decision != radnode.Undecided {
			continue
		}
		var err error
		if next, err = w.Decide(ctx, reader, r.ID, f.ID, next.Version, radnode.Accepted, ""); err != nil {
			return err
		}
	}
	_, err := w.Sign(ctx, reader, r.ID, next.Version)
	return err
}

// notingPACS takes everything but Comprehensive 3D SR and writes down what it
// took.
type notingPACS struct{ dir string }

func (p notingPACS) Store(_ context.Context, _ radnode.Peer, o workflow.Object) error {
	if o.SOPClassUID == srStorage {
		return radnode.Errorf(radnode.Unsupported, "send", "no Comprehensive 3D SR")
	}
	return note(p.dir, "pacs", string(o.SOPInstanceUID))
}

func (p notingPACS) Prove(_ context.Context, _ radnode.Peer, objects []workflow.Object) (string, error) {
	if !slices.Contains(notes(p.dir, "pacs"), string(objects[0].SOPInstanceUID)) {
		return "", radnode.Errorf(radnode.NotFound, "prove", "no such object")
	}
	return "query", nil
}

func (p notingPACS) Takes(context.Context, radnode.Peer, []radnode.UID) (map[radnode.UID]bool, error) {
	return nil, nil
}

// runNode starts the node and reports whether it was killed.
func runNode(t *testing.T, dir, step string) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashStep+"="+step)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	t.Fatalf("node: %v\n%s", err, out)
	return false
}

func TestAKilledNodeGoesOnWhereItWas(t *testing.T) {
	steps := []string{
		"file.created:1", "file.written:1", "file.synced:1", "file.durable:1", "file.durable:2", "file.durable:4",
		"journal.synced:1", "journal.synced:2", "journal.synced:3",
		"ingest.done:1", "ingest.done:3", "job.claimed:1", "analyze.read:1", "analyze.filed:1", "job.handled:1", "job.handled:2",
		"job.finished:1", "sign.written:1", "sign.done:1", "deliver.sent:1", "deliver.filed:1", "deliver.proved:1", "deliver.filed:2",
		"sign.written:2", "deliver.stepped:1", "deliver.sent:4", "deliver.filed:8", "file.durable:9", "file.durable:10",
	}
	for n := 1; n <= 36; n += 5 {
		steps = append(steps, fmt.Sprintf("store.commit:%d", n), fmt.Sprintf("store.committed:%d", n+1))
	}
	if testing.Short() {
		steps = []string{"file.durable:1", "journal.synced:1", "store.commit:3", "analyze.filed:1", "sign.written:1", "deliver.sent:1"}
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if !runNode(t, dir, step) {
				t.Errorf("the node never came to %s", step)
			}
			acknowledged := notes(dir, "acknowledged")
			if runNode(t, dir, "") {
				t.Fatal("the node was killed a second time")
			}
			checkSurvivor(t, dir, acknowledged)
		})
	}
}

func TestANodeThatIsKilledAgainAndAgainGetsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	dir := t.TempDir()
	kills := 0
	for n := 1; n < 60; n++ {
		if !runNode(t, dir, "store.commit:"+strconv.Itoa(1+n/2)) {
			break
		}
		kills++
	}
	if kills < 5 {
		t.Errorf("killed only %d times", kills)
	}
	checkSurvivor(t, dir, notes(dir, "acknowledged"))
}

// checkSurvivor looks at a node's folder after the end of its work.
func checkSurvivor(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	b := mustOpen(t, filepath.Join(dir, "data"))
	ctx := context.Background()
	b.balanced()
	for _, i := range crashImages() {
		path, _, err := b.InstancePath(ctx, i.sop)
		if err != nil {
			t.Errorf("%s (acknowledged before: %v): %v", i.sop, slices.Contains(acknowledged, string(i.sop)), err)
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(got, i.bytes(t)) {
			t.Errorf("%s is not byte-equal: %v", i.sop, err)
		}
	}
	var final []string
	for _, study := range []radnode.UID{"2.25.101", "2.25.201"} {
		s, err := b.Study(ctx, study)
		if err != nil {
			t.Fatal(err)
		}
		final = append(final, checkSurvivingStudy(t, s)...)
	}
	taken := notes(dir, "pacs")
	slices.Sort(taken)
	slices.Sort(final)
	if diff := cmp.Diff(final, slices.Compact(taken)); diff != "" {
		t.Errorf("what the PACS has is not what was signed: %s", diff)
	}
}

// checkSurvivingStudy checks one study and lists the documents of its signed
// reports.
func checkSurvivingStudy(t *testing.T, s *radnode.Study) (documents []string) {
	t.Helper()
	if s.State != radnode.Delivered || len(s.Warnings) != 0 {
		t.Errorf("study is %s (%s), warnings %v", s.State, s.StateReason, s.Warnings)
	}
	if want := 2 * s.InstanceCount; len(s.Results) != want {
		t.Errorf("%d results of %d images, want %d", len(s.Results), s.InstanceCount, want)
	}
	for n, r := range s.Reports {
		want := radnode.Final
		if n > 0 {
			want = radnode.Superseded // images that came after a signature
		}
		if r.State != want || len(r.Deliveries) != 4 {
			t.Errorf("report %d is %s, deliveries %+v", n, r.State, r.Deliveries)
		}
		for _, d := range r.Deliveries {
			if d.State != radnode.DeliveryProven || d.Kind == "sr" && d.SOPInstanceUID != report.InstanceUID(r.SOPInstanceUID, report.Ladder[1]) {
				t.Errorf("delivery %+v", d)
			}
			documents = append(documents, string(d.SOPInstanceUID))
		}
	}
	return documents
}

// loadNode takes images of eight senders until it is killed.
func loadNode(dir string) error {
	ctx := context.Background()
	st, err := store.Open(ctx, store.Options{Dir: filepath.Join(dir, "data"), Exclusive: true, Schemas: workflow.Schemas()})
	if err != nil {
		return err
	}
	if _, err := st.Sweep(ctx); err != nil {
		return err
	}
	w := workflow.New(workflow.Options{Store: st, Analyzer: &models{}, Author: &author{}, Sender: notingPACS{dir}, Quiet: 30 * time.Millisecond})
	if err := w.Start(ctx); err != nil {
		return err
	}
	failed := make(chan error)
	for sender := range 8 {
		go func() {
			i := image{series: radnode.NewUID(), value: byte(sender)}
			for n := 0; ; n++ {
				if n%10 == 0 {
					i.study = radnode.NewUID()
				}
				i.sop = radnode.NewUID()
				data, err := encode(i)
				if err == nil {
					err = w.Ingest(ctx, from, explicitLE, crStorage, i.sop, bytes.NewReader(data))
				}
				if err == nil {
					err = note(dir, fmt.Sprint("acknowledged", sender), fmt.Sprintf("%s/%s/%s/%d", i.study, i.series, i.sop, i.value))
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func TestWhatWasAcknowledgedSurvivesRandomKillsUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	dir := t.TempDir()
	for range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), loadDir+"="+dir)
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100*time.Millisecond + time.Duration(rand.IntN(250))*time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		_ = cmd.Wait() // killed
	}
	b := mustOpen(t, filepath.Join(dir, "data"))
	ctx := context.Background()
	if _, err := b.store.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	studies := map[radnode.UID]bool{}
	n := 0
	for sender := range 8 {
		for _, line := range notes(dir, fmt.Sprint("acknowledged", sender)) {
			part := strings.Split(line, "/")
			i := image{study: radnode.UID(part[0]), series: radnode.UID(part[1]), sop: radnode.UID(part[2]), value: byte(sender)}
			studies[i.study] = true
			n++
			path, _, err := b.InstancePath(ctx, i.sop)
			if err != nil {
				t.Errorf("acknowledged and lost: %v", err)
				continue
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(got, i.bytes(t)) {
				t.Errorf("%s is not byte-equal: %v", i.sop, err)
			}
		}
	}
	t.Logf("%d instances in %d studies were acknowledged", n, len(studies))
	if n == 0 {
		t.Error("nothing was acknowledged")
	}
	for study := range studies {
		s := b.state(study, radnode.ToReview)
		if len(s.Reports) != 1 || len(s.Results) != 2*s.InstanceCount {
			t.Errorf("%d reports, %d results of %d images", len(s.Reports), len(s.Results), s.InstanceCount)
		}
	}
	b.balanced()
}
