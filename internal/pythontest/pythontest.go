// Package pythontest runs Python scripts for tests that compare with NumPy,
// OpenCV, scikit-image and pydicom. One process imports them once; each script
// runs in a fork of it.
package pythontest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// python is Debian's, for which the packages are.
const python = "/usr/bin/python3"

// server listens on the socket that is its argument until its input ends. A
// request is two lengths of 8 bytes, a JSON object and the input of the script;
// the answer one byte, 0 for success, and what the script wrote.
const server = `
import io, json, os, select, signal, socket, struct, sys, traceback
os.environ.setdefault("OMP_NUM_THREADS", "1")
import cv2, numpy as np, pydicom, scipy.ndimage, scipy.spatial.distance
import skimage.feature, skimage.filters, skimage.measure, skimage.morphology, skimage.segmentation
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
s = socket.socket(socket.AF_UNIX); s.bind("\0" + sys.argv[1][1:]); s.listen(64)

def serve(c):
    f = c.makefile("rb")
    head = f.read(16)
    if len(head) < 16: return
    n, m = struct.unpack("<QQ", head)
    ask, data = json.loads(f.read(n)), f.read(m)
    sys.argv = ["-c"] + ask["arguments"]
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(data)), io.TextIOWrapper(io.BytesIO())
    try:
        exec(compile(ask["script"], "script", "exec"), {"__name__": "__main__", "sys": sys, "cv2": cv2, "np": np})
        sys.stdout.flush(); code, out = b"\0", sys.stdout.buffer.getvalue()
    except BaseException:
        code, out = b"\1", traceback.format_exc().encode()
    c.sendall(code + out); c.close()

while True:
    ready, _, _ = select.select([s, sys.stdin], [], [])
    if sys.stdin in ready: break
    c, _ = s.accept()
    if os.fork() == 0:
        s.close(); serve(c); os._exit(0)
    c.close()
`

// start returns the socket of the process, which ends with this one: its input
// is a pipe that nothing is written to.
var start = sync.OnceValues(func() (string, error) {
	// An abstract socket (unix(7)) leaves no file behind.
	socket := fmt.Sprintf("@pythontest-%d-%d", os.Getpid(), time.Now().UnixNano())
	cmd := exec.Command(python, "-c", server, socket)
	if _, err := cmd.StdinPipe(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		return "", err
	}
	go func() { ended <- cmd.Wait() }()
	for limit := time.After(2 * time.Minute); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close() // the fork for it sees the end of its input
			return socket, nil
		}
		select {
		case err := <-ended:
			return "", fmt.Errorf("python ended: %w", err)
		case <-limit:
			return "", fmt.Errorf("python did not start within two minutes")
		case <-time.After(20 * time.Millisecond):
		}
	}
})

// Run runs a script and returns what it wrote to sys.stdout.buffer. sys, cv2
// and np are there; the input is at sys.stdin.buffer, the arguments in
// sys.argv[1:]. The test is skipped where Python or a package is missing.
func Run(tb testing.TB, script string, stdin []byte, arguments ...string) []byte {
	tb.Helper()
	socket, err := start()
	if err != nil {
		tb.Skipf("Python with OpenCV, scikit-image and pydicom is not on this machine (python3-opencv, python3-skimage, python3-pydicom): %v", err)
	}
	head, err := json.Marshal(map[string]any{"script": script, "arguments": append([]string{}, arguments...)})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	request := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	request = binary.LittleEndian.AppendUint64(request, uint64(len(stdin)))
	for _, part := range [][]byte{request, head, stdin} {
		if _, err := c.Write(part); err != nil {
			tb.Fatal(err)
		}
	}
	out, err := io.ReadAll(c)
	if err != nil || len(out) == 0 || out[0] != 0 {
		tb.Fatalf("the script failed, %v: %s", err, out)
	}
	return out[1:]
}
