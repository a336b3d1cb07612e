package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ManifestFile is the name of the manifest in a package.
const ManifestFile = "manifest.yaml"

// MaxModelSize is the largest ONNX file that is loaded. Protocol buffers
// cannot hold more than 2 GiB.
const MaxModelSize = 2<<30 - 1

// Package is a model package whose manifest and digests were checked.
type Package struct {
	Manifest *Manifest
	fsys     fs.FS
	dir      string
}

// Load reads the package in folder dir of fsys and checks its manifest, that
// the folder is named <id>/<version>, and the digests of its files.
func Load(fsys fs.FS, dir string) (*Package, error) {
	file := path.Join(dir, ManifestFile)
	data, err := readLimited(fsys, file, MaxManifestSize)
	if err != nil {
		return nil, Problems{{File: file, Text: err.Error()}}
	}
	m, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	if want := path.Join(m.ID, m.Version); dir != "." && dir != want && !strings.HasSuffix(dir, "/"+want) {
		return nil, Problems{{File: file, Rule: "id, version", Text: fmt.Sprintf("the package must lie in a folder %s", want)}}
	}
	p := &Package{Manifest: m, fsys: fsys, dir: dir}
	if m.Ensemble != nil {
		m.pinned(data)
		return p, nil
	}
	if err := p.verify(m.ONNX, m.Digest, MaxModelSize); err != nil {
		return nil, Problems{{File: file, Rule: "digest", Text: err.Error()}}
	}
	for i, r := range m.References {
		if err := p.verify(r.Tensor, r.Digest, int64(m.Input.Size())*4); err != nil {
			return nil, Problems{{File: file, Rule: fmt.Sprintf("references[%d].digest", i), Text: err.Error()}}
		}
	}
	if t := m.Typical; t != nil {
		if err := p.verify(t.File, t.Digest, t.Bytes()); err != nil {
			return nil, Problems{{File: file, Rule: "typical.digest", Text: err.Error()}}
		}
	}
	return p, nil
}

// Model returns the bytes of the ONNX file, whose digest is checked again.
func (p *Package) Model() ([]byte, error) {
	return p.read(p.Manifest.ONNX, p.Manifest.Digest, MaxModelSize)
}

// Tensor returns the input of a reference case, whose digest is checked again.
func (p *Package) Tensor(r Reference) ([]byte, error) {
	return p.read(r.Tensor, r.Digest, int64(p.Manifest.Input.Size())*4)
}

// Typical returns the values of the description of typical images, whose
// digest is checked again; nil if the package has none.
func (p *Package) Typical() ([]byte, error) {
	t := p.Manifest.Typical
	if t == nil {
		return nil, nil
	}
	data, err := p.read(t.File, t.Digest, t.Bytes())
	if err == nil && int64(len(data)) != t.Bytes() {
		err = fmt.Errorf("%s has %d bytes, %d features need %d", t.File, len(data), t.Size, t.Bytes())
	}
	return data, err
}

func (p *Package) read(name, digest string, limit int64) ([]byte, error) {
	data, err := readLimited(p.fsys, path.Join(p.dir, name), limit)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != digest {
		return nil, fmt.Errorf("%s is another file than the manifest names: its digest is %s", name, got)
	}
	return data, nil
}

func (p *Package) verify(name, digest string, limit int64) error {
	f, err := p.fsys.Open(path.Join(p.dir, name))
	if err != nil {
		return pathless(name, err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, limit+1))
	if err != nil {
		return pathless(name, err)
	}
	if n > limit {
		return fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != digest {
		return fmt.Errorf("%s is another file than the manifest names: its digest is %s", name, got)
	}
	return nil
}

func readLimited(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, pathless(path.Base(name), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pathless(path.Base(name), err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path.Base(name), limit)
	}
	return data, nil
}

// pathless drops the path from a file error: the problem names the file.
func pathless(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s cannot be read: %w", name, err)
}

// LoadAll loads every package <id>/<version> under fsys, ordered by id and
// rising version. A package with a problem is left out and its error
// returned; the others are used.
func LoadAll(fsys fs.FS) ([]*Package, []error) {
	files, err := fs.Glob(fsys, "*/*/"+ManifestFile)
	if err != nil {
		return nil, []error{err}
	}
	var out []*Package
	var errs []error
	for _, file := range files {
		if strings.HasPrefix(file, ".") { // a package that is being installed
			continue
		}
		p, err := Load(fsys, path.Dir(file))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Package) int {
		if c := strings.Compare(a.Manifest.ID, b.Manifest.ID); c != 0 {
			return c
		}
		return CompareVersions(a.Manifest.Version, b.Manifest.Version)
	})
	return out, errs
}

// CompareVersions orders two checked versions.
func CompareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if len(x[i]) != len(y[i]) { // no leading zeros: the longer number is the larger
			return len(x[i]) - len(y[i])
		}
		if c := strings.Compare(x[i], y[i]); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

// Order sorts manifests so that each model comes after the models whose
// findings are its conditions and an ensemble after its members. A manifest whose condition names a missing
// model or label, or that waits in a circle, is left out and reported.
func Order(all []*Manifest) ([]*Manifest, []error) {
	o := &ordering{labels: map[string][]*Manifest{}, state: map[*Manifest]int{}}
	for _, m := range all {
		o.labels[m.ID] = append(o.labels[m.ID], m)
	}
	for _, m := range all {
		o.visit(m)
	}
	return o.out, o.errs
}

// ordering is a depth-first sort of the models by their conditions.
type ordering struct {
	labels map[string][]*Manifest
	state  map[*Manifest]int
	out    []*Manifest
	errs   []error
}

const (
	unvisited = iota
	visiting
	placed
	refused
)

func (o *ordering) visit(m *Manifest) bool {
	switch o.state[m] {
	case placed:
		return true
	case visiting, refused:
		return false
	}
	o.state[m] = visiting
	for i, c := range m.Gate.Findings {
		if text := o.missing(c); text != "" {
			o.state[m] = refused
			o.errs = append(o.errs, Problems{{File: m.file, Rule: fmt.Sprintf("gate.findings[%d]", i), Text: text}})
			return false
		}
	}
	if p, ok := o.members(m); !ok {
		o.state[m] = refused
		o.errs = append(o.errs, Problems{p})
		return false
	}
	o.state[m] = placed
	o.out = append(o.out, m)
	return true
}

// missing says why a condition can never be met; "" if it can.
func (o *ordering) missing(c Condition) string {
	candidates := o.labels[c.Model]
	if len(candidates) == 0 {
		return fmt.Sprintf("there is no model %s", c.Model)
	}
	for _, m := range candidates {
		if _, ok := m.Label(c.Label); !ok {
			return fmt.Sprintf("the model %s %s has no label %s", m.ID, m.Version, c.Label)
		}
		if !o.visit(m) {
			return fmt.Sprintf("the model %s cannot run before this one", c.Model)
		}
	}
	return ""
}
