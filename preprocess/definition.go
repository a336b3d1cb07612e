package preprocess

import (
	"bytes"
	"embed"
	"errors"
	"io"
	"io/fs"

	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode"
)

// Definition is a pipeline as a file holds it.
type Definition struct {
	Schema     int              `yaml:"schema" json:"schema"` // 1
	Name       string           `yaml:"name" json:"name"`
	Version    string           `yaml:"version" json:"version"`
	Purpose    string           `yaml:"purpose" json:"purpose"`
	Modalities []string         `yaml:"modalities,omitempty" json:"modalities,omitempty"`
	Steps      []map[string]any `yaml:"steps" json:"steps"`
	Volume     *VolumeStep      `yaml:"volume,omitempty" json:"volume,omitempty"` // for a series
}

// maxDefinition bounds the text of a pipeline.
const maxDefinition = 1 << 20

// ParseDefinition reads a pipeline file and checks all of it, steps included.
func ParseDefinition(text []byte) (*Definition, error) {
	const op = "read pipeline"
	if len(text) > maxDefinition {
		return nil, radnode.Errorf(radnode.TooLarge, op, "text of %d bytes exceeds the limit of %d", len(text), maxDefinition)
	}
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&root); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "not a pipeline: %w", err)
	}
	if err := decoder.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, radnode.Errorf(radnode.Invalid, op, "a pipeline file holds one document")
	}
	if err := checkKeys(&root); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	d := &Definition{}
	decoder = yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(d); err != nil {
		var wrong *wrongParam
		if errors.As(err, &wrong) {
			return nil, radnode.Errorf(radnode.Invalid, op, "line %d: %w", lineOf(&root, "volume", wrong.name), err)
		}
		return nil, radnode.Errorf(radnode.Invalid, op, "not a pipeline: %w", err)
	}
	switch {
	case d.Schema != 1:
		return nil, radnode.Errorf(radnode.Unsupported, op, "schema %d is not known; write schema: 1", d.Schema)
	case !validName(d.Name):
		return nil, radnode.Errorf(radnode.Invalid, op, "name %q: use 1 to 64 characters out of a-z, 0-9, _ and -", d.Name)
	case d.Version == "":
		return nil, radnode.Errorf(radnode.Invalid, op, "version is missing")
	case d.Steps == nil:
		return nil, radnode.Errorf(radnode.Invalid, op, "steps are missing; write steps: [] for none")
	}
	p, err := Compile(d.Steps)
	if err != nil {
		var wrong *wrongStep
		if errors.As(err, &wrong) {
			return nil, radnode.Errorf(radnode.Invalid, op, "line %d: %w", wrong.line(&root), wrong)
		}
		return nil, err
	}
	p.Close()
	return d, nil
}

//go:embed pipelines/*.yaml
var bundled embed.FS

// Bundled returns the pipelines that come with radnode, by name.
func Bundled() (map[string]*Definition, error) {
	out := map[string]*Definition{}
	err := fs.WalkDir(bundled, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := bundled.ReadFile(path)
		if err != nil {
			return err
		}
		d, err := ParseDefinition(text)
		if err != nil {
			return radnode.Errorf(radnode.CodeOf(err), "read bundled pipelines", "%s: %w", path, err)
		}
		out[d.Name] = d
		return nil
	})
	return out, err
}
