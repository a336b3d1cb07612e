package ul

import "net"

// tune sets the options of the transport that PS3.8 leaves open and speed
// needs. It returns a function that asks for an immediate acknowledgement, nil
// where there is none.
func tune(conn net.Conn) func() {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	// Both only cost speed if they fail. Go sets TCP_NODELAY already; a
	// listener of another make may not.
	_ = tcp.SetNoDelay(true)
	_ = tcp.SetKeepAlive(true)
	return quickAck(tcp)
}
