package sr

import "github.com/radnode/radnode"

// KeyObjects is TID 2010, Key Object Selection.
type KeyObjects struct {
	Title       radnode.Concept   // CID 7010
	Modifiers   []radnode.Concept // Document Title Modifier
	Language    Language
	Observer    *Observer
	Description string
	Objects     []KeyObject
}

// KeyObject is an instance that is selected: an image, a waveform, or another
// composite object.
type KeyObject struct {
	Type      ValueType
	Reference Reference
}

// Concepts of key object selections.
var (
	OfInterest           = dcm("113000", "Of Interest")
	TitleModifier        = dcm("113011", "Document Title Modifier")
	KeyObjectDescription = dcm("113012", "Key Object Description")
)

// keyObjectTitles are the titles of CID 7010 for selections of images.
var keyObjectTitles = []string{"113000", "113001", "113002", "113003", "113004", "113005", "113006", "113007", "113008", "113009", "113010", "113013", "113018",
	"113020", "113021", "113030", "113031", "113032", "113033", "113034", "113035", "113036", "113037", "113038", "113039"}

// Content returns the content tree of a Key Object Selection Document.
func (k *KeyObjects) Content() (*Item, error) {
	if len(k.Objects) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 2010: a selection needs an object")
	}
	root := &Item{Type: Container, Name: k.Title, Template: "2010"}
	if root.Name.Value == "" {
		root.Name = OfInterest
	}
	for _, m := range k.Modifiers {
		root.add(codeItem(HasConceptMod, TitleModifier, m))
	}
	if k.Language.Language.Value != "" {
		root.add(k.Language.item())
	}
	if k.Observer != nil {
		items, err := k.Observer.items()
		if err != nil {
			return nil, err
		}
		root.add(items...)
	}
	root.optional(Contains, Text, KeyObjectDescription, k.Description)
	for _, o := range k.Objects {
		switch o.Type {
		case Image, Composite, Waveform:
		default:
			return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 2010: %s cannot be selected", o.Type)
		}
		ref := o.Reference
		root.add(&Item{Relationship: Contains, Type: o.Type, Reference: &ref})
	}
	return root, nil
}

// ParseKeyObjects reads TID 2010 from a content tree.
func ParseKeyObjects(root *Item) (*KeyObjects, error) {
	if root == nil || root.Type != Container || root.Template != "" && root.Template != "2010" {
		return nil, radnode.Errorf(radnode.Unsupported, "read structured report", "the document is no key object selection (TID 2010)")
	}
	k := &KeyObjects{Title: root.Name, Description: root.textOf(KeyObjectDescription)}
	if l := languageOf(root); l != nil {
		k.Language = *l
	}
	if o := observersOf(root); len(o) > 0 {
		k.Observer = &o[0]
	}
	for _, i := range root.Items {
		switch {
		case i.Reference != nil:
			k.Objects = append(k.Objects, KeyObject{Type: i.Type, Reference: *i.Reference})
		case Is(i.Name, TitleModifier) && i.Code != nil:
			k.Modifiers = append(k.Modifiers, *i.Code)
		}
	}
	return k, nil
}
