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
		{method: http.MethodOptions, path: root, handle: d.Capabilities},
		{method: http.MethodOptions, path: root + "/", handle: d.Capabilities},
		{method: get, path: studies, handle: d.SearchStudies},
		{method: get, path: root + "/series", handle: d.SearchSeries},
		{method: get, path: root + "/instances", handle: d.SearchInstances},
		{method: get, path: study + "/series", handle: d.SearchSeries},
		{method: get, path: study + "/instances", handle: d.SearchInstances},
		{method: get, path: series + "/instances", handle: d.SearchInstances},
		{method: post, path: studies, handle: d.Store, roles: storers, bodyLimit: dicomweb.StoreLimit, longTime: uploadTime},
		{method: post, path: study, handle: d.Store, roles: storers, bodyLimit: dicomweb.StoreLimit, longTime: uploadTime},
		{method: del, path: study, handle: d.Delete, roles: admins},
		{method: get, path: root + "/wado", handle: d.RetrieveByURI, plain: true},
		{method: get, path: frames, handle: d.Frames, plain: true},
		{method: get, path: frames + "/rendered", handle: d.Rendered, plain: true},
		{method: get, path: frames + "/thumbnail", handle: d.Thumbnail, plain: true},
		{method: get, path: instance + "/bulkdata/*", handle: d.BulkData, plain: true},
	}
	for _, at := range []string{study, series, instance} {
		list = append(list,
			route{method: get, path: at, handle: d.Retrieve, plain: true},
			route{method: get, path: at + "/metadata", handle: d.Metadata},
			route{method: get, path: at + "/rendered", handle: d.Rendered, plain: true},
			route{method: get, path: at + "/thumbnail", handle: d.Thumbnail, plain: true},
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
		{method: get, path: workitems, handle: d.SearchWorkitems},
		{method: post, path: workitems, handle: d.CreateWorkitem, roles: storers},
		{method: get, path: workitem, handle: d.RetrieveWorkitem},
		{method: post, path: workitem, handle: d.UpdateWorkitem, roles: storers},
		{method: put, path: workitem + "/state", handle: d.ChangeWorkitemState, roles: storers},
		{method: post, path: workitem + "/cancelrequest", handle: d.RequestWorkitemCancel, roles: storers},
		{method: post, path: subscriber, handle: d.Subscribe},
		{method: del, path: subscriber, handle: d.Unsubscribe},
		{method: post, path: subscriber + "/suspend", handle: d.Suspend},
		{method: get, path: dicomweb.Root + "/subscribers/:aet", handle: d.Listen, plain: true},
	}
	for i := range list {
		list[i].bodyLimit = dicomweb.WorkitemLimit
	}
	return list
}
