// Command radnode-pixel is the pixel worker of radnode: it decodes, analyses
// and renders images in a process of its own. The node starts it.
package main

import (
	"os"
	"runtime/debug"

	"github.com/radnode/radnode/worker/pixel"
)

// version is set by the build.
var version = ""

func main() {
	os.Exit(pixel.Run(os.Args[1:], software()))
}

// software names the build for the provenance of results.
func software() string {
	if version != "" {
		return "radnode " + version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "radnode (unknown build)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "radnode " + s.Value[:12]
		}
	}
	return "radnode (unknown build)"
}
