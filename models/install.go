package models

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The limits of a package that is installed.
const (
	maxFiles        = 500
	maxPackageBytes = 3 << 30
)

// ErrInstalled is the error of a version that is there already with other
// files.
var ErrInstalled = errors.New("this version is installed already with other files; a changed model needs a new version")

// Install checks the package in source, a folder, a .zip, a .tar or a .tar.gz,
// and puts it into folder/<id>/<version>. Nothing is seen there before every
// check has passed. Installing the same package again changes nothing.
func Install(folder, source string) (*Package, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("the models folder cannot be made: %w", err)
	}
	incoming, err := os.MkdirTemp(folder, ".incoming-")
	if err != nil {
		return nil, fmt.Errorf("the models folder cannot be written: %w", err)
	}
	defer os.RemoveAll(incoming)
	in := &intake{into: incoming}
	if err := in.take(source); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(source), err)
	}
	root, err := in.root()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(source), err)
	}
	p, err := Load(os.DirFS(root), ".")
	if err != nil {
		return nil, err
	}
	place := filepath.Join(folder, p.Manifest.ID, p.Manifest.Version)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return nil, fmt.Errorf("the models folder cannot be written: %w", err)
	}
	// Renaming onto a folder with files fails: two installations never mix.
	if err := os.Rename(root, place); err != nil {
		return installed(folder, p, err)
	}
	return Load(os.DirFS(folder), path.Join(p.Manifest.ID, p.Manifest.Version))
}

// installed decides whether what is there already is the same package.
func installed(folder string, p *Package, cause error) (*Package, error) {
	old, err := Load(os.DirFS(folder), path.Join(p.Manifest.ID, p.Manifest.Version))
	if err != nil {
		return nil, fmt.Errorf("the package cannot be put into the models folder: %w", cause)
	}
	a, errA := fs.ReadFile(p.fsys, path.Join(p.dir, ManifestFile))
	b, errB := fs.ReadFile(old.fsys, path.Join(old.dir, ManifestFile))
	if errA != nil || errB != nil || string(a) != string(b) {
		return nil, fmt.Errorf("%s %s: %w", p.Manifest.ID, p.Manifest.Version, ErrInstalled)
	}
	return old, nil
}

// intake copies the files of a package into a folder, within limits.
type intake struct {
	into  string
	files int
	bytes int64
}

func (in *intake) take(source string) error {
	st, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", errors.Unwrap(err))
	}
	if st.IsDir() {
		return in.folder(source)
	}
	f, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", errors.Unwrap(err))
	}
	defer f.Close()
	switch {
	case strings.HasSuffix(source, ".zip"):
		return in.zip(f, st.Size())
	case strings.HasSuffix(source, ".tar"):
		return in.tar(f)
	case strings.HasSuffix(source, ".tar.gz"), strings.HasSuffix(source, ".tgz"):
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("it is no gzip file: %w", err)
		}
		return in.tar(z)
	}
	return errors.New("a package is a folder, a .zip, a .tar or a .tar.gz")
}

func (in *intake) folder(source string) error {
	return filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file", rel)
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return in.file(filepath.ToSlash(rel), f)
	})
}

func (in *intake) zip(f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("it is no zip archive: %w", err)
	}
	for _, entry := range z.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		if !entry.Mode().IsRegular() {
			return fmt.Errorf("%s is not a plain file", entry.Name)
		}
		r, err := entry.Open()
		if err != nil {
			return err
		}
		err = in.file(entry.Name, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) tar(r io.Reader) error {
	t := tar.NewReader(r)
	for {
		entry, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is no sound tar archive: %w", err)
		}
		switch entry.Typeflag {
		case tar.TypeReg:
			if err := in.file(entry.Name, t); err != nil {
				return err
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("%s is not a plain file", entry.Name)
		}
	}
}

// file copies one file. Names that leave the folder are refused, and no more
// is written than the limits allow, whatever the archive claims.
func (in *intake) file(name string, r io.Reader) error {
	name = strings.TrimPrefix(name, "./")
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("the name %q is not allowed", name)
	}
	if in.files++; in.files > maxFiles {
		return fmt.Errorf("it has more than %d files", maxFiles)
	}
	place := filepath.Join(in.into, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, errors.Unwrap(err))
	}
	n, err := io.Copy(f, io.LimitReader(r, maxPackageBytes-in.bytes+1))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if in.bytes += n; err == nil && in.bytes > maxPackageBytes {
		err = fmt.Errorf("it holds more than %d bytes", int64(maxPackageBytes))
	}
	return err
}

// root finds the one folder that holds the manifest.
func (in *intake) root() (string, error) {
	var found []string
	err := filepath.WalkDir(in.into, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ManifestFile {
			found = append(found, filepath.Dir(name))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("it must hold one %s, not %d", ManifestFile, len(found))
	}
	return found[0], nil
}
