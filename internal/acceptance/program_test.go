// Package acceptance runs the built programs as a user and real peers would:
// DCMTK sends and receives, the API is spoken to over HTTP, processes are
// killed.
package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
)

// root is the top folder of the checkout.
var root = sync.OnceValue(func() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		panic(fmt.Sprintf("go list -m: %v", err))
	}
	return strings.TrimSpace(string(out))
})

// film is the real portable chest radiograph of an adult that the parser's
// module carries.
var film = sync.OnceValue(func() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		panic(fmt.Sprintf("go list -m: %v", err))
	}
	return filepath.Join(strings.TrimSpace(string(out)), "testdata", "4.dcm")
})

// programs builds both programs once and returns their folder.
var programs = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(root(), "build", "acceptance")
	for name, cgo := range map[string]string{"radnode": "0", "radnode-pixel": "1"} {
		build := exec.Command("go", "build", "-o", filepath.Join(bin, name), "./cmd/"+name)
		build.Dir = root()
		build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return bin, nil
})

func program(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root(), "build", "onnxruntime", "libonnxruntime.so.1")); err != nil {
		t.Skip("ONNX Runtime is not in build/onnxruntime: run `make build` first")
	}
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, "radnode")
}

func onnxruntime() string {
	return "RADNODE_ONNXRUNTIME=" + filepath.Join(root(), "build", "onnxruntime", "libonnxruntime.so.1")
}

// shared is the folder of files that others lend us.
func shared(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join(root(), "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("../shared/%s is not here", path)
	}
	return full
}

// tool skips the test where a peer is not installed.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: run `scripts/packages test`", name)
	}
	return path
}

// command runs a tool and returns its exit status and output.
func command(t *testing.T, name string, args ...string) (int, string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), onnxruntime())
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// startedNode is `radnode serve` as a process.
type startedNode struct {
	t       *testing.T
	program string
	data    string
	env     []string
	flags   []string
	process *exec.Cmd
	dicom   string // host:port
	web     string // http://host:port
	log     *lockedBuffer
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

const (
	token         = "acceptance-token"
	adminPassword = "correct horse"
)

// startNode starts a node with a data folder of its own.
func startNode(t *testing.T, flags ...string) *startedNode {
	t.Helper()
	n := &startedNode{t: t, program: program(t), data: filepath.Join(t.TempDir(), "data"), flags: flags, log: &lockedBuffer{},
		env: []string{onnxruntime(), "RADNODE_ADMIN_PASSWORD=" + adminPassword, "RADNODE_PROVIDERS=cpu",
			"RADNODE_TOKENS=reader:radiologist:" + token + ",tech:technologist:technologist-token,pacs:service:service-token"}}
	n.start()
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("log of the node:\n%s", n.log.String())
		}
	})
	return n
}

var readyLine = regexp.MustCompile(`^radnode ready: DICOM (\S+)@(\S+), HTTP (\S+)/`)

func (n *startedNode) start() {
	n.t.Helper()
	args := append([]string{"serve", "--data", n.data, "--dicom", "127.0.0.1:0", "--http", "127.0.0.1:0", "--quiet", "1s", "--allow-loopback"}, n.flags...)
	n.process = exec.Command(n.program, args...)
	n.process.Env = append(os.Environ(), n.env...)
	n.process.Stderr = n.log
	// If the test dies, the node must not stay.
	n.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.process.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	ready := make(chan []string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m
			}
		}
		close(ready)
	}()
	select {
	case m, ok := <-ready:
		if !ok {
			n.t.Fatalf("the node ended before it was ready:\n%s", n.log.String())
		}
		n.dicom, n.web = m[2], m[3]
	case <-time.After(2 * time.Minute):
		n.t.Fatalf("the node is not ready:\n%s", n.log.String())
	}
}

// kill ends the node as a power failure would, as far as a process can tell.
func (n *startedNode) kill() {
	if n.process != nil && n.process.ProcessState == nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait()
	}
}

// run runs another command of the program on the node's data.
func (n *startedNode) run(args ...string) (int, string) {
	n.t.Helper()
	return command(n.t, n.program, append(args, "--data", n.data)...)
}

func (n *startedNode) hostPort() (string, string) {
	n.t.Helper()
	host, port, err := net.SplitHostPort(n.dicom)
	if err != nil {
		n.t.Fatal(err)
	}
	return host, port
}

// storescu sends with DCMTK.
func (n *startedNode) storescu(args ...string) (int, string) {
	n.t.Helper()
	host, port := n.hostPort()
	return command(n.t, tool(n.t, "dcmsend"), append([]string{"-aec", "RADNODE", "-aet", "MODALITY", host, port}, args...)...)
}

// request speaks to the API as the holder of a token and returns status and body.
func (n *startedNode) request(bearer, method, path string, body any, header ...string) (int, []byte, http.Header) {
	n.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			n.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, n.web+path, reader)
	if err != nil {
		n.t.Fatal(err)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, text, response.Header
}

// get reads JSON from the API.
func (n *startedNode) get(path string, into any) {
	n.t.Helper()
	status, body, _ := n.request(token, http.MethodGet, path, nil)
	if status != http.StatusOK {
		n.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		n.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

// studies is the worklist.
func (n *startedNode) studies() []radnode.StudySummary {
	n.t.Helper()
	var list struct {
		Studies []radnode.StudySummary `json:"studies"`
	}
	n.get("/api/v1/studies?limit=500", &list)
	return list.Studies
}

func (n *startedNode) study(uid radnode.UID) radnode.Study {
	n.t.Helper()
	var s radnode.Study
	n.get("/api/v1/studies/"+string(uid), &s)
	return s
}

// eventually waits until the condition holds; the node has no test hooks, so
// it is asked.
func eventually(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it did not come to pass in %s: %s", limit, what)
}

// settled waits until every study was read.
func (n *startedNode) settled(count int) []radnode.StudySummary {
	n.t.Helper()
	var list []radnode.StudySummary
	eventually(n.t, fmt.Sprintf("%d studies are read", count), 2*time.Minute, func() bool {
		list = n.studies()
		for _, s := range list {
			if s.State == radnode.Arriving || s.State == radnode.Analysing {
				return false
			}
		}
		return len(list) == count
	})
	return list
}

// balanced demands that the ledger balances.
func (n *startedNode) balanced() {
	n.t.Helper()
	if status, out := n.run("ledger"); status != 0 {
		n.t.Errorf("the ledger does not balance (exit %d):\n%s", status, out)
	}
}
