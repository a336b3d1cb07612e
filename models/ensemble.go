package models

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// KindEnsemble is a model without a graph: the weighted mean of the calibrated
// probabilities that its members, models or versions of one, give an image.
const KindEnsemble = "ensemble"

// Ensemble lists the members of an ensemble.
type Ensemble struct {
	Members []Member `yaml:"members" json:"members"`
}

// Member is one version of a model with its share in the mean. The digest
// pins it: an ensemble was judged with these members and no others.
type Member struct {
	Model   string  `yaml:"model" json:"model"`
	Version string  `yaml:"version" json:"version"`
	Digest  string  `yaml:"digest" json:"digest"` // of the ONNX file
	Weight  float64 `yaml:"weight" json:"weight"`
}

// Name is how the version is asked for: "id@version".
func (m Member) Name() string { return m.Model + "@" + m.Version }

const maxMembers = 16

// graphKeys are what the members of an ensemble have, each its own.
var graphKeys = []string{"onnx", "digest", "input", "pipeline", "outputs", "detection", "embedding", "typical", "disturb", "explain"}

func (c *checker) ensemble(m *Manifest) {
	for _, key := range graphKeys {
		c.must(!c.has(key), at(key), "is of no use to an ensemble; its members have their own")
	}
	if m.Ensemble == nil {
		c.fail(at("ensemble"), "must list the members of the ensemble")
		return
	}
	members := m.Ensemble.Members
	c.must(len(members) >= 2 && len(members) <= maxMembers, at("ensemble", "members"), "must be 2 to %d", maxMembers)
	seen := map[string]bool{}
	for i, one := range members {
		path := at("ensemble", "members", i)
		c.must(idPattern.MatchString(one.Model), under(path, "model"), "must be the id of a model")
		c.must(one.Model != m.ID, under(path, "model"), "an ensemble cannot be its own member")
		c.must(versionPattern.MatchString(one.Version), under(path, "version"), "must be three numbers, e.g. 1.0.0")
		c.must(digestPattern.MatchString(one.Digest), under(path, "digest"), `must be "sha256:" and 64 small hexadecimal digits`)
		c.between(under(path, "weight"), one.Weight, 1e-3, 1e3)
		c.must(!seen[one.Name()], path, "%s is a member already; give it more weight", one.Name())
		seen[one.Name()] = true
		m.memberLines = append(m.memberLines, c.line(path...))
	}
}

// pinned sets the digest of an ensemble to that of its manifest, which holds
// the digests of the members.
func (m *Manifest) pinned(text []byte) {
	sum := sha256.Sum256(text)
	m.Digest = "sha256:" + hex.EncodeToString(sum[:])
}

// members checks that the members of an ensemble are there and answer its
// questions, and places them before it.
func (o *ordering) members(m *Manifest) (Problem, bool) {
	if m.Ensemble == nil {
		return Problem{}, true
	}
	for i, one := range m.Ensemble.Members {
		if text := o.unfit(m, one); text != "" {
			return Problem{File: m.file, Line: m.memberLines[i], Rule: fmt.Sprintf("ensemble.members[%d]", i), Text: text}, false
		}
	}
	return Problem{}, true
}

// unfit says why a member cannot serve an ensemble; "" if it can.
func (o *ordering) unfit(m *Manifest, one Member) string {
	at := slices.IndexFunc(o.labels[one.Model], func(c *Manifest) bool { return c.Version == one.Version })
	if at < 0 {
		return fmt.Sprintf("there is no model %s", one.Name())
	}
	member := o.labels[one.Model][at]
	switch {
	case member.KindOf() != KindClassification:
		return fmt.Sprintf("%s is a model of the kind %s; the members must be of the kind %s", one.Name(), member.KindOf(), KindClassification)
	case member.Digest != one.Digest:
		return fmt.Sprintf("%s is another model than the ensemble was made of: its digest is %s", one.Name(), member.Digest)
	}
	for _, l := range m.Labels {
		own, ok := member.Label(l.Name)
		if !ok {
			return fmt.Sprintf("%s has no label %s", one.Name(), l.Name)
		}
		if (own.Code == nil) != (l.Code == nil) || l.Code != nil && (own.Code.Value != l.Code.Value || own.Code.Scheme != l.Code.Scheme) {
			return fmt.Sprintf("%s has another code for the label %s", one.Name(), l.Name)
		}
	}
	for i, r := range m.References {
		k := slices.IndexFunc(m.Ensemble.Members, func(k Member) bool { return k == one })
		if !slices.ContainsFunc(member.References, func(own Reference) bool { return own.Name == r.Cases[k] }) {
			return fmt.Sprintf("%s has no reference case %q, which references[%d] names", one.Name(), r.Cases[k], i)
		}
	}
	if !o.visit(member) {
		return fmt.Sprintf("%s cannot run before the ensemble", one.Name())
	}
	return ""
}
