package inference

import (
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode"
)

// provider is one execution provider of ONNX Runtime.
type provider struct {
	name string
	add  func(*ort.SessionOptions) error
}

// providers are the known execution providers, best first.
var providers = []provider{
	{"tensorrt", addTensorRT},
	{"cuda", addCUDA},
	{"openvino", func(o *ort.SessionOptions) error {
		return o.AppendExecutionProviderOpenVINO(map[string]string{})
	}},
	{"coreml", func(o *ort.SessionOptions) error {
		return o.AppendExecutionProviderCoreMLV2(map[string]string{})
	}},
	{"webgpu", func(o *ort.SessionOptions) error {
		return o.AppendExecutionProvider("WebGPU", nil)
	}},
	cpu,
}

// cpu needs no call: the runtime adds it by itself.
var cpu = provider{"cpu", func(*ort.SessionOptions) error { return nil }}

// Providers lists the names that Config.Providers may hold, best first.
func Providers() []string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.name
	}
	return names
}

// choose turns configured names into providers, the CPU last.
func choose(names []string) ([]provider, error) {
	var out []provider
	for _, name := range names {
		i := slices.IndexFunc(providers, func(p provider) bool { return p.name == name })
		if i < 0 {
			return nil, radnode.Errorf(radnode.Invalid, "choose providers", "there is no execution provider %q; known are %s", name, strings.Join(Providers(), ", "))
		}
		if name != cpu.name {
			out = append(out, providers[i])
		}
	}
	return append(out, cpu), nil
}

func addCUDA(o *ort.SessionOptions) error {
	c, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	// The default search for the fastest convolution runs again for every new
	// batch size and costs seconds; growing by request keeps memory for others.
	if err := c.Update(map[string]string{"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(c)
}

func addTensorRT(o *ort.SessionOptions) error {
	t, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer t.Destroy()
	return o.AppendExecutionProviderTensorRT(t)
}

// options are the session options every model gets.
func options(p provider, threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	steps := []func() error{
		// Threads that sleep between the layers of a network make a run half as
		// long again; those that spin for long starve a busy machine. So they
		// spin for about as long as it takes to wake one, and not after a run.
		func() error { return o.AddSessionConfigEntry("session.intra_op.allow_spinning", "1") },
		func() error { return o.AddSessionConfigEntry("session.intra_op.spin_duration_us", "50") },
		func() error { return o.AddSessionConfigEntry("session.force_spinning_stop", "1") },
		func() error { return o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0") },
		func() error { return o.SetIntraOpNumThreads(threads) },
		func() error { return o.SetInterOpNumThreads(1) },
		func() error { return p.add(o) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_ = o.Destroy() // the first error is the one to show
			return nil, err
		}
	}
	return o, nil
}
