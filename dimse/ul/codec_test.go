package ul_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/internal/peertest"
)

// full has every item and sub-item of PS3.8 9.3.2 and PS3.7 D.3.3.
func full() *ul.AssociateRQ {
	return &ul.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "RADNODE", CallingAE: "TEST", ApplicationContext: ul.ApplicationContext,
		Contexts: []ul.ContextRQ{
			{ID: 1, AbstractSyntax: "1.2.840.10008.1.1", TransferSyntaxes: []string{"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}},
			{ID: 255, AbstractSyntax: "1.2.840.10008.5.1.4.1.1.7", TransferSyntaxes: []string{"1.2.840.10008.1.2.4.50"}},
		},
		User: ul.UserInformation{
			MaxLength: 16384, ImplementationClassUID: "1.2.3", ImplementationVersionName: "V1",
			Async:    &ul.AsyncOperations{Invoked: 0, Performed: 3},
			Roles:    []ul.RoleSelection{{SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", SCU: true, SCP: true}},
			Extended: []ul.ExtendedNegotiation{{SOPClassUID: "1.2.840.10008.5.1.4.1.2.2.1", Information: []byte{1, 0, 1}}},
			CommonExtended: []ul.CommonExtendedNegotiation{
				{SOPClassUID: "1.2.3.4", ServiceClassUID: "1.2.840.10008.4.2", RelatedClasses: []string{"1.2.840.10008.5.1.4.1.1.7", "1.2"}},
			},
			Identity: &ul.UserIdentity{Type: ul.IdentityPasscode, PositiveResponseRequested: true, Primary: []byte("me"), Secondary: []byte("secret")},
		},
	}
}

func pdus() []ul.PDU {
	ac := &ul.AssociateAC{
		ProtocolVersion: 1, CalledAE: "RADNODE", CallingAE: "TEST", ApplicationContext: ul.ApplicationContext,
		Contexts: []ul.ContextAC{{ID: 1, TransferSyntax: "1.2.840.10008.1.2"}, {ID: 3, Result: ul.AbstractSyntaxNotSupported, TransferSyntax: "1.2"}},
		User:     ul.UserInformation{ImplementationClassUID: "1.2.3", IdentityResponse: &ul.UserIdentityResponse{Response: []byte("yes")}},
	}
	rj := ul.RejectLimit
	return []ul.PDU{
		full(), ac, &rj, &ul.ReleaseRQ{}, &ul.ReleaseRP{}, &ul.Abort{Source: ul.AbortProvider, Reason: ul.AbortUnexpectedPDU},
		&ul.PDataTF{Values: []ul.PDV{{ContextID: 1, Command: true, Last: true, Fragment: []byte("command")}, {ContextID: 1, Fragment: []byte("da")}}},
	}
}

func TestEveryPDUSurvivesEncodingAndDecoding(t *testing.T) {
	for _, want := range pdus() {
		b, err := ul.Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ul.ReadPDU(bytes.NewReader(b), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("PDU changed on the way (-want +got):\n%s", diff)
		}
		for n := range b {
			if _, err := ul.ReadPDU(bytes.NewReader(b[:n]), 1<<20); err == nil {
				t.Errorf("%T of %d bytes was accepted when cut to %d", want, len(b), n)
			}
		}
	}
}

func TestEncodingEqualsTheHandWrittenOne(t *testing.T) {
	rq := &ul.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "RADNODE", CallingAE: "TEST", ApplicationContext: ul.ApplicationContext,
		Contexts: []ul.ContextRQ{{ID: 1, AbstractSyntax: "1.2.840.10008.1.1", TransferSyntaxes: []string{"1.2.840.10008.1.2"}}},
		User:     ul.UserInformation{MaxLength: 16384, ImplementationClassUID: "1.2.3.4"},
	}
	got, err := ul.Append(nil, rq)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, associateRQ) {
		t.Errorf("got  % X\nwant % X", got, associateRQ)
	}
}

func TestSendingIsStrict(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*ul.AssociateRQ)
	}{
		{"AE title of 17 characters", func(p *ul.AssociateRQ) { p.CalledAE = strings.Repeat("A", 17) }},
		{"AE title of spaces", func(p *ul.AssociateRQ) { p.CallingAE = "   " }},
		{"AE title with a backslash", func(p *ul.AssociateRQ) { p.CallingAE = `A\B` }},
		{"UID of 65 characters", func(p *ul.AssociateRQ) { p.Contexts[0].AbstractSyntax = strings.Repeat("1", 65) }},
		{"even context ID", func(p *ul.AssociateRQ) { p.Contexts[0].ID = 2 }},
		{"context without transfer syntax", func(p *ul.AssociateRQ) { p.Contexts[0].TransferSyntaxes = nil }},
		{"no context", func(p *ul.AssociateRQ) { p.Contexts = nil }},
		{"129 contexts", func(p *ul.AssociateRQ) { p.Contexts = make([]ul.ContextRQ, 129) }},
		{"version name of 17 characters", func(p *ul.AssociateRQ) { p.User.ImplementationVersionName = strings.Repeat("V", 17) }},
		{"identity of 64 KiB", func(p *ul.AssociateRQ) { p.User.Identity.Primary = make([]byte, 1<<16) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rq := full()
			tt.spoil(rq)
			if _, err := ul.Append(nil, rq); err == nil {
				t.Error("was encoded")
			}
		})
	}
}

func TestReceivingToleratesOddUserInformation(t *testing.T) {
	context := peertest.Context{ID: 1, Abstract: "1.2.840.10008.1.1\x00", Syntaxes: []string{"1.2.840.10008.1.2 "}}
	tests := []struct {
		name string
		user []byte
		want uint32
	}{
		{"private sub-item", peertest.UserInformation(5000, peertest.Item(0xEE, 1, 2, 3)), 5000},
		{"no user information", nil, ul.DefaultPDULength},
		{"no maximum length", peertest.Item(0x50, peertest.Item(0x52, []byte("1.2")...)...), ul.DefaultPDULength},
		{"sub-item longer than the item", peertest.UserInformation(5000, []byte{0x55, 0, 0, 200, 'V'}), 5000},
		{"role selection cut short", peertest.UserInformation(5000, peertest.Item(0x54, 0, 9, '1')), 5000},
		{"three bytes left over", peertest.UserInformation(5000, []byte{0, 0, 0}), 5000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pdu, err := ul.ReadPDU(bytes.NewReader(peertest.AssociateRQ("A ", " B", tt.user, context)), 0)
			if err != nil {
				t.Fatal(err)
			}
			rq, _ := pdu.(*ul.AssociateRQ)
			if rq.User.MaxLength != tt.want {
				t.Errorf("maximum length %d, want %d", rq.User.MaxLength, tt.want)
			}
			if got := rq.Contexts[0]; got.AbstractSyntax != "1.2.840.10008.1.1" || got.TransferSyntaxes[0] != "1.2.840.10008.1.2" {
				t.Errorf("padding was kept: %q", got)
			}
			if rq.CalledAE != "A" || rq.CallingAE != "B" {
				t.Errorf("AE titles %q and %q", rq.CalledAE, rq.CallingAE)
			}
		})
	}
}

func TestReceivingRefusesWhatCannotBeTrusted(t *testing.T) {
	verification := peertest.Context{ID: 1, Abstract: "1.2", Syntaxes: []string{"1.2"}}
	even := verification
	even.ID = 2
	user := peertest.UserInformation(0)
	tests := []struct {
		name string
		pdu  []byte
	}{
		{"unknown type", peertest.PDU(8, nil)},
		{"association request of 4 GB", []byte{1, 0, 0xff, 0xff, 0xff, 0xff}},
		{"P-DATA of 4 GB", []byte{4, 0, 0xff, 0xff, 0xff, 0xff}},
		{"P-DATA without a value", peertest.PData()},
		{"value longer than its PDU", peertest.PDU(4, []byte{0, 0, 0, 9, 1, 3, 0})},
		{"value without a header", peertest.PDU(4, []byte{0, 0, 0, 1, 1})},
		{"value of 4 GB", peertest.PDU(4, []byte{0xff, 0xff, 0xff, 0xff, 1, 3})},
		{"abort of 3 bytes", peertest.PDU(7, []byte{0, 0, 0})},
		{"context ID twice", peertest.AssociateRQ("A", "B", user, verification, verification)},
		{"even context ID", peertest.AssociateRQ("A", "B", user, even)},
		{"context item beyond the PDU", peertest.PDU(1, append(make([]byte, 68), 0x20, 0, 1, 0, 1))},
		{"malformed user identity", peertest.AssociateRQ("A", "B", peertest.UserInformation(0, peertest.Item(0x58, 1, 0, 0, 9)), verification)},
		{"two user identities", peertest.AssociateRQ("A", "B", peertest.UserInformation(0, peertest.Item(0x58, 1, 0, 0, 0, 0, 0), peertest.Item(0x58, 1, 0, 0, 0, 0, 0)), verification)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ul.ReadPDU(bytes.NewReader(tt.pdu), 1<<20)
			var breach *ul.ProtocolError
			if !errors.As(err, &breach) {
				t.Errorf("got %v, want a protocol error", err)
			}
		})
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	rq := full()
	asJSON, err := json.Marshal(rq)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprint(rq.User.Identity), fmt.Sprintf("%+v", *rq.User.Identity), fmt.Sprintf("%#v", rq.User.Identity), string(asJSON),
	} {
		// As text, as numbers, as base64.
		for _, secret := range []string{"secret", "115", "c2VjcmV0"} {
			if strings.Contains(s, secret) {
				t.Errorf("prints %q", s)
			}
		}
	}
}

// FuzzReadPDU: no panic, no memory beyond the limit, and what was understood
// and may be sent comes back the same.
func FuzzReadPDU(f *testing.F) {
	for _, p := range pdus() {
		b, err := ul.Append(nil, p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := ul.ReadPDU(bytes.NewReader(b), 1<<16)
		if err != nil {
			return
		}
		again, err := ul.Append(nil, first)
		if err != nil {
			return // tolerated on receipt, not to be sent
		}
		second, err := ul.ReadPDU(bytes.NewReader(again), 1<<20)
		if err != nil {
			t.Fatalf("what was encoded cannot be read: %v", err)
		}
		ignoreWarnings := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Warnings" }, cmp.Ignore())
		if diff := cmp.Diff(first, second, ignoreWarnings); diff != "" {
			t.Errorf("round trip (-first +second):\n%s", diff)
		}
	})
}

// FuzzAssociation plays arbitrary bytes to an established association: no
// panic, and it always ends.
func FuzzAssociation(f *testing.F) {
	f.Add(data)
	f.Add(peertest.PData(peertest.PDV(1, 0, []byte("abc")), peertest.PDV(1, 2, []byte("d"))))
	f.Add(append(bytes.Clone(data), peertest.ReleaseRQ()...))
	f.Add(peertest.Abort(0, 0))
	f.Add([]byte{4, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		peer, conn := peertest.Pair(t)
		a := ul.At(conn, ul.Sta6, true, full(), ul.Config{Buffer: 1024})
		go func() {
			peer.Send(b)
			_ = peer.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		for {
			s, err := a.Next()
			if err != nil {
				break
			}
			if _, err := io.Copy(io.Discard, s); err != nil {
				break
			}
		}
		_ = a.CloseNow()
	})
}
