package hl7_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/hl7"
)

func message() hl7.Message {
	return hl7.Message{
		{Name: "MSH", Fields: []hl7.Value{"RADNODE", "", "RIS", "", "20260304102030+0800", "", "ORU^R01^ORU_R01", "C1", "P", "2.5.1"}},
		{Name: "OBX", Fields: []hl7.Value{"1", "TX", hl7.Components("59776-5", "Findings", "LN"), "", hl7.Text(`a|b^c&d~e\f` + "\r\x1c王")}},
	}
}

func TestTextSurvivesTheMessage(t *testing.T) {
	texts := []string{"", "plain", `a|b^c&d~e\f`, "line\rline\x1c\x0b\x00", "王^小東", "محمد", `\F\`, `\X41\`, `x\`, `\\`, "a\u2028b\u0085c", "tab\there"}
	for _, text := range texts {
		m := hl7.Message{{Name: "MSH"}, {Name: "OBX", Fields: []hl7.Value{hl7.Text(text)}}}
		b := m.Encode()
		if n := bytes.Count(b, []byte("\r")); n != 2 || bytes.ContainsAny(b[:len(b)-1], "\x0b\x1c\n") {
			t.Errorf("%q: control characters in %q", text, b)
		}
		got, err := hl7.Parse(b)
		if err != nil || got.Field("OBX", 1).Component(1) != text {
			t.Errorf("%q: got %q, %v", text, got.Field("OBX", 1), err)
		}
	}
}

func TestFieldsCountAsTheStandardDoes(t *testing.T) {
	m, err := hl7.Parse(message().Encode())
	if err != nil || m.Field("MSH", 10) != "C1" || m.Field("MSH", 9).Component(2) != "R01" || m.Field("OBX", 3).Component(3) != "LN" || m.Field("OBX", 99) != "" || m.Field("ZZZ", 1) != "" {
		t.Errorf("%v, %v", m, err)
	}
	if got := string(hl7.Lines("a\r\nb|c\n")); got != `a\.br\b\F\c\.br\` {
		t.Errorf("lines: %s", got)
	}
}

func TestGarbageIsNoMessage(t *testing.T) {
	for _, b := range []string{"", "MSH", "PID|1", "MSH|!~", "MSH|^~\\&|\rXY|1", "MSH|^~\\&|" + strings.Repeat("\rOBX|1", 2000)} {
		if _, err := hl7.Parse([]byte(b)); err == nil {
			t.Errorf("%.20q was read", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message().Encode())
	f.Add([]byte(`MSH|^~\&|\X4\|\\||` + "\n\rA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := hl7.Parse(b)
		if err != nil {
			return
		}
		for _, s := range m {
			for _, v := range s.Fields {
				text := v.Component(1)
				if got := hl7.Unescape(hl7.Escape(text)); got != strings.ToValidUTF8(text, "?") {
					t.Errorf("%q became %q", text, got)
				}
			}
		}
	})
}

// receiver answers each connection with what answer makes of the frame.
func receiver(t *testing.T, answer func(conn net.Conn, frame []byte)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var frame []byte
			b := make([]byte, 1)
			for !bytes.HasSuffix(frame, []byte{0x1C, 0x0D}) {
				if _, err := io.ReadFull(conn, b); err != nil {
					break
				}
				frame = append(frame, b[0])
			}
			answer(conn, frame)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func ack(text string) func(net.Conn, []byte) {
	return func(conn net.Conn, _ []byte) {
		_, _ = conn.Write([]byte("\x0bMSH|^~\\&|RIS|||||ACK|9|P|2.5.1\r" + text + "\r\x1c\r"))
	}
}

func TestAcknowledgements(t *testing.T) {
	raw := func(s string) func(net.Conn, []byte) {
		return func(conn net.Conn, _ []byte) { _, _ = conn.Write([]byte(s)) }
	}
	tests := map[string]struct {
		answer func(net.Conn, []byte)
		want   radnode.Code
	}{
		"accept":                {ack("MSA|AA|C1"), ""},
		"commit accept":         {ack("MSA|CA|C1"), ""},
		"error":                 {ack("MSA|AE|C1|no such patient Wang"), radnode.Invalid},
		"reject":                {ack("MSA|AR|C1"), radnode.Unavailable},
		"reject for good":       {ack("MSA|AR|C1\rERR|||203^Unsupported version^HL70357"), radnode.Unsupported},
		"another control ID":    {ack("MSA|AA|C2"), radnode.Unavailable},
		"no MSA":                {ack("ZZZ|1"), radnode.Unavailable},
		"an unknown code":       {ack("MSA|OK|C1"), radnode.Unavailable},
		"garbage":               {raw("HTTP/1.1 400 Bad Request\r\n\r\n"), radnode.Unavailable},
		"a frame of garbage":    {raw("\x0bhello\x1c\r"), radnode.Unavailable},
		"an end in the middle":  {raw("\x0bMSH|^~\\&|"), radnode.Unavailable},
		"nothing":               {raw(""), radnode.Unavailable},
		"a frame without end":   {raw("\x0b" + strings.Repeat("x", 100<<10)), radnode.Unavailable},
		"silence":               {func(conn net.Conn, _ []byte) { _, _ = conn.Read(make([]byte, 1)) }, radnode.Unavailable},
		"two answers, one read": {raw("\x0bMSH|^~\\&|\rMSA|AA|C1\r\x1c\r\x0bx\x1c\r"), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := hl7.Client{Address: receiver(t, tt.answer), AckTimeout: 300 * time.Millisecond}
			err := c.Send(context.Background(), message())
			if got := radnode.CodeOf(err); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "Wang") {
				t.Errorf("the error tells what the receiver wrote: %v", err)
			}
			var refusal *hl7.RefusedError
			if name == "error" && (!errors.As(err, &refusal) || refusal.Text != "no such patient Wang") {
				t.Errorf("the refusal lacks its text: %v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := (hl7.Client{Address: l.Addr().String()}).Send(context.Background(), message()); radnode.CodeOf(err) != radnode.Unavailable {
		t.Errorf("got %v", err)
	}
	if err := (hl7.Client{Address: l.Addr().String()}).Send(context.Background(), hl7.Message{{Name: "MSH"}}); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("no control ID: got %v", err)
	}
}

func TestACallerWhoGivesUpIsNotKeptWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	address := receiver(t, func(conn net.Conn, _ []byte) { cancel(); _, _ = conn.Read(make([]byte, 1)) })
	start := time.Now()
	err := hl7.Client{Address: address}.Send(ctx, message())
	if radnode.CodeOf(err) != radnode.Canceled || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

// pythonReceiver is a receiver of an independent implementation (python-hl7):
// it parses what comes, prints it and acknowledges.
const pythonReceiver = `
import asyncio, sys, hl7
from hl7.mllp import start_hl7_server
async def serve():
    done = asyncio.Event()
    async def one(reader, writer):
        m = await reader.readmessage()
        sys.stdout.write(str(m.segment("OBX")[5]).replace("\r", "?") + "\n" + str(m.segment("MSH")[10]) + "\n")
        sys.stdout.write(m.unescape(str(m.segment("OBX")[5])) + "\n")
        sys.stdout.flush()
        writer.writemessage(m.create_ack("AA"))
        await writer.drain()
        writer.close()
        done.set()
    server = await start_hl7_server(one, host="127.0.0.1", port=0, encoding="utf-8")
    sys.stdout.write(str(server.sockets[0].getsockname()[1]) + "\n"); sys.stdout.flush()
    await asyncio.wait_for(done.wait(), 10)
    server.close()
asyncio.run(serve())
`

func TestAnotherImplementationTakesTheMessage(t *testing.T) {
	if exec.Command("/usr/bin/python3", "-c", "import hl7.mllp").Run() != nil {
		t.Skip("python-hl7 is not installed (Debian: python3-hl7)")
	}
	cmd := exec.Command("/usr/bin/python3", "-c", pythonReceiver)
	cmd.Env = []string{"PYTHONIOENCODING=utf-8"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port := make([]byte, 16)
	n, err := out.Read(port)
	if err != nil {
		t.Fatal(err)
	}
	sent := hl7.Client{Address: "127.0.0.1:" + strings.TrimSpace(string(port[:n]))}.Send(context.Background(), message())
	rest, err := io.ReadAll(out)
	if err := errors.Join(sent, err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(rest), "\n", 3)
	if len(lines) != 3 || lines[1] != "C1" || !strings.Contains(lines[2], `a|b^c&d~e\f`) || !strings.Contains(lines[2], "王") {
		t.Errorf("it read %q", rest)
	}
}
