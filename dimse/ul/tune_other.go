//go:build !linux

package ul

import "net"

// quickAck does nothing where the system has no such option.
func quickAck(*net.TCPConn) func() { return nil }
