package infer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/infer"
	"github.com/radnode/radnode/web/webtest"
)

// doubler is a node with one model that takes images of 1 × 1 × 2 values and
// gives them twice as large, and a broken one.
type doubler struct {
	slow bool
	gone string // a version that is listed, but gone when it is run
}

var doubles = infer.Model{
	ID: "double", Version: "2.0.0", Digest: "sha256:ab", Ready: true,
	Input:   infer.TensorInfo{Name: "x", Datatype: infer.FP32, Shape: []int64{-1, 1, 1, 2}},
	Outputs: []infer.TensorInfo{{Name: "y", Datatype: infer.FP32, Shape: []int64{-1, 2}}, {Name: "n", Datatype: infer.FP32, Shape: []int64{-1, 1}}},
}

func (doubler) Served(context.Context, bool) ([]infer.Model, error) {
	old, broken := doubles, doubles
	old.Version = "1.0.0"
	broken.ID, broken.Ready, broken.Reason = "broken", false, "its digest is wrong"
	return []infer.Model{broken, old, doubles}, nil
}

func (d doubler) Reload(ctx context.Context) ([]infer.Model, error) { return d.Served(ctx, true) }

func (d doubler) Infer(ctx context.Context, r infer.Request) (*infer.Result, error) {
	if d.slow {
		<-ctx.Done()
		return nil, radnode.Errorf(radnode.Canceled, "test", "%w", ctx.Err())
	}
	if r.Version == d.gone {
		return nil, radnode.Errorf(radnode.NotFound, "test", "there is no model %s", r.Version)
	}
	n := int64(r.Images)
	y := floats(r.Input)
	for i := range y {
		y[i] *= 2
	}
	return &infer.Result{Device: "cpu", Outputs: []infer.Output{
		{Name: "y", Shape: []int64{n, 2}, Data: raw(y...)}, {Name: "n", Shape: []int64{n, 1}, Data: raw(make([]float32, n)...)},
	}}, nil
}

func raw(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func serve(tb testing.TB, models infer.Models) *httptest.Server {
	tb.Helper()
	story, err := webtest.New(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	cfg := story.Config()
	cfg.Log, cfg.Inference = slog.New(slog.DiscardHandler), models
	handler, err := web.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	s := httptest.NewServer(handler)
	tb.Cleanup(s.Close)
	return s
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func call(tb testing.TB, s *httptest.Server, method, path string, body []byte, headers ...string) answer {
	tb.Helper()
	request, err := http.NewRequest(method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer token-service")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.Client().Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, got}
}

func header(text string) []string {
	return []string{"Inference-Header-Content-Length", strconv.Itoa(len(text))}
}

const inferPath = "/v2/models/double/infer"

func TestMetadataIsAnsweredAsTheProtocolHasIt(t *testing.T) {
	s := serve(t, doubler{})
	for _, tc := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/v2", 200, `{"name":"radnode","version":"story","extensions":["binary_tensor_data"]}`},
		{"GET", "/v2/health/live", 200, `{"live":true}`},
		{"GET", "/v2/health/ready", 200, `{"ready":true}`},
		{"GET", "/v2/models/double", 200, `{"name":"double","versions":["1.0.0","2.0.0"],"platform":"onnx_onnxv1","inputs":[{"name":"x","datatype":"FP32","shape":[-1,1,1,2]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,2]},{"name":"n","datatype":"FP32","shape":[-1,1]}]}`},
		{"GET", "/v2/models/double/ready", 200, `{"name":"double","ready":true}`},
		{"GET", "/v2/models/double/versions/1.0.0/ready", 200, `{"name":"double","ready":true}`},
		{"GET", "/v2/models/double/versions/3.0.0/ready", 404, `{"error":"there is no model \"double 3.0.0\""}`},
		{"GET", "/v2/models/broken/ready", 503, `{"name":"broken","ready":false,"reason":"its digest is wrong"}`},
		{"GET", "/v2/models/none", 404, `{"error":"there is no model \"none\""}`},
		{"GET", "/v2/nonsense", 404, `{"error":"Not Found"}`},
		{"GET", inferPath, 405, `{"error":"Method Not Allowed"}`},
		{"POST", "/v2/repository/index", 200, `[{"name":"broken","version":"2.0.0","state":"UNAVAILABLE","reason":"its digest is wrong"},{"name":"double","version":"1.0.0","state":"READY","reason":""},{"name":"double","version":"2.0.0","state":"READY","reason":""}]`},
	} {
		got := call(t, s, tc.method, tc.path, nil)
		if got.status != tc.status || strings.TrimSpace(string(got.body)) != tc.want {
			t.Errorf("%s %s: %d %s\nwant %d %s", tc.method, tc.path, got.status, got.body, tc.status, tc.want)
		}
	}
	if got := call(t, s, "POST", "/v2/repository/index", []byte(`{"ready":true}`)); strings.Contains(string(got.body), "broken") {
		t.Errorf("the index of ready models: %s", got.body)
	}
}

func TestNothingUnderV2AnswersWithoutAToken(t *testing.T) {
	s := serve(t, doubler{})
	for _, path := range []string{"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/double"} {
		got := call(t, s, "GET", path, nil, "Authorization", "")
		if got.status != 401 || !strings.HasPrefix(string(got.body), `{"error":`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := call(t, s, "POST", "/api/v1/models/reload", nil); got.status != 403 {
		t.Errorf("a service reloads the models: %d", got.status)
	}
	if got := call(t, s, "POST", "/api/v1/models/reload", nil, "Authorization", "Bearer token-admin"); got.status != 200 {
		t.Errorf("an administrator cannot reload the models: %d %s", got.status, got.body)
	}
}

// jsonAnswer is an inference answered in JSON.
func jsonAnswer(t *testing.T, a answer) []float64 {
	t.Helper()
	var r struct {
		ID      string `json:"id"`
		Version string `json:"model_version"`
		Outputs []struct {
			Name     string    `json:"name"`
			Datatype string    `json:"datatype"`
			Data     []float64 `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(a.body, &r); err != nil || a.status != 200 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if r.Version != "2.0.0" || r.Outputs[0].Name != "y" || r.Outputs[0].Datatype != "FP32" {
		t.Errorf("answered %s", a.body)
	}
	return r.Outputs[0].Data
}

func TestEveryDatatypeGivesTheSameValuesInJSONAndBinary(t *testing.T) {
	s := serve(t, doubler{})
	little := binary.LittleEndian
	for datatype, bytes := range map[string][]byte{
		"FP32": raw(1, 3), "FP64": little.AppendUint64(little.AppendUint64(nil, math.Float64bits(1)), math.Float64bits(3)),
		"FP16": {0x00, 0x3c, 0x00, 0x42}, "BF16": {0x80, 0x3f, 0x40, 0x40},
		"INT8": {1, 3}, "UINT8": {1, 3}, "INT16": {1, 0, 3, 0}, "UINT16": {1, 0, 3, 0},
		"INT32": {1, 0, 0, 0, 3, 0, 0, 0}, "UINT32": {1, 0, 0, 0, 3, 0, 0, 0},
		"INT64": {1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, "UINT64": {1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0},
	} {
		text := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":%q,"shape":[1,1,1,2],"parameters":{"binary_data_size":%d}}]}`, datatype, len(bytes))
		if got := jsonAnswer(t, call(t, s, "POST", inferPath, slices.Concat([]byte(text), bytes), header(text)...)); !cmp.Equal(got, []float64{2, 6}) {
			t.Errorf("binary %s: %v", datatype, got)
		}
		for _, data := range []string{`[1,3]`, `[[[[1, 3]]]]`, "[1e0,\n\t30e-1 ]"} {
			text := fmt.Sprintf(`{"id":"a","inputs":[{"name":"x","datatype":%q,"shape":[1,1,1,2],"data":%s}]}`, datatype, data)
			if got := jsonAnswer(t, call(t, s, "POST", inferPath, []byte(text))); !cmp.Equal(got, []float64{2, 6}) {
				t.Errorf("JSON %s %s: %v", datatype, data, got)
			}
		}
	}
}

func TestOutputsComeInBinaryWhereAskedFor(t *testing.T) {
	s := serve(t, doubler{})
	const in = `"inputs":[{"name":"x","datatype":"FP32","shape":[2,1,1,2],"data":[1,2,3,4]}]`
	for name, tc := range map[string]struct {
		request string
		binary  int // bytes behind the JSON
		outputs int
	}{
		"all":              {`{` + in + `,"parameters":{"binary_data_output":true}}`, 24, 2},
		"one of two":       {`{` + in + `,"outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"n"}]}`, 16, 2},
		"only one":         {`{` + in + `,"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`, 16, 1},
		"all but one":      {`{` + in + `,"parameters":{"binary_data_output":true},"outputs":[{"name":"y"},{"name":"n","parameters":{"binary_data":false}}]}`, 16, 2},
		"order as asked":   {`{` + in + `,"parameters":{"binary_data_output":true},"outputs":[{"name":"y"},{"name":"n"}]}`, 24, 2},
		"unknown settings": {`{` + in + `,"parameters":{"binary_data_output":true,"colour":"red"}}`, 24, 2},
	} {
		got := call(t, s, "POST", inferPath, []byte(tc.request))
		n, err := strconv.Atoi(got.header.Get("Inference-Header-Content-Length"))
		if err != nil || got.status != 200 || len(got.body)-n != tc.binary {
			t.Errorf("%s: %d %v %q", name, got.status, got.header, got.body)
			continue
		}
		var r struct{ Outputs []any }
		if err := json.Unmarshal(got.body[:n], &r); err != nil || len(r.Outputs) != tc.outputs {
			t.Errorf("%s: %v in %s", name, err, got.body[:n])
		}
		if y := floats(got.body[n : n+16]); !cmp.Equal(y, []float32{2, 4, 6, 8}) {
			t.Errorf("%s: %v", name, y)
		}
	}
	got := call(t, s, "POST", inferPath, raw(5, 6), "Inference-Header-Content-Length", "0")
	n, err := strconv.Atoi(got.header.Get("Inference-Header-Content-Length"))
	if err != nil || !cmp.Equal(floats(got.body[n:n+8]), []float32{10, 12}) {
		t.Errorf("raw request: %d %q %v", got.status, got.body, err)
	}
}

func TestACompressedRequestIsTaken(t *testing.T) {
	s := serve(t, doubler{})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,3]}]}`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if got := jsonAnswer(t, call(t, s, "POST", inferPath, packed.Bytes(), "Content-Encoding", "gzip")); !cmp.Equal(got, []float64{2, 6}) {
		t.Errorf("%v", got)
	}
	if got := call(t, s, "POST", inferPath, []byte("x"), "Content-Encoding", "br"); got.status != 415 {
		t.Errorf("brotli: %d %s", got.status, got.body)
	}
}

func TestARequestThatDoesNotFitIsRefusedWithItsReason(t *testing.T) {
	s := serve(t, doubler{})
	in := func(fields string) string { return `{"inputs":[{"name":"x",` + fields + `}]}` }
	for name, tc := range map[string]struct {
		text, tail string
		binary     bool
		status     int
		reason     string
	}{
		"no JSON":               {text: `{`, status: 400, reason: "no JSON"},
		"no input":              {text: `{"inputs":[]}`, status: 400, reason: `exactly one input, "x"`},
		"another input":         {text: `{"inputs":[{"name":"z","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}]}`, status: 400, reason: `"z"`},
		"bytes":                 {text: in(`"datatype":"BYTES","shape":[1,1,1,2],"data":["a","b"]`), status: 400, reason: "BYTES"},
		"bool":                  {text: in(`"datatype":"BOOL","shape":[1,1,1,2],"data":[true,false]`), status: 400, reason: "BOOL"},
		"another shape":         {text: in(`"datatype":"FP32","shape":[1,2,1,1],"data":[1,2]`), status: 400, reason: "shape"},
		"a flat shape":          {text: in(`"datatype":"FP32","shape":[2],"data":[1,2]`), status: 400, reason: "shape"},
		"no shape":              {text: in(`"datatype":"FP32","data":[1,2]`), status: 400, reason: "shape"},
		"a negative batch":      {text: in(`"datatype":"FP32","shape":[-1,1,1,2],"data":[1,2]`), status: 400, reason: "shape"},
		"a huge batch":          {text: in(`"datatype":"FP32","shape":[9223372036854775807,1,1,2],"data":[1,2]`), status: 413, reason: "256 images"},
		"too few values":        {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":[   1]`), status: 400, reason: "1 values"},
		"too short a text":      {text: in(`"datatype":"FP32","shape":[200,1,1,2],"data":[1]`), status: 400, reason: "less than"},
		"too many values":       {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":[1,2,3]`), status: 400, reason: "more than"},
		"text for numbers":      {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":["1",2]`), status: 400, reason: "no number"},
		"data is no array":      {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":{"a":1}`), status: 400, reason: "no data"},
		"beyond float32":        {text: in(`"datatype":"FP64","shape":[1,1,1,2],"data":[1e300,2]`), status: 400, reason: "finite"},
		"inexact integer":       {text: in(`"datatype":"INT32","shape":[1,1,1,2],"data":[16777217,2]`), status: 400, reason: "16777216"},
		"fraction as integer":   {text: in(`"datatype":"INT32","shape":[1,1,1,2],"data":[1.5,2]`), status: 400, reason: "no INT32"},
		"integer out of range":  {text: in(`"datatype":"UINT8","shape":[1,1,1,2],"data":[256,2]`), status: 400, reason: "no UINT8"},
		"not a number":          {text: in(`"datatype":"FP32","shape":[1,1,1,2],"parameters":{"binary_data_size":8}`), tail: "\x00\x00\xc0\x7f\x00\x00\x00\x00", binary: true, status: 400, reason: "finite"},
		"binary too short":      {text: in(`"datatype":"FP32","shape":[1,1,1,2],"parameters":{"binary_data_size":8}`), tail: "1234", binary: true, status: 400, reason: "4 follow"},
		"binary size wrong":     {text: in(`"datatype":"FP32","shape":[1,1,1,2],"parameters":{"binary_data_size":4}`), tail: "1234", binary: true, status: 400, reason: "8 bytes"},
		"binary and data":       {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":[1,2],"parameters":{"binary_data_size":8}`), tail: "12345678", binary: true, status: 400, reason: "both"},
		"binary not announced":  {text: in(`"datatype":"FP32","shape":[1,1,1,2],"data":[1,2]`), tail: "12345678", binary: true, status: 400, reason: "no binary_data_size"},
		"shared memory":         {text: in(`"datatype":"FP32","shape":[1,1,1,2],"parameters":{"shared_memory_region":"r"}`), status: 400, reason: "shared memory"},
		"unknown output":        {text: `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}],"outputs":[{"name":"q"}]}`, status: 400, reason: `"y", "n"`},
		"output twice":          {text: `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}],"outputs":[{"name":"y"},{"name":"y"}]}`, status: 400, reason: "twice"},
		"classification":        {text: `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}],"outputs":[{"name":"y","parameters":{"classification":1}}]}`, status: 400, reason: "classification"},
		"sequence":              {text: `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}],"parameters":{"sequence_id":1}}`, status: 400, reason: "sequences"},
		"raw, half an image":    {text: "", tail: "1234", binary: true, status: 400, reason: "no whole images"},
		"raw, too many of them": {text: "", tail: strings.Repeat("\x00", 8*257), binary: true, status: 413, reason: "256 images"},
	} {
		var headers []string
		if tc.binary {
			headers = header(tc.text)
		}
		got := call(t, s, "POST", inferPath, []byte(tc.text+tc.tail), headers...)
		var body struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(got.body, &body); err != nil || got.status != tc.status || !strings.Contains(body.Error, tc.reason) {
			t.Errorf("%s: %d %s (%v), want %d and %q", name, got.status, got.body, err, tc.status, tc.reason)
		}
	}
}

func TestAHeaderLengthOrModelThatCannotServeIsRefused(t *testing.T) {
	s := serve(t, doubler{})
	for _, length := range []string{"-1", "x", "99999999999999999999", "11"} {
		if got := call(t, s, "POST", inferPath, []byte("{}"), "Inference-Header-Content-Length", length); got.status != 400 {
			t.Errorf("header length %s: %d %s", length, got.status, got.body)
		}
	}
	if got := call(t, s, "POST", "/v2/models/broken/infer", []byte("{}")); got.status != 503 || !strings.Contains(string(got.body), "digest") {
		t.Errorf("broken model: %d %s", got.status, got.body)
	}
}

func TestAVersionThatIsRetiredMeanwhileIsReplacedByTheNextUnlessItWasNamed(t *testing.T) {
	s := serve(t, doubler{gone: "2.0.0"})
	const request = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}]}`
	if got := call(t, s, "POST", inferPath, []byte(request)); got.status != 200 || !strings.Contains(string(got.body), `"model_version":"1.0.0"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t, s, "POST", "/v2/models/double/versions/2.0.0/infer", []byte(request)); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestATimeOutOfTheRequestEndsIt(t *testing.T) {
	s := serve(t, doubler{slow: true})
	start := time.Now()
	got := call(t, s, "POST", inferPath, []byte(`{"parameters":{"timeout":20000},"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}]}`))
	if got.status != 504 || time.Since(start) > 10*time.Second {
		t.Errorf("%d %s after %s", got.status, got.body, time.Since(start))
	}
}

func TestFiguresAreKeptForEachModel(t *testing.T) {
	s := serve(t, doubler{})
	call(t, s, "POST", inferPath, []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[3,1,1,2],"data":[1,2,3,4,5,6]}]}`))
	call(t, s, "POST", inferPath, []byte(`{}`))
	got := string(call(t, s, "GET", "/metrics", nil).body)
	for _, want := range []string{
		`radnode_infer_requests_total{model="double",status="200",version="2.0.0"} 1`, `radnode_infer_requests_total{model="double",status="400",version="2.0.0"} 1`,
		`radnode_infer_images_total{model="double",version="2.0.0"} 3`, `radnode_infer_seconds_count{model="double",version="2.0.0"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func FuzzInfer(f *testing.F) {
	s := serve(f, doubler{})
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,2],"data":[1,2]}]}`), "")
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"UINT8","shape":[1,1,1,2],"parameters":{"binary_data_size":2}}]}ab`), "98")
	f.Add(raw(1, 2), "0")
	f.Fuzz(func(t *testing.T, body []byte, length string) {
		request := httptest.NewRequest("POST", inferPath, bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer token-service")
		if length != "" {
			request.Header.Set("Inference-Header-Content-Length", length)
		}
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, request)
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// instant is a node whose model takes images of 3 × 224 × 224 values and
// answers at once: what is left is the cost of the protocol.
type instant struct{ doubler }

func (instant) Served(context.Context, bool) ([]infer.Model, error) {
	m := doubles
	m.Input.Shape = []int64{-1, 3, 224, 224}
	return []infer.Model{m}, nil
}

func (instant) Infer(context.Context, infer.Request) (*infer.Result, error) {
	return &infer.Result{Outputs: []infer.Output{{Name: "y", Shape: []int64{1, 2}, Data: raw(1, 2)}}}, nil
}

func BenchmarkProtocolOfOneImageOf3x224x224(b *testing.B) {
	s := serve(b, instant{})
	values := make([]float32, 3*224*224)
	for i := range values {
		values[i] = float32(i) / float32(len(values))
	}
	binaryText := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3,224,224],"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, 4*len(values))
	data, err := json.Marshal(values)
	if err != nil {
		b.Fatal(err)
	}
	jsonText := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3,224,224],"data":%s}]}`, data)
	for _, way := range []struct {
		name    string
		body    []byte
		headers []string
	}{{"binary", slices.Concat([]byte(binaryText), raw(values...)), header(binaryText)}, {"json", []byte(jsonText), nil}} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(way.body)))
			b.ReportAllocs()
			for b.Loop() {
				if got := call(b, s, "POST", inferPath, way.body, way.headers...); got.status != 200 {
					b.Fatalf("%d %s", got.status, got.body)
				}
			}
		})
	}
}

func TestAShortTextCannotMakeMuchOfItselfInMemory(t *testing.T) {
	s := serve(t, doubler{})
	for name, text := range map[string]string{
		"inputs of nothing":  `{"inputs":[` + strings.Repeat("{},", 1<<17) + `{}]}`,
		"outputs of nothing": `{"outputs":[` + strings.Repeat("{},", 1<<17) + `{}]}`,
		"a long shape":       `{"inputs":[{"name":"x","datatype":"FP32","shape":[` + strings.Repeat("1,", 1<<17) + `1],"data":[1,2]}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := call(t, s, "POST", inferPath, []byte(text))
		runtime.ReadMemStats(&after)
		if used := (after.TotalAlloc - before.TotalAlloc) / uint64(len(text)); got.status != 400 || used > 8 {
			t.Errorf("%s: %d %.200s, %d bytes for each of the text", name, got.status, got.body, used)
		}
	}
}
