package report

import "github.com/radnode/radnode"

// The parts of FHIR R4 (http://hl7.org/fhir/R4) that a report needs, with the
// names of the specification.

type fhirBundle struct {
	ResourceType string      `json:"resourceType"`
	Type         string      `json:"type"`
	Timestamp    string      `json:"timestamp"`
	Entry        []fhirEntry `json:"entry"`
}

type fhirEntry struct {
	FullURL  string      `json:"fullUrl"`
	Resource any         `json:"resource"`
	Request  fhirRequest `json:"request"`
}

type fhirRequest struct {
	Method      string `json:"method"`
	URL         string `json:"url"`
	IfNoneExist string `json:"ifNoneExist,omitempty"`
}

type fhirIdentifier struct {
	Type   *fhirConcept `json:"type,omitempty"`
	System string       `json:"system,omitempty"`
	Value  string       `json:"value"`
}

type fhirCoding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

type fhirConcept struct {
	Coding []fhirCoding `json:"coding,omitempty"`
	Text   string       `json:"text,omitempty"`
}

type fhirReference struct {
	Reference  string          `json:"reference,omitempty"`
	Type       string          `json:"type,omitempty"`
	Identifier *fhirIdentifier `json:"identifier,omitempty"`
	Display    string          `json:"display,omitempty"`
}

type fhirQuantity struct {
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	System string  `json:"system"`
	Code   string  `json:"code"`
}

type fhirNote struct {
	Text string `json:"text"`
}

type fhirAttachment struct {
	ContentType string `json:"contentType"`
	Language    string `json:"language,omitempty"`
	Data        []byte `json:"data"`
	Size        int    `json:"size"`
	Hash        []byte `json:"hash"` // SHA-1, as the data type demands
	Title       string `json:"title"`
}

type fhirDevice struct {
	ResourceType string             `json:"resourceType"`
	Identifier   []fhirIdentifier   `json:"identifier"`
	Status       string             `json:"status"`
	Manufacturer string             `json:"manufacturer"`
	DeviceName   []fhirDeviceName   `json:"deviceName"`
	Type         fhirConcept        `json:"type"`
	Version      []fhirVersion      `json:"version"`
	Property     []fhirPropertyText `json:"property,omitempty"`
}

type fhirDeviceName struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type fhirVersion struct {
	Value string `json:"value"`
}

type fhirPropertyText struct {
	Type      fhirConcept   `json:"type"`
	ValueCode []fhirConcept `json:"valueCode"`
}

type fhirImagingStudy struct {
	ResourceType      string           `json:"resourceType"`
	Identifier        []fhirIdentifier `json:"identifier"`
	Status            string           `json:"status"`
	Subject           fhirReference    `json:"subject"`
	Started           string           `json:"started,omitempty"`
	NumberOfSeries    int              `json:"numberOfSeries"`
	NumberOfInstances int              `json:"numberOfInstances"`
	Description       string           `json:"description,omitempty"`
	Series            []fhirSeries     `json:"series"`
}

type fhirSeries struct {
	UID      radnode.UID    `json:"uid"`
	Number   *int           `json:"number,omitempty"`
	Modality fhirCoding     `json:"modality"`
	Instance []fhirInstance `json:"instance"`
}

type fhirInstance struct {
	UID      radnode.UID `json:"uid"`
	SOPClass fhirCoding  `json:"sopClass"`
	Number   *int        `json:"number,omitempty"`
}

type fhirObservation struct {
	ResourceType         string           `json:"resourceType"`
	Identifier           []fhirIdentifier `json:"identifier"`
	PartOf               []fhirReference  `json:"partOf"`
	Status               string           `json:"status"`
	Category             []fhirConcept    `json:"category"`
	Code                 fhirConcept      `json:"code"`
	Subject              fhirReference    `json:"subject"`
	Effective            string           `json:"effectiveDateTime,omitempty"`
	Issued               string           `json:"issued"`
	Performer            []fhirReference  `json:"performer,omitempty"`
	ValueCodeableConcept *fhirConcept     `json:"valueCodeableConcept,omitempty"`
	ValueQuantity        *fhirQuantity    `json:"valueQuantity,omitempty"`
	Note                 []fhirNote       `json:"note,omitempty"`
	Device               *fhirReference   `json:"device,omitempty"`
	DerivedFrom          []fhirReference  `json:"derivedFrom,omitempty"`
	Component            []fhirComponent  `json:"component,omitempty"`
}

type fhirComponent struct {
	Code          fhirConcept   `json:"code"`
	ValueQuantity *fhirQuantity `json:"valueQuantity,omitempty"`
	ValueString   string        `json:"valueString,omitempty"`
}

type fhirDiagnosticReport struct {
	ResourceType       string           `json:"resourceType"`
	Identifier         []fhirIdentifier `json:"identifier"`
	BasedOn            []fhirReference  `json:"basedOn,omitempty"`
	Status             string           `json:"status"`
	Category           []fhirConcept    `json:"category"`
	Code               fhirConcept      `json:"code"`
	Subject            fhirReference    `json:"subject"`
	Effective          string           `json:"effectiveDateTime,omitempty"`
	Issued             string           `json:"issued"`
	Performer          []fhirReference  `json:"performer"`
	ResultsInterpreter []fhirReference  `json:"resultsInterpreter,omitempty"`
	Result             []fhirReference  `json:"result,omitempty"`
	ImagingStudy       []fhirReference  `json:"imagingStudy"`
	Conclusion         string           `json:"conclusion,omitempty"`
	PresentedForm      []fhirAttachment `json:"presentedForm"`
}
