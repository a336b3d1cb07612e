package acceptance

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/internal/peertest"
)

const secondaryCapture radnode.UID = "1.2.840.10008.5.1.4.1.1.7"

// made is an object without pixels, which no model looks at.
func made(t testing.TB, study, instance radnode.UID, size int) []byte {
	t.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, secondaryCapture)
	d.SetUID(dicom.SOPInstanceUID, instance)
	d.SetUID(dicom.StudyInstanceUID, study)
	d.SetUID(dicom.SeriesInstanceUID, study+".1")
	d.SetText(dicom.PatientID, "P1")
	d.SetText(dicom.PatientName, "Made^Up")
	d.SetText(dicom.Modality, "OT")
	var b bytes.Buffer
	if err := dicom.Write(&b, d, dimse.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	// A private OB element at the end: bytes that say nothing to anybody.
	noise := make([]byte, size&^1)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	b.Write([]byte{0x09, 0x70, 0x10, 0x00, 'L', 'O', 4, 0, 'T', 'E', 'S', 'T', 0x09, 0x70, 0x01, 0x10, 'O', 'B', 0, 0})
	b.Write([]byte{byte(len(noise)), byte(len(noise) >> 8), byte(len(noise) >> 16), 0})
	b.Write(noise)
	return b.Bytes()
}

// send stores objects on one association and reports what was answered.
func (n *startedNode) send(ctx context.Context, ae, address string, objects map[radnode.UID][]byte, answered func(radnode.UID, dimse.Status)) error {
	c, err := dimse.Dial(ctx, address, dimse.ClientConfig{CallingAE: ae, CalledAE: "RADNODE"}, dimse.StorageContexts(dimse.StoreOptions{SOPClassUID: secondaryCapture, TransferSyntaxUID: dimse.ExplicitVRLittleEndian}))
	if err != nil {
		return err
	}
	defer c.Close()
	for uid, data := range objects {
		response, err := c.Store(ctx, dimse.StoreOptions{SOPClassUID: secondaryCapture, SOPInstanceUID: uid, TransferSyntaxUID: dimse.ExplicitVRLittleEndian}, bytes.NewReader(data))
		if err != nil {
			return err
		}
		answered(uid, response.Status)
	}
	return nil
}

// collector takes what a C-GET brings.
type collector struct {
	mu  sync.Mutex
	got map[radnode.UID][]byte
}

func (c *collector) Store(_ context.Context, req *dimse.StoreRequest, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[req.AffectedSOPInstanceUID] = b
	return nil
}

// fetch gets a study by C-GET.
func (n *startedNode) fetch(study radnode.UID, into dimse.Storer) (dimse.Retrieval, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	contexts := dimse.GetContexts(dimse.StudyRootGet, []radnode.UID{secondaryCapture}, []radnode.UID{dimse.ExplicitVRLittleEndian})
	c, err := dimse.Dial(ctx, n.dicom, dimse.ClientConfig{CallingAE: "FETCHER", CalledAE: "RADNODE"}, contexts)
	if err != nil {
		return dimse.Retrieval{}, err
	}
	defer c.Close()
	keys := dicom.NewDataset()
	keys.SetText(dicom.QueryRetrieveLevel, "STUDY")
	keys.SetUID(dicom.StudyInstanceUID, study)
	return c.Get(ctx, dimse.StudyRootGet, keys, into, nil)
}

// kills is how often the node is killed: RADNODE_TEST_KILLS, or 30, or 5 with
// -short.
func kills(t *testing.T) int {
	if text := os.Getenv("RADNODE_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 5
	}
	return 30
}

func TestWhatEightSendersWereAnsweredIsThereByteForByteAfterRandomKills(t *testing.T) {
	const senders = 8
	n := startNode(t)
	var mu sync.Mutex
	kept := map[radnode.UID][]byte{}
	studies := make([]radnode.UID, senders)
	for i := range studies {
		studies[i] = radnode.NewUID()
	}
	for range kills(t) {
		ctx, cancel := context.WithCancel(t.Context())
		address := n.dicom
		var group sync.WaitGroup
		for i := range senders {
			group.Go(func() {
				for ctx.Err() == nil {
					objects := map[radnode.UID][]byte{}
					for range 20 {
						uid := radnode.NewUID()
						objects[uid] = made(t, studies[i], uid, 1000+rand.IntN(60_000))
					}
					if n.send(ctx, "SENDER"+strconv.Itoa(i), address, objects, func(uid radnode.UID, status dimse.Status) {
						if status == dimse.StatusSuccess {
							mu.Lock()
							kept[uid] = objects[uid]
							mu.Unlock()
						}
					}) != nil {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(30+rand.IntN(250)) * time.Millisecond)
		n.kill()
		cancel()
		group.Wait()
		n.start()
	}
	t.Logf("%d instances were acknowledged", len(kept))
	if len(kept) < 100 {
		t.Errorf("only %d instances were acknowledged: the kills came too early to mean anything", len(kept))
	}
	got := &collector{got: map[radnode.UID][]byte{}}
	for _, study := range studies {
		if result, err := n.fetch(study, got); err != nil || result.SubOperations.Failed > 0 {
			t.Errorf("%v %+v", err, result)
		}
	}
	for uid, want := range kept {
		if !bytes.Equal(got.got[uid], want) {
			t.Errorf("instance %s: %d bytes, want %d", uid, len(got.got[uid]), len(want))
		}
	}
	n.balanced()
	if status, out := n.run("ledger", "--verify"); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
}

func TestAFullDiskStopsStorageAndNothingElse(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=190m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	n := startNode(t)
	n.kill()
	n.data = filepath.Join(disk, "data")
	n.start()
	t.Cleanup(n.kill)
	study, uid := radnode.NewUID(), radnode.NewUID()
	store := func(uid radnode.UID) (status dimse.Status) {
		if err := n.send(t.Context(), "CT", n.dicom, map[radnode.UID][]byte{uid: made(t, study, uid, 100_000)}, func(_ radnode.UID, s dimse.Status) { status = s }); err != nil {
			t.Fatalf("the association broke: %v", err)
		}
		return status
	}
	if status := store(uid); status != dimse.StatusSuccess {
		t.Fatal(status)
	}
	ready := func() int { status, _, _ := n.request("", http.MethodGet, "/readyz", nil); return status }
	filler := filepath.Join(disk, "filler")
	for name, room := range map[string]int{"under the reserve": 60 << 20, "no room at all": 0} {
		t.Run(name, func(t *testing.T) {
			fill(t, filler, disk, room)
			if status := store(radnode.NewUID()); status != dimse.StatusOutOfResources {
				t.Errorf("storage is answered with %s", status)
			}
			if status := ready(); status != http.StatusServiceUnavailable {
				t.Errorf("readyz answers %d", status)
			}
			if status, out := command(t, n.program, "find", n.target(), "--json", "-k", "StudyInstanceUID="+string(study), "-k", "NumberOfStudyRelatedInstances"); status != 0 || !strings.Contains(out, `"1"`) {
				t.Errorf("query: exit %d: %s", status, out)
			}
			got := &collector{got: map[radnode.UID][]byte{}}
			if result, err := n.fetch(study, got); err != nil || result.Status != dimse.StatusSuccess || len(got.got) != 1 {
				t.Errorf("retrieval: %v %+v", err, result)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			again := radnode.NewUID()
			if status := store(again); status != dimse.StatusSuccess {
				t.Errorf("with room again storage is answered with %s", status)
			}
			if status := ready(); status != http.StatusOK {
				t.Errorf("with room again readyz answers %d", status)
			}
			study = radnode.NewUID() // the next case counts from one again
			if status := store(radnode.NewUID()); status != dimse.StatusSuccess {
				t.Error(status)
			}
		})
	}
	n.balanced()
}

// fill leaves so much room on a disk.
func fill(t *testing.T, path, disk string, room int) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for left := int(fs.Bavail)*int(fs.Bsize) - room; left > 0; left -= 1 << 20 {
		if _, err := f.Write(make([]byte, min(left, 1<<20))); err != nil {
			if errors.Is(err, unix.ENOSPC) {
				return
			}
			t.Fatal(err)
		}
	}
}

func TestALockedIndexStopsStorageAndNothingElse(t *testing.T) {
	sqlite := tool(t, "sqlite3")
	n := startNode(t)
	study, uid := radnode.NewUID(), radnode.NewUID()
	store := func(uid radnode.UID) (status dimse.Status) {
		if err := n.send(t.Context(), "CT", n.dicom, map[radnode.UID][]byte{uid: made(t, study, uid, 1000)}, func(_ radnode.UID, s dimse.Status) { status = s }); err != nil {
			t.Fatalf("the association broke: %v", err)
		}
		return status
	}
	if status := store(uid); status != dimse.StatusSuccess {
		t.Fatal(status)
	}
	locker := exec.Command(sqlite, filepath.Join(n.data, "radnode.db"))
	in, err := locker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := locker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := locker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = locker.Process.Kill(); _ = locker.Wait() })
	fmt.Fprintln(in, ".timeout 20000\nBEGIN IMMEDIATE;\nSELECT 'locked';")
	if _, err := io.ReadFull(out, make([]byte, len("locked\n"))); err != nil {
		t.Fatal(err)
	}
	if status := store(radnode.NewUID()); status != dimse.StatusOutOfResources {
		t.Errorf("storage is answered with %s", status)
	}
	if status, body, _ := n.request("", http.MethodGet, "/readyz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("readyz answers %d %s", status, body)
	}
	if status, out := command(t, n.program, "find", n.target(), "--json", "-k", "StudyInstanceUID="+string(study)); status != 0 || !strings.Contains(out, string(study)) {
		t.Errorf("query: exit %d: %s", status, out)
	}
	got := &collector{got: map[radnode.UID][]byte{}}
	if result, err := n.fetch(study, got); err != nil || result.Status != dimse.StatusSuccess || len(got.got) != 1 {
		t.Errorf("retrieval: %v %+v", err, result)
	}
	fmt.Fprintln(in, "ROLLBACK;")
	eventually(t, "storage goes on", 20*time.Second, func() bool { return store(radnode.NewUID()) == dimse.StatusSuccess })
	if status, _, _ := n.request("", http.MethodGet, "/readyz", nil); status != http.StatusOK {
		t.Errorf("readyz answers %d", status)
	}
	n.balanced()
}

func TestTheSameUIDAtOnceAndOtherBytesUnderItOverTheWire(t *testing.T) {
	n := startNode(t)
	study, uid := radnode.NewUID(), radnode.NewUID()
	same := made(t, study, uid, 50_000)
	var group sync.WaitGroup
	var mu sync.Mutex
	answers := map[dimse.Status]int{}
	send := func(data []byte) {
		err := n.send(t.Context(), "CT", n.dicom, map[radnode.UID][]byte{uid: data}, func(_ radnode.UID, s dimse.Status) {
			mu.Lock()
			defer mu.Unlock()
			answers[s]++
		})
		if err != nil {
			t.Error(err)
		}
	}
	for range 8 {
		group.Go(func() { send(same) })
	}
	group.Wait()
	if answers[dimse.StatusSuccess] != 8 {
		t.Errorf("the same bytes at once: %v", answers)
	}
	// Other bytes are kept apart: both are there, the first is given out.
	send(made(t, study, uid, 40_000))
	if answers[dimse.StatusSuccess] != 9 {
		t.Errorf("other bytes of the same study: %v", answers)
	}
	got := &collector{got: map[radnode.UID][]byte{}}
	if _, err := n.fetch(study, got); err != nil || !bytes.Equal(got.got[uid], same) || len(got.got) != 1 {
		t.Errorf("%v: %d objects", err, len(got.got))
	}
	if s := n.study(study); len(s.Warnings) == 0 || !strings.Contains(strings.Join(s.Warnings, " "), string(uid)) {
		t.Errorf("warnings %v", s.Warnings)
	}
	// In another study the UID is a conflict (0111).
	send(made(t, radnode.NewUID(), uid, 1000))
	if answers[dimse.StatusDuplicateSOPInstance] != 1 {
		t.Errorf("the same UID in another study: %v", answers)
	}
	n.balanced()
}

func TestAFileThatVanishesDuringRetrievalCostsItsInstanceOnly(t *testing.T) {
	n := startNode(t)
	study := radnode.NewUID()
	objects := map[radnode.UID][]byte{}
	for range 20 {
		uid := radnode.NewUID()
		objects[uid] = made(t, study, uid, 10_000)
	}
	if err := n.send(t.Context(), "CT", n.dicom, objects, func(radnode.UID, dimse.Status) {}); err != nil {
		t.Fatal(err)
	}
	var gone radnode.UID
	for gone = range objects {
		break
	}
	files, err := filepath.Glob(filepath.Join(n.data, "instances", "*", "*", "*"))
	if err != nil || len(files) < len(objects) {
		t.Fatal(files, err)
	}
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(gone)) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := &collector{got: map[radnode.UID][]byte{}}
	result, err := n.fetch(study, got)
	if err != nil || result.Status != dimse.StatusCoercion || result.SubOperations.Failed != 1 || len(result.FailedUIDs) != 1 || result.FailedUIDs[0] != gone || len(got.got) != len(objects)-1 {
		t.Errorf("%v %+v, %d came", err, result, len(got.got))
	}
	if status, out := n.run("ledger"); status == 0 {
		t.Errorf("the ledger does not miss the file: %s", out)
	}
}

// descriptors counts the open files of the node.
func (n *startedNode) descriptors() int {
	n.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.Process.Pid))
	if err != nil {
		n.t.Skip("there is no /proc")
	}
	return len(entries)
}

func TestPeersThatDoNotReadOrTalkAreBorneAndReleased(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts the descriptors of a process")
	}
	n := startNode(t, "--allow-loopback=false", "--associations", "600")
	n.peer("add", "IDLE", "IDLE@127.0.0.1:104", "--max-silence", "4s")
	n.peer("add", "GREEDY", "GREEDY@127.0.0.1:104", "--max-silence", "4s")
	n.peer("add", "GOOD", "GOOD@127.0.0.1:104")
	n.peer("add", "CT", "CT@127.0.0.1:104")
	time.Sleep(peersRead)
	study := radnode.NewUID()
	objects := map[radnode.UID][]byte{}
	for range 30 {
		uid := radnode.NewUID()
		objects[uid] = made(t, study, uid, 900_000)
	}
	if err := n.send(t.Context(), "CT", n.dicom, objects, func(radnode.UID, dimse.Status) {}); err != nil {
		t.Fatal(err)
	}
	before := n.descriptors()
	quiet := n.latency(t)
	var held []net.Conn
	hold := func(c net.Conn, err error) {
		if err == nil {
			held = append(held, c)
		}
	}
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for i := range 500 {
		hold(rawAssociation(from(2+i/60), n.dicom, "IDLE", nil))
	}
	if len(held) != 500 {
		t.Errorf("%d of 500 idle associations stand", len(held))
	}
	for range 10 { // C-GET of 27 MB whose objects nobody reads
		hold(rawAssociation(from(100), n.dicom, "GREEDY", getRequest(t, study)))
	}
	for i := range 50 {
		c, err := dialFrom(101, n.dicom)
		hold(c, err)
		if err == nil {
			_, _ = c.Write([][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), {1, 0, 0xff, 0xff, 0xff, 0xff}, {22, 3, 1, 2, 0, 1}, {1}}[i%4])
		}
	}
	busy := n.latency(t)
	t.Logf("an echo takes %s alone, %s beside %d hostile connections", quiet, busy, len(held))
	if busy > 10*quiet+200*time.Millisecond {
		t.Errorf("an echo takes %s instead of %s", busy, quiet)
	}
	eventually(t, "everything of the peers that do not talk is released", 40*time.Second, func() bool { return n.descriptors() <= before+20 })
	if log := n.log.String(); strings.Contains(log, "panicked") {
		t.Error("something panicked")
	}
}

// latency is the middle of several echoes with their associations.
func (n *startedNode) latency(t *testing.T) time.Duration {
	t.Helper()
	var times []time.Duration
	for range 21 {
		start := time.Now()
		c, err := n.associate("GOOD")
		if err == nil {
			err = c.Echo(t.Context())
		}
		if err != nil {
			t.Fatalf("a good peer is hurt: %v", err)
		}
		_ = c.Close()
		times = append(times, time.Since(start))
	}
	return middle(times)
}

// from calls from another address of this machine: the node has limits for
// each.
func from(last int) net.Dialer {
	return net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(last))}}
}

func middle(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// rawAssociation opens an association by hand, sends a message if there is
// one, and reads nothing more.
func rawAssociation(dialer net.Dialer, address, ae string, message []byte) (net.Conn, error) {
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	user := peertest.UserInformation(16384)
	contexts := []peertest.Context{{ID: 1, Abstract: string(dimse.Verification), Syntaxes: []string{string(dimse.ImplicitVRLittleEndian)}}}
	if message != nil {
		user = peertest.UserInformation(16384, peertest.Role(string(secondaryCapture), false, true))
		contexts = []peertest.Context{{ID: 1, Abstract: string(dimse.StudyRootGet), Syntaxes: []string{string(dimse.ImplicitVRLittleEndian)}},
			{ID: 3, Abstract: string(secondaryCapture), Syntaxes: []string{string(dimse.ExplicitVRLittleEndian)}}}
	}
	if _, err := conn.Write(peertest.AssociateRQ("RADNODE", ae, user, contexts...)); err != nil {
		return conn, err
	}
	header := make([]byte, 6)
	if _, err := io.ReadFull(conn, header); err != nil || header[0] != 2 {
		return conn, fmt.Errorf("association answered with %d: %w", header[0], err)
	}
	if _, err := conn.Write(message); err != nil {
		return conn, err
	}
	return conn, nil
}

// getRequest is a C-GET-RQ of a study, written by hand.
func getRequest(t *testing.T, study radnode.UID) []byte {
	t.Helper()
	element := func(number uint16, value []byte) []byte {
		if len(value)%2 == 1 {
			value = append(value, 0)
		}
		b := binary.LittleEndian.AppendUint16([]byte{0, 0}, number)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(value))), value...)
	}
	rest := slices.Concat(element(0x0002, []byte(dimse.StudyRootGet)), element(0x0100, []byte{0x10, 0}), element(0x0110, []byte{1, 0}),
		element(0x0700, []byte{0, 0}), element(0x0800, []byte{1, 0}))
	command := append(element(0, binary.LittleEndian.AppendUint32(nil, uint32(len(rest)))), rest...)
	keys := dicom.NewDataset()
	keys.SetText(dicom.QueryRetrieveLevel, "STUDY")
	keys.SetUID(dicom.StudyInstanceUID, study)
	var identifier bytes.Buffer
	if err := dicom.Write(&identifier, keys, dimse.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	return peertest.PData(peertest.PDV(1, 3, command), peertest.PDV(1, 2, identifier.Bytes()))
}

func dialFrom(last int, address string) (net.Conn, error) {
	dialer := from(last)
	return dialer.Dial("tcp", address)
}

func TestUIDsWithLeadingZerosAreTakenWithAWarning(t *testing.T) {
	n := startNode(t)
	odd := filepath.Join(t.TempDir(), "odd.dcm")
	text, err := os.ReadFile(film())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(odd, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const study, series, image = "1.2.840.00.1", "1.2.840.00.1.01", "1.2.840.00.1.01.001"
	if status, out := command(t, tool(t, "dcmodify"), "-nb", "-m", "StudyInstanceUID="+study, "-m", "SeriesInstanceUID="+series, "-m", "SOPInstanceUID="+image, odd); status != 0 {
		t.Fatal(out)
	}
	host, port := n.hostPort()
	if status, out := command(t, tool(t, "storescu"), "-aec", "RADNODE", host, port, odd); status != 0 {
		t.Fatalf("exit %d: %s", status, out)
	}
	if s := n.settled(1)[0]; s.State != radnode.ToReview && s.State != radnode.NotAnalysed {
		t.Errorf("the study is %s (%s)", s.State, s.StateReason)
	}
	s := n.study(study)
	if len(s.Warnings) == 0 || !strings.Contains(strings.Join(s.Warnings, " "), "9.1") {
		t.Errorf("state %s (%s), warnings %v", s.State, s.StateReason, s.Warnings)
	}
	dir := t.TempDir()
	if status, out := command(t, tool(t, "getscu"), "-S", "-aec", "RADNODE", "-od", dir, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+study, host, port); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("%d files came", len(files))
	} else {
		samePixels(t, odd, files[0])
	}
	t.Logf("the study is %s (%s)", s.State, s.StateReason)
	n.kill()
	n.start()
	n.balanced()
}
