// Package web is radnode's HTTP server: the product API under /api/v1, the
// embedded browser front end, DICOMweb (PS3.18) and the health and metrics
// paths. routes.go is the whole list of what answers and to whom; each
// handler lives in a package of its own (api, dicomweb) and states the
// interfaces it needs. Whoever starts the server hands them over in Config.
package web
