package dicomweb

import (
	"encoding/xml"
	"net/http"

	"github.com/labstack/echo/v4"
)

// The capabilities description (PS3.18 8.9, Annex H) in the Web Application
// Description Language.
type (
	wadl struct {
		XMLName   xml.Name      `xml:"http://wadl.dev.java.net/2009/02 application" json:"-"`
		Resources wadlResources `xml:"resources" json:"resources"`
	}
	wadlResources struct {
		Base     string         `xml:"base,attr" json:"@base"`
		Resource []wadlResource `xml:"resource" json:"resource"`
	}
	wadlResource struct {
		Path     string         `xml:"path,attr" json:"@path"`
		Methods  []wadlMethod   `xml:"method" json:"method,omitempty"`
		Resource []wadlResource `xml:"resource" json:"resource,omitempty"`
	}
	wadlMethod struct {
		Name     string       `xml:"name,attr" json:"@name"`
		ID       string       `xml:"id,attr" json:"@id"`
		Request  wadlRequest  `xml:"request" json:"request"`
		Response wadlResponse `xml:"response" json:"response"`
	}
	wadlRequest struct {
		Params []wadlParam `xml:"param" json:"param,omitempty"`
		Forms  []wadlForm  `xml:"representation" json:"representation,omitempty"`
	}
	wadlResponse struct {
		Status string     `xml:"status,attr" json:"@status"`
		Forms  []wadlForm `xml:"representation" json:"representation,omitempty"`
	}
	wadlParam struct {
		Name    string `xml:"name,attr" json:"@name"`
		Style   string `xml:"style,attr" json:"@style"`
		Type    string `xml:"type,attr,omitempty" json:"@type,omitempty"`
		Default string `xml:"default,attr,omitempty" json:"@default,omitempty"`
	}
	wadlForm struct {
		MediaType string `xml:"mediaType,attr" json:"@mediaType"`
	}
)

// The forms of each kind of resource.
var (
	modelForms    = []wadlForm{{typeJSON}, {`multipart/related; type="application/dicom+xml"`}}
	instanceForms = []wadlForm{{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1`}, {`multipart/related; type="application/dicom"; transfer-syntax=*`}}
	frameForms    = []wadlForm{{`multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1`}, {`multipart/related; type="application/octet-stream"; transfer-syntax=*`},
		{`multipart/related; type="image/jpeg"`}, {`multipart/related; type="image/jls"`}, {`multipart/related; type="image/jp2"`}, {`multipart/related; type="image/jphc"`}, {`multipart/related; type="image/dicom-rle"`}}
	pictureForms = []wadlForm{{"image/jpeg"}, {"image/png"}, {"image/gif"}}
	storingForms = []wadlForm{{`multipart/related; type="application/dicom"`}, {`multipart/related; type="application/dicom+json"`},
		{`multipart/related; type="application/dicom+xml"`}, {typeDICOM}, {typeJSON}, {typeXML}}
)

func query(names ...string) []wadlParam {
	var list []wadlParam
	for _, n := range names {
		list = append(list, wadlParam{Name: n, Style: "query"})
	}
	return list
}

func reading(id string, forms []wadlForm, params ...wadlParam) wadlMethod {
	return wadlMethod{Name: http.MethodGet, ID: id, Request: wadlRequest{Params: params}, Response: wadlResponse{"200", forms}}
}

func searching(id string, level int) wadlMethod {
	params := []wadlParam{{"limit", "query", "xsd:nonNegativeInteger", "10000"}, {"offset", "query", "xsd:nonNegativeInteger", "0"},
		{"fuzzymatching", "query", "xsd:boolean", "false"}, {"includefield", "query", "xsd:string", ""}}
	for l := studyLevel; l <= level; l++ {
		for _, t := range always[l] {
			params = append(params, wadlParam{Name: t.Keyword(), Style: "query"})
		}
	}
	return reading(id, modelForms, params...)
}

func storingAt(id string) wadlMethod {
	return wadlMethod{Name: http.MethodPost, ID: id, Request: wadlRequest{Forms: storingForms}, Response: wadlResponse{"200 202", []wadlForm{{typeJSON}, {typeXML}}}}
}

func pictures(id string) []wadlResource {
	return []wadlResource{
		{Path: "rendered", Methods: []wadlMethod{reading("Retrieve"+id+"Rendered", pictureForms, query("annotation", "iccprofile", "window", "viewport", "quality", "accept")...)}},
		{Path: "thumbnail", Methods: []wadlMethod{reading("Retrieve"+id+"Thumbnail", pictureForms, query("viewport", "quality", "accept")...)}},
	}
}

// writing is a request that changes something; takes lists the forms of its body.
func writing(method, id, status string, takes, gives []wadlForm, params ...wadlParam) wadlMethod {
	return wadlMethod{Name: method, ID: id, Request: wadlRequest{Params: params, Forms: takes}, Response: wadlResponse{status, gives}}
}

// byURI describes WADO-URI (PS3.18 chapter 9).
func byURI() wadlResource {
	params := query("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "frameNumber",
		"rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "annotation", "iccprofile", "presentationUID", "presentationSeriesUID")
	return wadlResource{Path: "wado", Methods: []wadlMethod{reading("RetrieveInstanceByURI", append([]wadlForm{{typeDICOM}}, pictureForms...), params...)}}
}

// worklist describes UPS-RS (PS3.18 chapter 11).
func worklist() []wadlResource {
	one := []wadlForm{{typeJSON}, {typeXML}}
	lock := wadlParam{Name: "deletionlock", Style: "query", Type: "xsd:boolean", Default: "false"}
	subscriber := wadlResource{Path: "subscribers/{aetitle}", Methods: []wadlMethod{
		writing(http.MethodPost, "Subscribe", "201", nil, nil, append(query("filter"), lock)...), writing(http.MethodDelete, "Unsubscribe", "200", nil, nil)},
		Resource: []wadlResource{{Path: "suspend", Methods: []wadlMethod{writing(http.MethodPost, "SuspendGlobalSubscription", "200", nil, nil)}}}}
	workitem := wadlResource{Path: "{workitem}", Methods: []wadlMethod{
		reading("RetrieveWorkitem", one), writing(http.MethodPost, "UpdateWorkitem", "200", one, nil, query("transaction-uid")...)},
		Resource: []wadlResource{
			{Path: "state", Methods: []wadlMethod{writing(http.MethodPut, "ChangeWorkitemState", "200", one, nil)}},
			{Path: "cancelrequest", Methods: []wadlMethod{writing(http.MethodPost, "RequestWorkitemCancellation", "202", one, nil)}},
			subscriber,
		}}
	search := reading("SearchWorkitems", modelForms, query("limit", "offset", "fuzzymatching", "includefield")...)
	return []wadlResource{
		{Path: "workitems", Methods: []wadlMethod{search, writing(http.MethodPost, "CreateWorkitem", "201", one, nil, query("workitem")...)}, Resource: []wadlResource{workitem}},
		{Path: "subscribers/{aetitle}", Methods: []wadlMethod{{Name: http.MethodGet, ID: "OpenEventChannel", Response: wadlResponse{Status: "101"}}}},
	}
}

// tree describes what this service answers.
func (s *Service) tree(base string) wadl {
	meta := func(id string) wadlResource {
		return wadlResource{Path: "metadata", Methods: []wadlMethod{reading("Retrieve"+id+"Metadata", modelForms)}}
	}
	frames := wadlResource{Path: "frames/{frames}", Methods: []wadlMethod{reading("RetrieveFrames", frameForms)}, Resource: pictures("Frames")}
	instance := wadlResource{Path: "{instance}", Methods: []wadlMethod{reading("RetrieveInstance", append(instanceForms[:2:2], wadlForm{typeDICOM}))},
		Resource: append([]wadlResource{meta("Instance"), frames, {Path: "bulkdata/{path}", Methods: []wadlMethod{reading("RetrieveBulkData", []wadlForm{{`multipart/related; type="application/octet-stream"`}, {typeOctets}})}}}, pictures("Instance")...)}
	series := wadlResource{Path: "{series}", Methods: []wadlMethod{reading("RetrieveSeries", instanceForms)},
		Resource: append([]wadlResource{meta("Series"), {Path: "instances", Methods: []wadlMethod{searching("SearchInstancesOfSeries", instanceLevel)}, Resource: []wadlResource{instance}}}, pictures("Series")...)}
	study := wadlResource{Path: "{study}", Methods: []wadlMethod{reading("RetrieveStudy", instanceForms), storingAt("StoreInstancesOfStudy")},
		Resource: append([]wadlResource{meta("Study"),
			{Path: "series", Methods: []wadlMethod{searching("SearchSeriesOfStudy", seriesLevel)}, Resource: []wadlResource{series}},
			{Path: "instances", Methods: []wadlMethod{searching("SearchInstancesOfStudy", instanceLevel)}}}, pictures("Study")...)}
	if s.Deleter != nil {
		study.Methods = append(study.Methods, writing(http.MethodDelete, "DeleteStudy", "204", nil, nil))
	}
	resources := []wadlResource{
		{Path: "studies", Methods: []wadlMethod{searching("SearchStudies", studyLevel), storingAt("StoreInstances")}, Resource: []wadlResource{study}},
		{Path: "series", Methods: []wadlMethod{searching("SearchSeries", seriesLevel)}},
		{Path: "instances", Methods: []wadlMethod{searching("SearchInstances", instanceLevel)}},
		byURI(),
	}
	if s.Workitems != nil && s.Subscriptions != nil {
		resources = append(resources, worklist()...)
	}
	return wadl{Resources: wadlResources{Base: base, Resource: resources}}
}

// Capabilities answers OPTIONS with what the service can do.
func (s *Service) Capabilities(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	const typeWADL = "application/vnd.sun.wadl+xml"
	_, form, ok := choose(list, []offer{{kind: typeWADL}, {kind: "application/xml"}, {kind: "application/json"}})
	if !ok {
		return unacceptable("capabilities are answered as " + typeWADL + " or application/json")
	}
	description := s.tree(base(c))
	if form.kind == "application/json" {
		return c.JSON(http.StatusOK, map[string]wadl{"application": description})
	}
	text, err := xml.Marshal(description)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, form.kind, append([]byte(xml.Header), text...))
}
