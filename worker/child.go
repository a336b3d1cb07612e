package worker

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// passed are the variables of the environment a child gets: what loaders and
// drivers look for. Passwords and tokens of the node are not among them.
var passed = []string{
	"PATH", "HOME", "TMPDIR", "LANG", "TZ", "LD_LIBRARY_PATH",
	"RADNODE_ONNXRUNTIME", "GODEBUG", "GOTRACEBACK", "GOCOVERDIR",
}

var passedPrefixes = []string{"LC_", "CUDA_", "NVIDIA_", "ORT_", "VK_", "XDG_", "OPENVINO_"}

func environment(all []string, memory int64) []string {
	var env []string
	for _, entry := range all {
		name, _, _ := strings.Cut(entry, "=")
		keep := false
		for _, p := range passed {
			keep = keep || name == p
		}
		for _, p := range passedPrefixes {
			keep = keep || strings.HasPrefix(name, p)
		}
		if keep {
			env = append(env, entry)
		}
	}
	if memory > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(memory/2, 10))
	}
	// Many arenas of malloc keep memory that other threads cannot use.
	return append(env, "MALLOC_ARENA_MAX=2")
}

// The bounds of what a child may write into the log.
const (
	maxLogLines = 200
	maxLogLine  = 300
)

// childLog turns the standard error of a child into log lines: short, bounded
// in number, without control characters.
type childLog struct {
	log *slog.Logger

	mu    sync.Mutex
	part  []byte
	lines int
	tail  string
}

func (c *childLog) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, found := bytes.Cut(rest, []byte{'\n'})
		if room := maxLogLine - len(c.part); room > 0 {
			c.part = append(c.part, line[:min(len(line), room)]...)
		}
		rest = after
		if found {
			c.flush()
		}
	}
	return len(p), nil
}

func (c *childLog) flush() {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(c.part), "?"))
	c.part = c.part[:0]
	if strings.TrimSpace(text) == "" {
		return
	}
	c.tail = text
	if c.lines++; c.lines <= maxLogLines {
		// Libraries chat on standard error; what the worker itself finds wrong
		// is marked.
		level := slog.LevelInfo
		if strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
			level = slog.LevelWarn
		}
		c.log.Log(context.Background(), level, "pixel worker says", "text", text)
	}
}

// last is the last line the child wrote.
func (c *childLog) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.part) > 0 {
		c.flush()
	}
	return c.tail
}
