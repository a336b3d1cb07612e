package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
)

// printer is a Storer that tells what it gets.
type printer struct{}

func (printer) Store(_ context.Context, req *dimse.StoreRequest, data io.Reader) error {
	n, err := io.Copy(io.Discard, data)
	if err != nil {
		return err
	}
	fmt.Printf("%s sent %s: %d bytes\n", req.CallingAE, req.AffectedSOPInstanceUID, n)
	return nil
}

// A server takes objects in, a client sends one.
func Example() {
	server, err := dimse.NewServer(dimse.ServerConfig{AETitle: "RADNODE", Store: printer{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	go func() { _ = server.Serve(ctx, listener) }()
	defer func() { _ = server.Shutdown(ctx) }()

	o := dimse.StoreOptions{
		SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", SOPInstanceUID: "1.2.3",
		TransferSyntaxUID: dimse.ExplicitVRLittleEndian,
	}
	client, err := dimse.Dial(ctx, listener.Addr().String(),
		dimse.ClientConfig{CallingAE: "MODALITY", CalledAE: "RADNODE"},
		append(dimse.VerificationContexts(), dimse.StorageContexts(o)...))
	if err != nil {
		fmt.Println(radnode.CodeOf(err), err)
		return
	}
	defer func() { _ = client.Close() }()
	fmt.Println("echo:", client.Echo(ctx))
	rsp, err := client.Store(ctx, o, bytes.NewReader(make([]byte, 1000)))
	fmt.Println("store:", rsp.Status, err)
	// Output:
	// echo: <nil>
	// MODALITY sent 1.2.3: 1000 bytes
	// store: 0000 success <nil>
}
