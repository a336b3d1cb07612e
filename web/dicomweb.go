package web

import (
	"net/http"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/dicomweb"
)

// storers may send instances.
var storers = []radnode.Role{radnode.Admin, radnode.Technologist, radnode.Service}

// dicomwebRoutes are the resources of DICOMweb (PS3.18 chapter 10), none where
// the node offers no such service.
func (s *Server) dicomwebRoutes() []route {
	d := s.cfg.DICOMweb
	if d == nil {
		return nil
	}
	const (
		root     = dicomweb.Root
		studies  = root + "/studies"
		study    = studies + "/:study"
		series   = study + "/series/:series"
		instance = series + "/instances/:instance"
		frames   = instance + "/frames/:frames"
	)
	list := []route{
		{method: http.MethodOptions, path: root, handle: d.Capabilities, summary: "What the DICOMweb service can do (WADL or JSON)"},
		{method: http.MethodOptions, path: root + "/", handle: d.Capabilities},
		{method: get, path: studies, handle: d.SearchStudies, summary: "Search for studies (QIDO-RS)"},
		{method: get, path: root + "/series", handle: d.SearchSeries, summary: "Search for series (QIDO-RS)"},
		{method: get, path: root + "/instances", handle: d.SearchInstances, summary: "Search for instances (QIDO-RS)"},
		{method: get, path: study + "/series", handle: d.SearchSeries, summary: "Search for series of a study (QIDO-RS)"},
		{method: get, path: study + "/instances", handle: d.SearchInstances, summary: "Search for instances of a study (QIDO-RS)"},
		{method: get, path: series + "/instances", handle: d.SearchInstances, summary: "Search for instances of a series (QIDO-RS)"},
		{method: post, path: studies, handle: d.Store, roles: storers, summary: "Store instances (STOW-RS)", bodyLimit: dicomweb.StoreLimit, longTime: uploadTime},
		{method: post, path: study, handle: d.Store, roles: storers, summary: "Store instances of a study (STOW-RS)", bodyLimit: dicomweb.StoreLimit, longTime: uploadTime},
		{method: del, path: study, handle: d.Delete, roles: admins, summary: "Delete a study, where the node allows that"},
		{method: get, path: root + "/wado", handle: d.RetrieveByURI, summary: "An instance or a picture of it (WADO-URI)", plain: true},
		{method: get, path: frames, handle: d.Frames, summary: "Frames of an instance (WADO-RS)", plain: true},
		{method: get, path: frames + "/rendered", handle: d.Rendered, summary: "Pictures of frames (WADO-RS)", plain: true},
		{method: get, path: frames + "/thumbnail", handle: d.Thumbnail, summary: "A small picture of a frame (WADO-RS)", plain: true},
		{method: get, path: instance + "/bulkdata/*", handle: d.BulkData, summary: "One value of an instance (WADO-RS)", plain: true},
	}
	for _, at := range []string{study, series, instance} {
		list = append(list,
			route{method: get, path: at, handle: d.Retrieve, summary: "The DICOM files (WADO-RS)", plain: true},
			route{method: get, path: at + "/metadata", handle: d.Metadata, summary: "The attributes without bulk data (WADO-RS)"},
			route{method: get, path: at + "/rendered", handle: d.Rendered, summary: "Pictures (WADO-RS)", plain: true},
			route{method: get, path: at + "/thumbnail", handle: d.Thumbnail, summary: "A small picture (WADO-RS)", plain: true},
		)
	}
	list = append(list, workitemRoutes(d)...)
	for i := range list {
		if list[i].roles == nil {
			list[i].roles = readers
		}
	}
	return list
}

// workitemRoutes are the resources of UPS-RS (PS3.18 chapter 11).
func workitemRoutes(d *dicomweb.Service) []route {
	if d.Workitems == nil || d.Subscriptions == nil {
		return nil
	}
	const (
		workitems  = dicomweb.Root + "/workitems"
		workitem   = workitems + "/:workitem"
		subscriber = workitem + "/subscribers/:aet"
	)
	list := []route{
		{method: get, path: workitems, handle: d.SearchWorkitems, summary: "Search for workitems (UPS-RS)"},
		{method: post, path: workitems, handle: d.CreateWorkitem, roles: storers, summary: "Hand in a workitem (UPS-RS)"},
		{method: get, path: workitem, handle: d.RetrieveWorkitem, summary: "A workitem (UPS-RS)"},
		{method: post, path: workitem, handle: d.UpdateWorkitem, roles: storers, summary: "Change a workitem (UPS-RS)"},
		{method: put, path: workitem + "/state", handle: d.ChangeWorkitemState, roles: storers, summary: "Claim or end a workitem (UPS-RS)"},
		{method: post, path: workitem + "/cancelrequest", handle: d.RequestWorkitemCancel, roles: storers, summary: "Ask for the end of a workitem (UPS-RS)"},
		{method: post, path: subscriber, handle: d.Subscribe, summary: "Subscribe to workitems (UPS-RS)"},
		{method: del, path: subscriber, handle: d.Unsubscribe, summary: "End a subscription (UPS-RS)"},
		{method: post, path: subscriber + "/suspend", handle: d.Suspend, summary: "Hear of no further workitems (UPS-RS)"},
		{method: get, path: dicomweb.Root + "/subscribers/:aet", handle: d.Listen, summary: "The event channel of a subscriber, a WebSocket (UPS-RS)", plain: true},
	}
	for i := range list {
		list[i].bodyLimit = dicomweb.WorkitemLimit
	}
	return list
}

// Resource is one of DICOMweb, for the conformance statement.
type Resource struct {
	Method, Path, Does string
	Roles              []radnode.Role
}

// Resources lists what a service answers, and to whom.
func Resources(d *dicomweb.Service) []Resource {
	s := Server{cfg: Config{DICOMweb: d}}
	var list []Resource
	for _, r := range s.dicomwebRoutes() {
		if r.summary != "" {
			list = append(list, Resource{r.method, r.path, r.summary, r.roles})
		}
	}
	return list
}
