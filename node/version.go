// Package node wires the parts together: configuration, start and stop order,
// and the adapters between packages that must not know each other. The
// commands of cmd/radnode are thin calls into it.
package node

// Version is set by the build.
var Version = "dev"
