package sr

import "github.com/radnode/radnode"

// ProcedureContext is TID 1005: the procedure that is reported, where it is not
// the one of the header.
type ProcedureContext struct {
	StudyInstanceUID radnode.UID
	ComponentUID     radnode.UID
	Placer           Identifier
	Filler           Identifier
	Accession        Identifier
	Codes            []radnode.Concept
}

// Identifier is an identifier and who issued it.
type Identifier struct{ Value, Issuer string }

// SubjectContext is TID 1006: whom or what the report is about, where it is not
// the patient of the header. Which of the fields counts is told by Class.
type SubjectContext struct {
	Class    radnode.Concept // CID 271
	Patient  *SubjectPatient
	Fetus    *SubjectFetus
	Specimen *SubjectSpecimen
	Device   *SubjectDevice
}

// SubjectPatient is TID 1007.
type SubjectPatient struct {
	UID       radnode.UID
	Name      string // PN
	ID        string
	BirthDate string           // DA
	Sex       *radnode.Concept // CID 7455
	Age       *Number          // CID 7456
	Species   *radnode.Concept
	Breed     *radnode.Concept
}

// SubjectFetus is TID 1008.
type SubjectFetus struct {
	Mother string // PN
	UID    radnode.UID
	ID     string
	Number string
	Count  *int // of fetuses
}

// SubjectSpecimen is TID 1009.
type SubjectSpecimen struct {
	UID       radnode.UID
	ID        string
	Issuer    string
	Container string
}

// SubjectDevice is TID 1010.
type SubjectDevice struct {
	Name, Manufacturer, Model, Serial, Location string
	UID                                         radnode.UID
}

// Concepts of TID 1005 to 1010.
var (
	PlacerNumber       = dcm("121020", "Placer Number")
	FillerNumber       = dcm("121021", "Filler Number")
	ProcedureCode      = dcm("121023", "Procedure Code")
	IssuerOfIdentifier = dcm("110190", "Issuer of Identifier")

	PatientSubject  = dcm("121025", "Patient")
	FetusSubject    = dcm("121026", "Fetus")
	SpecimenSubject = dcm("121027", "Specimen")
	DeviceSubject   = dcm("121192", "Device Subject")

	SubjectUID       = dcm("121028", "Subject UID")
	SubjectName      = dcm("121029", "Subject Name")
	SubjectID        = dcm("121030", "Subject ID")
	SubjectBirthDate = dcm("121031", "Subject Birth Date")
	SubjectSex       = dcm("121032", "Subject Sex")
	SubjectAge       = dcm("121033", "Subject Age")
	SubjectSpecies   = dcm("121034", "Subject Species")
	SubjectBreed     = dcm("121035", "Subject Breed")
	MotherOfFetus    = dcm("121036", "Mother of fetus")
	FetusNumber      = dcm("121037", "Fetus number")
	NumberOfFetuses  = dcm("121038", "Number of Fetuses")

	SpecimenUID       = dcm("121039", "Specimen UID")
	SpecimenID        = dcm("121041", "Specimen Identifier")
	SpecimenIssuer    = dcm("111724", "Issuer of Specimen Identifier")
	SpecimenContainer = dcm("111700", "Specimen Container Identifier")

	DeviceSubjectName         = dcm("121193", "Device Subject Name")
	DeviceSubjectManufacturer = dcm("121194", "Device Subject Manufacturer")
	DeviceSubjectModel        = dcm("121195", "Device Subject Model Name")
	DeviceSubjectSerial       = dcm("121196", "Device Subject Serial Number")
	DeviceSubjectLocation     = dcm("121197", "Device Subject Physical Location during observation")
	DeviceSubjectUID          = dcm("121198", "Device Subject UID")
)

func (i *Item) identifier(name radnode.Concept, id Identifier) {
	if id.Value == "" {
		return
	}
	it := textItem(HasObsContext, Text, name, id.Value)
	it.optional(HasConceptMod, Text, IssuerOfIdentifier, id.Issuer)
	i.add(it)
}

func (i *Item) identifierOf(name radnode.Concept) Identifier {
	it := i.First(name)
	if it == nil {
		return Identifier{}
	}
	return Identifier{Value: it.Text, Issuer: it.textOf(IssuerOfIdentifier)}
}

func (p *ProcedureContext) items() []*Item {
	var c Item
	c.optional(HasObsContext, UIDRef, ProcedureStudy, string(p.StudyInstanceUID))
	c.optional(HasObsContext, UIDRef, ProcedureComponent, string(p.ComponentUID))
	c.identifier(PlacerNumber, p.Placer)
	c.identifier(FillerNumber, p.Filler)
	c.identifier(AccessionNumber, p.Accession)
	for _, code := range p.Codes {
		c.add(codeItem(HasObsContext, ProcedureCode, code))
	}
	return c.Items
}

func procedureOf(i *Item) *ProcedureContext {
	p := &ProcedureContext{StudyInstanceUID: radnode.UID(i.textOf(ProcedureStudy)), ComponentUID: radnode.UID(i.textOf(ProcedureComponent)),
		Placer: i.identifierOf(PlacerNumber), Filler: i.identifierOf(FillerNumber), Accession: i.identifierOf(AccessionNumber)}
	for _, c := range i.Find(ProcedureCode) {
		if c.Code != nil {
			p.Codes = append(p.Codes, *c.Code)
		}
	}
	if len(p.items()) == 0 {
		return nil
	}
	return p
}

func (s *SubjectContext) items() ([]*Item, error) {
	c := &Item{}
	c.add(codeItem(HasObsContext, SubjectClass, s.Class))
	ok := false
	switch {
	case Is(s.Class, PatientSubject) && s.Patient != nil:
		// TID 1007: a subject is told by a UID, a name or an ID.
		ok = s.Patient.UID != "" || s.Patient.Name != "" || s.Patient.ID != ""
		s.Patient.addTo(c)
	case Is(s.Class, FetusSubject) && s.Fetus != nil:
		ok = s.Fetus.UID != "" || s.Fetus.ID != "" || s.Fetus.Number != ""
		s.Fetus.addTo(c)
	case Is(s.Class, SpecimenSubject) && s.Specimen != nil:
		ok = s.Specimen.UID != "" || s.Specimen.ID != ""
		s.Specimen.addTo(c)
	case Is(s.Class, DeviceSubject) && s.Device != nil:
		ok = s.Device.Name != "" || s.Device.UID != ""
		s.Device.addTo(c)
	}
	if !ok {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "TID 1006: a subject of class %s needs what identifies it", s.Class.Meaning)
	}
	return c.Items, nil
}

func (p *SubjectPatient) addTo(c *Item) {
	c.optional(HasObsContext, UIDRef, SubjectUID, string(p.UID))
	c.optional(HasObsContext, PName, SubjectName, p.Name)
	c.optional(HasObsContext, Text, SubjectID, p.ID)
	c.optional(HasObsContext, Date, SubjectBirthDate, p.BirthDate)
	c.optionalCode(HasObsContext, SubjectSex, p.Sex)
	c.optionalNumber(HasObsContext, SubjectAge, p.Age)
	c.optionalCode(HasObsContext, SubjectSpecies, p.Species)
	c.optionalCode(HasObsContext, SubjectBreed, p.Breed)
}

func (f *SubjectFetus) addTo(c *Item) {
	c.optional(HasObsContext, PName, MotherOfFetus, f.Mother)
	c.optional(HasObsContext, UIDRef, SubjectUID, string(f.UID))
	c.optional(HasObsContext, Text, SubjectID, f.ID)
	c.optional(HasObsContext, Text, FetusNumber, f.Number)
	if f.Count != nil {
		c.add(numItem(HasObsContext, NumberOfFetuses, float64(*f.Count), NoUnits))
	}
}

func (s *SubjectSpecimen) addTo(c *Item) {
	c.optional(HasObsContext, UIDRef, SpecimenUID, string(s.UID))
	c.optional(HasObsContext, Text, SpecimenID, s.ID)
	c.optional(HasObsContext, Text, SpecimenIssuer, s.Issuer)
	c.optional(HasObsContext, Text, SpecimenContainer, s.Container)
}

func (d *SubjectDevice) addTo(c *Item) {
	c.optional(HasObsContext, Text, DeviceSubjectName, d.Name)
	c.optional(HasObsContext, UIDRef, DeviceSubjectUID, string(d.UID))
	c.optional(HasObsContext, Text, DeviceSubjectManufacturer, d.Manufacturer)
	c.optional(HasObsContext, Text, DeviceSubjectModel, d.Model)
	c.optional(HasObsContext, Text, DeviceSubjectSerial, d.Serial)
	c.optional(HasObsContext, Text, DeviceSubjectLocation, d.Location)
}

func subjectOf(i *Item) *SubjectContext {
	class := i.codeOf(SubjectClass)
	if class == nil {
		return nil
	}
	s := &SubjectContext{Class: *class}
	switch {
	case Is(*class, PatientSubject):
		s.Patient = &SubjectPatient{UID: radnode.UID(i.textOf(SubjectUID)), Name: i.textOf(SubjectName), ID: i.textOf(SubjectID), BirthDate: i.textOf(SubjectBirthDate),
			Sex: i.codeOf(SubjectSex), Age: i.numberOf(SubjectAge), Species: i.codeOf(SubjectSpecies), Breed: i.codeOf(SubjectBreed)}
	case Is(*class, FetusSubject):
		s.Fetus = &SubjectFetus{Mother: i.textOf(MotherOfFetus), UID: radnode.UID(i.textOf(SubjectUID)), ID: i.textOf(SubjectID), Number: i.textOf(FetusNumber)}
		if n := i.numberOf(NumberOfFetuses); n != nil && !n.Missing {
			count := int(n.Value)
			s.Fetus.Count = &count
		}
	case Is(*class, SpecimenSubject):
		s.Specimen = &SubjectSpecimen{UID: radnode.UID(i.textOf(SpecimenUID)), ID: i.textOf(SpecimenID), Issuer: i.textOf(SpecimenIssuer), Container: i.textOf(SpecimenContainer)}
	case Is(*class, DeviceSubject):
		s.Device = &SubjectDevice{Name: i.textOf(DeviceSubjectName), UID: radnode.UID(i.textOf(DeviceSubjectUID)), Manufacturer: i.textOf(DeviceSubjectManufacturer),
			Model: i.textOf(DeviceSubjectModel), Serial: i.textOf(DeviceSubjectSerial), Location: i.textOf(DeviceSubjectLocation)}
	}
	return s
}
