package pixel

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	display "github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/worker"
)

// LibraryVariable names the ONNX Runtime library where the flag does not.
const LibraryVariable = "RADNODE_ONNXRUNTIME"

// Run is the worker program: it loads the models, says hello and answers
// requests until its input closes. It returns the exit code.
func Run(args []string, software string) int {
	in, out, err := takeStreams()
	if err != nil {
		fmt.Fprintln(os.Stderr, "radnode-pixel:", err)
		return 1
	}
	// The node adds time and level when it passes the lines on.
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: onlyWords})))
	opts, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "radnode-pixel:", err)
		return 2
	}
	opts.tell = func(model string) error { return worker.Loading(out, model) }
	s, hello, closeAll := start(opts, software)
	defer closeAll()
	err = worker.Serve(in, out, hello, s.handle)
	switch {
	case errors.Is(err, worker.ErrAbandoned):
		os.Exit(1) // C code may be running: there is nothing to clean up
	case err != nil:
		fmt.Fprintln(os.Stderr, "radnode-pixel:", err)
		return 1
	}
	return 0
}

func onlyWords(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

type settings struct {
	library   string
	providers []string
	threads   int
	loading
}

func parse(args []string) (settings, error) {
	flags := flag.NewFlagSet("radnode-pixel", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "radnode-pixel decodes, analyses and renders images for radnode, which starts it.\nIt reads requests on its standard input.")
		flags.PrintDefaults()
	}
	library := flags.String("onnxruntime", "", "libonnxruntime.so.1; default: $"+LibraryVariable+", else beside this program")
	folder := flags.String("models", "", "folder of model packages beside the bundled ones")
	providers := flags.String("providers", "", "execution providers in the order they are tried, e.g. cuda,cpu; known: "+strings.Join(inference.Providers(), ","))
	threads := flags.Int("threads", 0, "threads of one inference run; 0: one for each processor")
	skip := map[string]string{}
	flags.Func("skip", "leave out a model: id@version=reason; may be given often", func(v string) error {
		model, reason, _ := strings.Cut(v, "=")
		skip[model] = reason
		return nil
	})
	flags.Func("limit", "set a limit of decoding: name=value; may be given often; known: "+strings.Join(display.LimitNames(), ","), func(v string) error {
		name, value, _ := strings.Cut(v, "=")
		return display.SetLimit(name, value)
	})
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	s := settings{library: *library, threads: *threads, loading: loading{folder: *folder, skip: skip}}
	if *providers != "" {
		s.providers = strings.Split(*providers, ",")
	}
	if s.library == "" {
		s.library = findLibrary()
	}
	if s.threads < 1 {
		s.threads = runtime.NumCPU()
	}
	return s, nil
}

// findLibrary looks where the build and an installation put the library.
func findLibrary() string {
	if path := os.Getenv(LibraryVariable); path != "" {
		return path
	}
	const name = "libonnxruntime.so.1"
	program, err := os.Executable()
	if err != nil {
		return name
	}
	folder := filepath.Dir(program)
	candidates := []string{
		filepath.Join(folder, "..", "build", "onnxruntime", name),
		filepath.Join(folder, "lib", name),
		filepath.Join(folder, "..", "lib", "radnode", name),
		filepath.Join(folder, name),
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return candidates[0]
}

// start opens the runtime and loads the models. Without a runtime images are
// still decoded and rendered; an analysis then ends with the reason.
func start(opts settings, software string) (*server, worker.Hello, func()) {
	s := &server{software: software}
	hello := worker.Hello{Software: software}
	if err := registerCodecs(); err != nil {
		hello.Error = err.Error()
		return s, hello, func() {}
	}
	preprocess.SetThreads(opts.threads)
	rt, err := inference.Open(inference.Config{Library: opts.library, Providers: opts.providers, Threads: opts.threads})
	if err != nil {
		slog.Error("no inference runtime", "error", err)
		s.noRuntime = err
		return s, hello, func() {}
	}
	hello.Runtime = rt.Version()
	closeRuntime := func() {
		if err := rt.Close(); err != nil {
			slog.Error("close runtime", "error", err)
		}
	}
	s.registry, err = loadRegistry(context.Background(), rt, opts.loading)
	if err != nil {
		hello.Error = err.Error()
		return s, hello, closeRuntime
	}
	return s, hello, func() {
		s.registry.close()
		closeRuntime()
	}
}

// takeStreams keeps the standard streams for the protocol: a C library that
// prints to the standard output reaches the log instead.
func takeStreams() (in io.Reader, out io.Writer, err error) {
	fd, err := duplicate(int(os.Stdout.Fd()), int(os.Stderr.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("take the standard output: %w", err)
	}
	return os.Stdin, os.NewFile(uintptr(fd), "protocol"), nil
}
