package acceptance

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
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
)

// The benchmarks of this file stand beside the raw runtime (onnxruntime-node)
// and the Python pipeline and take turns with them. They need the folder that
// ../shared/bench/README.md sets up:
//
//	BENCH_ROOT=… go test ./internal/acceptance -run '^$' -bench Inference -benchtime 1x

const (
	benchRounds = 4
	benchRound  = 2 * time.Second
	benchShape  = "1,3,224,224"
)

// benchRoot is a file or folder of the benchmark folder.
func benchRoot(b *testing.B, path string) string {
	b.Helper()
	full := filepath.Join(os.Getenv("BENCH_ROOT"), path)
	if _, err := os.Stat(full); os.Getenv("BENCH_ROOT") == "" || err != nil {
		b.Skipf("BENCH_ROOT names no folder with %s; see ../shared/bench/README.md", path)
	}
	return full
}

// rawRuntime is the model in a runtime of its own, ready to run.
type rawRuntime struct {
	in  io.Writer
	out *bufio.Reader
}

func startRaw(b *testing.B, threads int) *rawRuntime {
	b.Helper()
	c := exec.Command("node", filepath.Join("testdata", "raw.cjs"), benchRoot(b, "densenet121.onnx"), "input", benchShape, strconv.Itoa(threads))
	c.Env = append(os.Environ(), "NODE_PATH="+benchRoot(b, "node/node_modules"))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Skipf("node cannot be started: %v", err)
	}
	b.Cleanup(func() {
		_ = in.Close() // it ends by that
		_ = c.Wait()
	})
	r := &rawRuntime{in, bufio.NewReaderSize(out, 1<<20)}
	r.answer(b)
	return r
}

func (r *rawRuntime) answer(b *testing.B) []float64 {
	b.Helper()
	line, err := r.out.ReadBytes('\n')
	var millis []float64
	if err == nil {
		err = json.Unmarshal(line, &millis)
	}
	if err != nil {
		b.Fatalf("the raw runtime: %v", err)
	}
	return millis
}

// run runs the model again and again for one round.
func (r *rawRuntime) run(b *testing.B) []float64 {
	b.Helper()
	fmt.Fprintln(r.in, benchRound.Seconds())
	return r.answer(b)
}

// benchPackages installs the network under three pipelines: only brought to
// its size; with the contrast evened out; and with the features that the Python
// pipeline computes.
func benchPackages(b *testing.B) string {
	b.Helper()
	graph, err := os.ReadFile(benchRoot(b, "densenet121.onnx"))
	if err != nil {
		b.Fatal(err)
	}
	const fit = "  - {step: resize, rows: 224, columns: 224, interpolation: area}\n  - {step: channels}\n  - {step: normalise, mode: imagenet}\n"
	folder := b.TempDir()
	for id, steps := range map[string]string{
		"dense-plain": "  - {step: grey}\n" + fit,
		"dense-even":  "  - {step: window}\n  - {step: clahe}\n" + fit,
		"dense-features": `  - {step: window}
  - step: branch
    name: texture
    steps:
      - {step: clahe, clip: 2, tiles: 8}
      - {step: features, families: [glcm, lbp], bins: 32}
      - {step: denoise, method: gaussian, size: 5}
      - {step: morphology, op: open}
      - {step: morphology, op: close}
      - {step: threshold, mode: otsu, as: mask}
      - {step: components, source: mask}
      - {step: features, families: [edges]}
` + fit,
	} {
		manifest := fmt.Sprintf("schema: 1\nid: %s\nversion: 1.0.0\nname: %s\nlicence: MIT\nonnx: model.onnx\ndigest: sha256:%x\n", id, id, sha256.Sum256(graph)) +
			"intended_use: Speed.\nnot_for: [people]\ncalibrated: false\nevaluation: random weights\nkind: regression\n" +
			"gate: {modality: [CR, DX, CT], burned_in: accept}\ninput: {name: input, layout: NCHW, type: float32, channels: 3, rows: 224, columns: 224}\n" +
			"pipeline:\n" + steps + "outputs: {values: logits}\nlabels:\n"
		for i := range 14 {
			manifest += fmt.Sprintf("  - {name: value_of_%c, unit: \"1\", plausible: {min: -1e6, max: 1e6}}\n", 'a'+i)
		}
		place := filepath.Join(folder, id, "1.0.0")
		if err := os.MkdirAll(place, 0o755); err != nil {
			b.Fatal(err)
		}
		for name, data := range map[string][]byte{"manifest.yaml": []byte(manifest), "model.onnx": graph} {
			if err := os.WriteFile(filepath.Join(place, name), data, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	return folder
}

// servingNode starts the built node; the acceptance tests' own needs a *testing.T.
type servingNode struct{ web string }

func startServing(b *testing.B, models string, flags ...string) *servingNode {
	b.Helper()
	c := exec.Command(builtProgram(b), append([]string{"serve", "--data", b.TempDir(), "--dicom", "127.0.0.1:0", "--http", "127.0.0.1:0", "--models", models}, flags...)...)
	c.Env = append(os.Environ(), onnxruntime(), "RADNODE_TOKENS=bench:service:"+token, "RADNODE_ADMIN_PASSWORD="+adminPassword)
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
			go io.Copy(io.Discard, out)
			n := &servingNode{m[3]}
			for n.post(b, http.MethodGet, "/v2/health/ready", nil, nil) != http.StatusOK {
				time.Sleep(100 * time.Millisecond)
			}
			return n
		}
	}
	b.Fatal("the node ended before it was ready")
	return nil
}

func builtProgram(b *testing.B) string {
	b.Helper()
	bin, err := programs()
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(bin, "radnode")
}

func (n *servingNode) post(b *testing.B, method, path string, body []byte, header http.Header) int {
	request, err := http.NewRequest(method, n.web+path, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return 0
	}
	if header != nil {
		request.Header = header.Clone()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Client{Transport: callers}).Do(request)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		b.Error(err)
	}
	return response.StatusCode
}

// infer makes requests for one round, so many at once, and returns what each
// took; alone lets one of them through at a time, and the wait counts.
func (n *servingNode) infer(b *testing.B, atOnce int, alone bool) []float64 {
	b.Helper()
	const size = 3 * 224 * 224 * 4
	text := fmt.Sprintf(`{"inputs":[{"name":"input","datatype":"FP32","shape":[%s],"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, benchShape, size)
	body := []byte(text)
	for i := range size / 4 { // the values of the raw run
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(float64(i)/(size/4-1))))
	}
	header := http.Header{"Inference-Header-Content-Length": {strconv.Itoa(len(text))}}
	door := make(chan struct{}, atOnce)
	if alone {
		door = make(chan struct{}, 1)
	}
	var mu sync.Mutex
	var millis []float64
	var all sync.WaitGroup
	end := time.Now().Add(benchRound)
	for range atOnce {
		all.Go(func() {
			for time.Now().Before(end) {
				start := time.Now()
				door <- struct{}{}
				status := n.post(b, http.MethodPost, "/v2/models/dense-plain/infer", body, header)
				<-door
				if status != http.StatusOK {
					b.Errorf("status %d", status)
					return
				}
				mu.Lock()
				millis = append(millis, time.Since(start).Seconds()*1000)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return millis
}

func percentile(millis []float64, share float64) float64 {
	if len(millis) == 0 {
		return 0
	}
	slices.Sort(millis)
	return millis[min(int(share*float64(len(millis))), len(millis)-1)]
}

// BenchmarkInferenceOverTheProtocol compares /v2 with the raw run on the same
// threads, and requests that may be run together with requests let through one
// at a time: one worker with every processor, and one for each.
func BenchmarkInferenceOverTheProtocol(b *testing.B) {
	models := benchPackages(b)
	for _, workers := range slices.Compact([]int{1, runtime.NumCPU()}) {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			n := startServing(b, models, "--workers", strconv.Itoa(workers))
			raws := make([]*rawRuntime, workers)
			for i := range raws {
				raws[i] = startRaw(b, max(1, runtime.NumCPU()/workers))
			}
			for range 4 {
				n.infer(b, 16, false) // the pool learns how fast batches are
			}
			var direct, one, many, queued []float64
			for range benchRounds {
				direct = append(direct, raws[0].run(b)...)
				one = append(one, n.infer(b, 1, false)...)
				many = append(many, n.infer(b, 16, false)...)
				queued = append(queued, n.infer(b, 16, true)...)
			}
			all := 0.0
			for range benchRounds {
				all += together(b, raws)
			}
			perSecond := func(millis []float64) float64 { return float64(len(millis)) / (benchRounds * benchRound).Seconds() }
			b.ReportMetric(percentile(direct, 0.5), "raw-p50-ms")
			b.ReportMetric(percentile(one, 0.5), "v2-p50-ms")
			b.ReportMetric(all/benchRounds, "raw/s")
			b.ReportMetric(perSecond(many), "v2-at-16/s")
			b.ReportMetric(perSecond(queued), "v2-alone/s")
			b.ReportMetric(percentile(many, 0.99), "p99-at-16-ms")
			b.ReportMetric(percentile(queued, 0.99), "p99-alone-ms")
		})
	}
}

// together runs several raw runtimes at once for one round and returns their
// images a second.
func together(b *testing.B, raws []*rawRuntime) float64 {
	b.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	runs := 0
	for _, r := range raws {
		all.Go(func() {
			n := len(r.run(b))
			mu.Lock()
			defer mu.Unlock()
			runs += n
		})
	}
	all.Wait()
	return float64(runs) / benchRound.Seconds()
}

// BenchmarkInferenceOfTheFirstStudy compares the first film after the start
// with those that follow.
func BenchmarkInferenceOfTheFirstStudy(b *testing.B) {
	body, err := os.ReadFile(film())
	if err != nil {
		b.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/dicom"}}
	var first, later []float64
	for range benchRounds {
		n := startServing(b, benchPackages(b))
		for i := range 8 {
			start := time.Now()
			if status := n.post(b, http.MethodPost, "/api/v1/analyze", body, header); status != http.StatusOK {
				b.Fatalf("status %d", status)
			}
			took := time.Since(start).Seconds() * 1000
			if i == 0 {
				first = append(first, took)
			} else {
				later = append(later, took)
			}
		}
	}
	b.ReportMetric(percentile(first, 0.5), "first-ms")
	b.ReportMetric(percentile(later, 0.5), "later-ms")
}

// analyzed runs `radnode analyze` on so many copies of a file and returns the
// images a second once it is under way, and the processor time of all of it.
func analyzed(b *testing.B, models, model, file string, copies, workers int) (perSecond, cpuMillis float64) {
	b.Helper()
	args := append([]string{"analyze", "--json", "--models", models, "--model", model, "--workers", strconv.Itoa(workers)}, slices.Repeat([]string{file}, copies)...)
	c := exec.Command(builtProgram(b), args...)
	c.Env = append(os.Environ(), onnxruntime())
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	warm, seen := 2*workers, 0
	var start, end time.Time
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"error":null`) || !strings.Contains(lines.Text(), `"accepted":true`) {
			b.Fatal(lines.Text())
		}
		if seen++; seen == warm {
			start = time.Now()
		}
		end = time.Now()
	}
	if err := c.Wait(); err != nil || seen != copies {
		b.Fatalf("%d of %d files: %v", seen, copies, err)
	}
	used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return float64(copies-warm) / end.Sub(start).Seconds(), used.Seconds() * 1000
}

// BenchmarkInferenceOfFiles compares files read by the built program, one
// thread of the runtime in each of its workers, with the raw runtime on one
// thread and on as many processes of one thread.
func BenchmarkInferenceOfFiles(b *testing.B) {
	workers := runtime.NumCPU()
	models := benchPackages(b)
	raws := make([]*rawRuntime, workers)
	for i := range raws {
		raws[i] = startRaw(b, 1)
	}
	for _, kind := range []string{"ct", "cr"} {
		for _, model := range []string{"dense-plain", "dense-even"} {
			b.Run(kind+"/"+model, func(b *testing.B) {
				files, err := filepath.Glob(filepath.Join(benchRoot(b, "corpus/"+kind), "*.dcm"))
				if err != nil || len(files) == 0 {
					b.Skip("no files of this kind")
				}
				var one, all, ours float64
				for range benchRounds {
					one += float64(len(raws[0].run(b))) / benchRound.Seconds() / benchRounds
					all += together(b, raws) / benchRounds
					rate, _ := analyzed(b, models, model, files[0], 100, workers)
					ours += rate / benchRounds
				}
				b.ReportMetric(one, "raw-1-thread/s")
				b.ReportMetric(all, "raw-all/s")
				b.ReportMetric(ours, "radnode/s")
			})
		}
	}
}

// BenchmarkInferenceWithFeatures compares the processor time of the feature set
// of ../shared/bench/pipeline_anchor.py with that script on one thread.
func BenchmarkInferenceWithFeatures(b *testing.B) {
	models := benchPackages(b)
	files, err := filepath.Glob(filepath.Join(benchRoot(b, "corpus/cr"), "*.dcm"))
	if err != nil || len(files) == 0 {
		b.Skip("no films")
	}
	script := filepath.Join(root(), "..", "shared", "bench", "pipeline_anchor.py")
	python := exec.Command("/usr/bin/python3", script, "--threads", "1", "--seconds", "5", "--reps", "1", files[0])
	out, err := python.Output()
	if err != nil {
		b.Skipf("the Python pipeline does not run: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		var row struct {
			Image  string             `json:"image"`
			Median map[string]float64 `json:"p50_ms"`
		}
		if json.Unmarshal([]byte(line), &row) == nil && strings.HasSuffix(row.Image, "-full") {
			b.ReportMetric(row.Median["total"], "python-ms")
		}
	}
	const few, many = 6, 46
	_, short := analyzed(b, models, "dense-features", files[0], few, 1)
	_, long := analyzed(b, models, "dense-features", files[0], many, 1)
	b.ReportMetric((long-short)/(many-few), "radnode-cpu-ms")
}
