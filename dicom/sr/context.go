package sr

import (
	"strconv"

	"github.com/radnode/radnode"
)

// codeItem, textItem and the others below make leaves.
func codeItem(rel Relationship, name, value radnode.Concept) *Item {
	return &Item{Relationship: rel, Type: Code, Name: name, Code: &value}
}

func textItem(rel Relationship, vt ValueType, name radnode.Concept, value string) *Item {
	return &Item{Relationship: rel, Type: vt, Name: name, Text: value}
}

func imageItem(rel Relationship, name radnode.Concept, ref Reference) *Item {
	return &Item{Relationship: rel, Type: Image, Name: name, Reference: &ref}
}

func numItem(rel Relationship, name radnode.Concept, value float64, unit radnode.Concept) *Item {
	return &Item{Relationship: rel, Type: Num, Name: name, Number: &Number{Value: value, Unit: unit}}
}

// optional appends a leaf when value is not empty.
func (i *Item) optional(rel Relationship, vt ValueType, name radnode.Concept, value string) {
	if value != "" {
		i.Items = append(i.Items, textItem(rel, vt, name, value))
	}
}

func (i *Item) optionalCode(rel Relationship, name radnode.Concept, value *radnode.Concept) {
	if value != nil {
		i.Items = append(i.Items, codeItem(rel, name, *value))
	}
}

func (i *Item) optionalNumber(rel Relationship, name radnode.Concept, value *Number) {
	if value != nil {
		n := *value
		i.Items = append(i.Items, &Item{Relationship: rel, Type: Num, Name: name, Number: &n})
	}
}

func (i *Item) add(items ...*Item) { i.Items = append(i.Items, items...) }

func (i *Item) textOf(name radnode.Concept) string {
	if f := i.First(name); f != nil {
		return f.Text
	}
	return ""
}

func (i *Item) codeOf(name radnode.Concept) *radnode.Concept {
	if f := i.First(name); f != nil {
		return f.Code
	}
	return nil
}

func (i *Item) numberOf(name radnode.Concept) *Number {
	if f := i.First(name); f != nil {
		return f.Number
	}
	return nil
}

const buildOp = "build structured report"

// Language is TID 1204.
type Language struct {
	Language radnode.Concept  // RFC 5646
	Country  *radnode.Concept // ISO 3166
}

func (l Language) item() *Item {
	it := codeItem(HasConceptMod, LanguageOfContent, l.Language)
	it.optionalCode(HasConceptMod, CountryOfLanguage, l.Country)
	return it
}

func languageOf(i *Item) *Language {
	l := i.First(LanguageOfContent)
	if l == nil || l.Code == nil {
		return nil
	}
	return &Language{Language: *l.Code, Country: l.codeOf(CountryOfLanguage)}
}

// Observer is TID 1002: one person or one device.
type Observer struct {
	Person *PersonObserver
	Device *DeviceObserver
}

// PersonObserver is TID 1003.
type PersonObserver struct {
	Name               string // PN
	Login              string
	Organization       string
	RoleInOrganization *radnode.Concept // CID 7452
	RoleInProcedure    *radnode.Concept // CID 7453
}

// DeviceObserver is TID 1004.
type DeviceObserver struct {
	UID          radnode.UID
	Name         string
	Manufacturer string
	Model        string
	Serial       string
	Location     string
	Station      string            // AE title
	Roles        []radnode.Concept // CID 7445
}

func (o Observer) items() ([]*Item, error) {
	switch {
	case o.Person != nil && o.Device == nil:
		return o.Person.items()
	case o.Device != nil && o.Person == nil:
		return o.Device.items()
	}
	return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1002: an observer is either a person or a device")
}

func (p *PersonObserver) items() ([]*Item, error) {
	if p.Name == "" {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1003: a person observer needs a name")
	}
	var c Item
	c.add(codeItem(HasObsContext, ObserverType, PersonType), textItem(HasObsContext, PName, PersonObserverName, p.Name))
	c.optional(HasObsContext, Text, PersonLogin, p.Login)
	c.optional(HasObsContext, Text, PersonOrganization, p.Organization)
	c.optionalCode(HasObsContext, PersonRoleOrganization, p.RoleInOrganization)
	c.optionalCode(HasObsContext, PersonRoleProcedure, p.RoleInProcedure)
	return c.Items, nil
}

func (d *DeviceObserver) items() ([]*Item, error) {
	if !d.UID.Valid() {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1004: a device observer needs a UID")
	}
	var c Item
	c.add(codeItem(HasObsContext, ObserverType, DeviceType), textItem(HasObsContext, UIDRef, DeviceUID, string(d.UID)))
	c.optional(HasObsContext, Text, DeviceName, d.Name)
	c.optional(HasObsContext, Text, DeviceManufacturer, d.Manufacturer)
	c.optional(HasObsContext, Text, DeviceModel, d.Model)
	c.optional(HasObsContext, Text, DeviceSerial, d.Serial)
	c.optional(HasObsContext, Text, DeviceLocation, d.Location)
	c.optional(HasObsContext, Text, StationAETitle, d.Station)
	for _, r := range d.Roles {
		c.add(codeItem(HasObsContext, DeviceRole, r))
	}
	return c.Items, nil
}

// observersOf reads TID 1002 from the children of i: each Observer Type begins
// another observer.
func observersOf(i *Item) []Observer {
	var out []Observer
	part := &Item{}
	flush := func() {
		if o, ok := observerFrom(part); ok {
			out = append(out, o)
		}
		part = &Item{}
	}
	for _, c := range i.Items {
		if c.Relationship != HasObsContext {
			continue
		}
		if Is(c.Name, ObserverType) {
			flush()
		}
		part.add(c)
	}
	flush()
	return out
}

func observerFrom(i *Item) (Observer, bool) {
	// PS3.16 TID 1002: without a type the observer is a person.
	if t := i.codeOf(ObserverType); t != nil && Is(*t, DeviceType) {
		d := &DeviceObserver{UID: radnode.UID(i.textOf(DeviceUID)), Name: i.textOf(DeviceName),
			Manufacturer: i.textOf(DeviceManufacturer), Model: i.textOf(DeviceModel),
			Serial: i.textOf(DeviceSerial), Location: i.textOf(DeviceLocation), Station: i.textOf(StationAETitle)}
		for _, r := range i.Find(DeviceRole) {
			if r.Code != nil {
				d.Roles = append(d.Roles, *r.Code)
			}
		}
		return Observer{Device: d}, true
	}
	if n := i.textOf(PersonObserverName); n != "" {
		return Observer{Person: &PersonObserver{Name: n, Login: i.textOf(PersonLogin), Organization: i.textOf(PersonOrganization),
			RoleInOrganization: i.codeOf(PersonRoleOrganization), RoleInProcedure: i.codeOf(PersonRoleProcedure)}}, true
	}
	return Observer{}, false
}

// Algorithm is TID 4019.
type Algorithm struct {
	Name         string
	Version      string
	Manufacturer string
	Parameters   []string
	Family       *radnode.Concept // CID 7162
}

func (a *Algorithm) items() ([]*Item, error) {
	if a.Name == "" || a.Version == "" {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 4019: an algorithm needs name and version")
	}
	var c Item
	c.optionalCode(HasConceptMod, AlgorithmFamily, a.Family)
	c.add(textItem(HasConceptMod, Text, AlgorithmName, a.Name), textItem(HasConceptMod, Text, AlgorithmVersion, a.Version))
	c.optional(HasConceptMod, Text, AlgorithmManufacturer, a.Manufacturer)
	for _, p := range a.Parameters {
		c.optional(HasConceptMod, Text, AlgorithmParameters, p)
	}
	return c.Items, nil
}

func algorithmOf(i *Item) *Algorithm {
	a := &Algorithm{Name: i.textOf(AlgorithmName), Version: i.textOf(AlgorithmVersion),
		Manufacturer: i.textOf(AlgorithmManufacturer), Family: i.codeOf(AlgorithmFamily)}
	if a.Name == "" && a.Version == "" {
		return nil
	}
	for _, p := range i.Find(AlgorithmParameters) {
		a.Parameters = append(a.Parameters, p.Text)
	}
	return a
}

// TimePoint is TID 1502.
type TimePoint struct {
	TimePoint  string
	Type       *radnode.Concept // CID 6146
	Order      *int
	SubjectID  string
	ProtocolID string
}

func (t *TimePoint) items() ([]*Item, error) {
	if t.TimePoint == "" {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1502: a time point needs its name")
	}
	var c Item
	c.add(textItem(HasObsContext, Text, TimePointName, t.TimePoint))
	c.optionalCode(HasObsContext, TimePointType, t.Type)
	if t.Order != nil {
		c.add(numItem(HasObsContext, TimePointOrder, float64(*t.Order), NoUnits))
	}
	c.optional(HasObsContext, Text, SubjectTimePointID, t.SubjectID)
	c.optional(HasObsContext, Text, ProtocolTimePointID, t.ProtocolID)
	return c.Items, nil
}

func timePointOf(i *Item) *TimePoint {
	name := i.First(TimePointName)
	if name == nil {
		return nil
	}
	t := &TimePoint{TimePoint: name.Text, Type: i.codeOf(TimePointType),
		SubjectID: i.textOf(SubjectTimePointID), ProtocolID: i.textOf(ProtocolTimePointID)}
	if o := i.First(TimePointOrder); o != nil && o.Number != nil && !o.Number.Missing {
		n := int(o.Number.Value)
		t.Order = &n
	} else if o != nil && o.Text != "" {
		if n, err := strconv.Atoi(o.Text); err == nil {
			t.Order = &n
		}
	}
	return t
}

// Site is a finding site with its modifiers.
type Site struct {
	Site       radnode.Concept
	Laterality *radnode.Concept
	Modifier   *radnode.Concept
}

func (s Site) item() *Item {
	it := codeItem(HasConceptMod, FindingSite, s.Site)
	it.optionalCode(HasConceptMod, Laterality, s.Laterality)
	it.optionalCode(HasConceptMod, TopographicalModifier, s.Modifier)
	return it
}

func sitesOf(i *Item) []Site {
	var out []Site
	for _, f := range i.Find(FindingSite) {
		if f.Code != nil {
			out = append(out, Site{Site: *f.Code, Laterality: f.codeOf(Laterality), Modifier: f.codeOf(TopographicalModifier)})
		}
	}
	return out
}
