// Package ui holds the built front end: one page, one script, one style
// sheet, embedded in the program. "make ui" builds it from src; without that
// a placeholder page says so.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// ErrNotFound says that there is no such file.
var ErrNotFound = errors.New("no such file")

// mediaTypes are the kinds of files in the build; the system's table is not
// asked, because it differs from machine to machine.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json", ".map": "application/json",
}

// Files are the files of the build, each also compressed.
type Files struct{ byName map[string]file }

type file struct {
	plain, packed, brotli []byte
	kind, tag             string
}

// Load reads the build.
func Load() (*Files, error) {
	f := &Files{byName: map[string]file{}}
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil || path.Ext(name) == brotliSuffix {
			return err
		}
		loaded, err := load(name, body)
		f.byName[strings.TrimPrefix(name, "dist/")] = loaded
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the front end: %w", err)
	}
	if _, built := f.byName["index.html"]; !built {
		f.byName["index.html"] = f.byName["placeholder.html"]
	}
	return f, nil
}

func load(name string, body []byte) (file, error) {
	kind, known := mediaTypes[path.Ext(name)]
	if !known {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := w.Write(body); err != nil {
		return file{}, err
	}
	if err := w.Close(); err != nil {
		return file{}, err
	}
	brotli, err := dist.ReadFile(name + brotliSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return file{}, err
	}
	sum := sha256.Sum256(body)
	return file{plain: body, packed: packed.Bytes(), brotli: brotli, kind: kind, tag: fmt.Sprintf(`"%x"`, sum[:12])}, nil
}

// brotliSuffix marks the packed form of a file that the build made.
const brotliSuffix = ".br"

// takes reports whether a list of content codings holds the named one
// (RFC 9110 12.5.3).
func takes(accepted, coding string) bool {
	for _, c := range strings.Split(accepted, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(c), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			return !strings.Contains(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.Contains(weight, "q=0.")
		}
	}
	return false
}

// Serve sends the named file, compressed where the browser takes that.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, name string) error {
	found, ok := f.byName[name]
	if !ok {
		return ErrNotFound
	}
	h, body := w.Header(), found.plain
	h.Set("Content-Type", found.kind)
	h.Set("ETag", found.tag)
	h.Add("Vary", "Accept-Encoding")
	accepted := r.Header.Get("Accept-Encoding")
	for _, c := range []struct {
		name string
		body []byte
	}{{"br", found.brotli}, {"gzip", found.packed}} {
		if len(c.body) > 0 && len(c.body) < len(found.plain) && takes(accepted, c.name) {
			h.Set("Content-Encoding", c.name)
			h.Set("ETag", "W/"+found.tag)
			body = c.body
			break
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}
