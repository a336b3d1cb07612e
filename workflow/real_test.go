package workflow_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/workflow"
)

// shared is the folder of real files beside the repository.
func shared(t *testing.T, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Skip("the root of the repository was not found")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real files are not here: %v", err)
	}
	return path
}

func TestRealObjectsOfEverySyntaxAreKeptAsSent(t *testing.T) {
	root := shared(t, "dicom")
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = time.Hour })
	ctx := context.Background()
	taken, refused := 0, 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			return nil // no DICOM file
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = data[f.DatasetOffset:]
		class, sop := f.Dataset.UID(dicom.SOPClassUID), f.Dataset.UID(dicom.SOPInstanceUID)
		err = b.Ingest(ctx, from, f.TransferSyntax, class, sop, bytes.NewReader(data))
		if err != nil {
			refused++
			t.Logf("%s: %v", path[len(root):], err)
			if code := radnode.CodeOf(err); code != radnode.Invalid && code != radnode.TooLarge && code != radnode.Unsupported {
				t.Errorf("%s: %v (%s)", filepath.Base(path), err, code)
			}
			return nil
		}
		taken++
		kept, inst, err := b.InstancePath(ctx, sop)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(kept)
		if err != nil {
			return err
		}
		if inst.Digest == digest(data) && !bytes.HasSuffix(got, data) {
			t.Errorf("%s is not kept as sent", filepath.Base(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d taken, %d refused", taken, refused)
	if taken < 150 {
		t.Errorf("only %d objects were taken", taken)
	}
	b.balanced()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
