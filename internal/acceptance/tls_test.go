package acceptance

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// relay joins connections to a port of its own with another address, each side
// plain or with TLS, until the test ends: for tools that speak no TLS.
func relay(t *testing.T, outer *tls.Config, inner func() (net.Conn, error)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if outer != nil {
		listener = tls.NewListener(listener, outer)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			a, err := listener.Accept()
			if err != nil {
				return
			}
			b, err := inner()
			if err != nil {
				_ = a.Close()
				continue
			}
			go func() { _, _ = io.Copy(a, b); _ = a.Close() }()
			go func() { _, _ = io.Copy(b, a); _ = b.Close() }()
		}
	}()
	return port
}

func (k pki) files() ul.TLSFiles {
	return ul.TLSFiles{Certificate: k.certificate, Key: k.key, Authorities: k.authority}
}

// flags are those of the tools that call.
func (k pki) flags() []string {
	return []string{"--tls", "--tls-authorities", k.authority, "--tls-certificate", k.certificate, "--tls-key", k.key}
}

// secureNode is a node whose TLS port wants certificates.
func secureNode(t *testing.T, keys pki) (n *startedNode, port int) {
	t.Helper()
	port = free(t)
	return startNode(t, "--dicom-tls", fmt.Sprintf("127.0.0.1:%d", port), "--tls-certificate", keys.certificate, "--tls-key", keys.key, "--tls-authorities", keys.authority), port
}

// dcmtk runs a tool of DCMTK against a TLS port: directly where its help says
// that it speaks TLS (echoscu, findscu, storescu and storescp of 3.6.7), else
// through a relay (dcmsend, getscu, movescu).
func dcmtk(t *testing.T, keys pki, port int, name string, options []string, arguments ...string) (int, string) {
	t.Helper()
	path := tool(t, name)
	_, help := command(t, path, "--help")
	if strings.Contains(help, "+tls") {
		options = append(options, "+tls", keys.key, keys.certificate, "+cf", keys.authority)
	} else {
		client, err := ul.ClientTLS(keys.files())
		if err != nil {
			t.Fatal(err)
		}
		client.ServerName = "127.0.0.1"
		secured := fmt.Sprintf("127.0.0.1:%d", port)
		port = relay(t, nil, func() (net.Conn, error) { return tls.Dial("tcp", secured, client) })
	}
	return command(t, path, append(append(options, "-aec", "RADNODE", "127.0.0.1", strconv.Itoa(port)), arguments...)...)
}

func TestEveryToolOfDCMTKReachesTheTLSPort(t *testing.T) {
	keys := newPKI(t)
	n, port := secureNode(t, keys)
	study := header(t, film()).Text(dicom.StudyInstanceUID)
	keysOf := []string{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + study}
	run := func(name string, options []string, arguments ...string) string {
		t.Helper()
		status, out := dcmtk(t, keys, port, name, options, arguments...)
		if strings.Contains(out, "unknown option") {
			t.Skip("this DCMTK was built without TLS")
		}
		if status != 0 {
			t.Errorf("%s: exit %d: %s", name, status, out)
		}
		return out
	}
	run("echoscu", nil)
	run("storescu", nil, film())
	run("dcmsend", nil, film())
	if out := run("findscu", append([]string{"-v"}, keysOf...)); strings.Count(out, "(Pending") != 1 {
		t.Errorf("findscu: %s", out)
	}
	got := t.TempDir()
	run("getscu", append([]string{"-od", got}, keysOf...))
	if files := fetched(t, got); len(files) != 1 {
		t.Errorf("getscu fetched %v", files)
	} else {
		samePixels(t, film(), files[header(t, film()).UID(dicom.SOPInstanceUID)])
	}
	dir, scp := t.TempDir(), free(t)
	background(t, scp, tool(t, "storescp"), "-aet", "SAFE", "-od", dir, "+xa", "+tls", keys.key, keys.certificate, "+cf", keys.authority, strconv.Itoa(scp))
	n.peer("add", "SAFE", fmt.Sprintf("SAFE@127.0.0.1:%d", scp), "--tls")
	time.Sleep(peersRead)
	run("movescu", append([]string{"-aem", "SAFE"}, keysOf...))
	if files := fetched(t, dir); len(files) != 1 {
		t.Errorf("movescu had %v sent", files)
	}
}

func TestTheToolsReachPeersOverTLS(t *testing.T) {
	keys := newPKI(t)
	n := loaded(t)
	plain := dcmqrscp(t, n)
	server, err := ul.ServerTLS(keys.files())
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(plain, "@")
	secured := relay(t, server, func() (net.Conn, error) { return net.Dial("tcp", address) })
	port, api := secureOrthanc(t, n, keys)
	study := header(t, film()).Text(dicom.StudyInstanceUID)
	for name, c := range map[string]struct {
		target string
		moves  bool
	}{
		"dcmqrscp behind TLS": {fmt.Sprintf("QR@127.0.0.1:%d", secured), true},
		"Orthanc":             {fmt.Sprintf("ORTHANC@127.0.0.1:%d", port), false},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(args ...string) string {
				t.Helper()
				status, out := command(t, n.program, append(append([]string{args[0], c.target}, args[1:]...), keys.flags()...)...)
				if status != 0 {
					t.Errorf("%s: exit %d: %s", args[0], status, out)
				}
				return out
			}
			run("echo")
			run("store", film())
			if out := run("find", "--json"); !strings.Contains(out, study) {
				t.Errorf("find: %s", out)
			}
			got := t.TempDir()
			run("get", "-k", "StudyInstanceUID="+study, "--out", got)
			if files := fetched(t, got); len(files) != 1 {
				t.Errorf("get brought %v", files)
			}
			if c.moves {
				run("move", "--to", "RADNODE", "-k", "StudyInstanceUID="+study)
			}
			// Without TLS, and with an authority that does not vouch for the peer.
			if status, out := command(t, n.program, "echo", c.target, "--timeout", "10s"); status != 1 {
				t.Errorf("plain: exit %d: %s", status, out)
			}
			stranger := newPKI(t)
			if status, out := command(t, n.program, append([]string{"echo", c.target}, stranger.flags()...)...); status != 1 || !strings.Contains(out, "certificate") {
				t.Errorf("another authority: exit %d: %s", status, out)
			}
		})
	}
	// Orthanc calls the node's TLS port: query, and C-MOVE to itself.
	safe, securePort := secureNode(t, keys)
	if status, out := command(t, safe.program, "store", safe.target(), film()); status != 0 {
		t.Fatal(out)
	}
	put(t, api+"/modalities/safe", fmt.Sprintf(`{"AET":"RADNODE","Host":"127.0.0.1","Port":%d,"UseDicomTls":true}`, securePort))
	post(t, api+"/modalities/safe/echo", "{}")
	if out := post(t, api+"/modalities/safe/query", `{"Level":"Study","Query":{"StudyInstanceUID":"`+study+`"}}`); !strings.Contains(out, `"ID"`) {
		t.Errorf("query: %s", out)
	}
	var found []string
	if err := json.Unmarshal([]byte(post(t, api+"/tools/find", `{"Level":"Instance","Query":{"StudyInstanceUID":"`+study+`"}}`)), &found); err != nil || len(found) != 1 {
		t.Fatalf("Orthanc holds %v, %v", found, err)
	}
	post(t, api+"/modalities/safe/store", found[0])
}

func put(t *testing.T, url, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %d", url, response.StatusCode)
	}
}

// secureOrthanc is Orthanc with TLS on its DICOM port.
func secureOrthanc(t *testing.T, n *startedNode, keys pki) (dicomPort int, api string) {
	t.Helper()
	return orthanc(t, n, map[string]any{"DicomTlsEnabled": true, "DicomTlsPrivateKey": keys.key, "DicomTlsCertificate": keys.certificate,
		"DicomTlsTrustedCertificates": keys.authority, "DicomTlsRemoteCertificateRequired": true})
}

func TestRenewedCertificatesCountWithoutARestart(t *testing.T) {
	keys, renewed := newPKI(t), newPKI(t)
	n, port := secureNode(t, keys)
	echo := func(k pki) bool {
		status, _ := command(t, n.program, append([]string{"echo", fmt.Sprintf("RADNODE@127.0.0.1:%d", port)}, k.flags()...)...)
		return status == 0
	}
	if !echo(keys) || echo(renewed) {
		t.Fatal("the first certificates do not decide")
	}
	for from, to := range map[string]string{renewed.certificate: keys.certificate, renewed.key: keys.key, renewed.authority: keys.authority} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the renewed certificates count", 20*time.Second, func() bool { return echo(renewed) })
	// The first one is worth nothing any more, to a caller that trusts the new one.
	old := newPKI(t)
	old.authority = renewed.authority
	if echo(old) {
		t.Error("a certificate of another authority is accepted")
	}
	if n.process.ProcessState != nil {
		t.Error("the node ended")
	}
}

func TestTLSBelow12AndWeakCiphersAreRefused(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	keys := newPKI(t)
	_, port := secureNode(t, keys)
	for name, c := range map[string]struct {
		args []string
		want bool
	}{
		"1.3":                         {[]string{"-tls1_3"}, true},
		"1.2 with forward secrecy":    {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, true},
		"1.2 with CBC":                {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"}, false},
		"1.2 without forward secrecy": {[]string{"-tls1_2", "-cipher", "AES128-GCM-SHA256"}, false},
		"1.1":                         {[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", port), "-cert", keys.certificate, "-key", keys.key, "-CAfile", keys.authority}, c.args...)
			process := exec.Command(openssl, args...)
			out, _ := process.CombinedOutput() // standard input is empty: it ends at once
			if got := !strings.Contains(string(out), "Cipher is (NONE)"); got != c.want {
				t.Errorf("accepted: %v: %s", got, out)
			}
		})
	}
}
