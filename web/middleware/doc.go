// Package middleware holds what every HTTP request passes, one file each:
// request id, log, recovery, time limits, security headers, identity and
// rights, forgery protection, body limits and JSON compression.
package middleware
