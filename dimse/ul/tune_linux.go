package ul

import (
	"net"
	"syscall"
)

// quickAck returns a function that acknowledges what was read at once. The
// kernel forgets the option again, so it is set after each read that emptied
// the socket. Without it each C-STORE of a sender that leaves Nagle's
// algorithm on takes 40 ms more.
func quickAck(tcp *net.TCPConn) func() {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) {
		// It only costs speed if it fails.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}
