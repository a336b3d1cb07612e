package acceptance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// orthancWeb starts Orthanc with its DICOMweb plug-in and the node as its
// server, and returns the address of its HTTP port.
func orthancWeb(t *testing.T, n *startedNode) string {
	t.Helper()
	path := tool(t, "Orthanc")
	const plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	if _, err := os.Stat(plugin); err != nil {
		t.Skip("Orthanc's DICOMweb plug-in is not installed: run `scripts/packages test`")
	}
	dir, dicomPort, httpPort := t.TempDir(), free(t), free(t)
	config, err := json.Marshal(map[string]any{
		"StorageDirectory": filepath.Join(dir, "db"), "IndexDirectory": filepath.Join(dir, "db"), "DicomPort": dicomPort, "HttpPort": httpPort,
		"DicomAet": "ORTHANC", "AuthenticationEnabled": false, "Plugins": []string{plugin},
		"DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/", "Servers": map[string]any{
			"radnode": map[string]any{"Url": n.web + "/dicom-web/", "HttpHeaders": map[string]string{"Authorization": "Bearer " + serviceToken}, "HasDelete": false},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, httpPort, path, file)
	api := fmt.Sprintf("http://127.0.0.1:%d", httpPort)
	eventually(t, "Orthanc answers", 20*time.Second, func() bool {
		response, err := http.Get(api + "/system")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	})
	return api
}

func TestOrthancExchangesStudiesOverDICOMweb(t *testing.T) {
	n := startNode(t)
	api := orthancWeb(t, n)
	get := func(path string) []byte {
		response, err := http.Get(api + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	list, _ := filepath.Glob(filepath.Join(shared(t, "dicom"), "series", "*", "*.dcm"))
	var sent [][]byte
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b)
		response, err := http.Post(api+"/instances", "application/dicom", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	var studies []string
	if err := json.Unmarshal(get("/studies"), &studies); err != nil || len(studies) == 0 {
		t.Fatal(studies, err)
	}
	// Orthanc sends, searches, and fetches back what it had deleted.
	body, _ := json.Marshal(map[string]any{"Resources": studies, "Synchronous": true})
	post(t, api+"/dicom-web/servers/radnode/stow", string(body))
	if got := len(n.searched("/instances")); got != len(sent) {
		t.Fatalf("%d of %d instances came", got, len(sent))
	}
	var found []map[string]any
	answer := post(t, api+"/dicom-web/servers/radnode/qido", `{"Uri":"/studies","Arguments":{"limit":"10"}}`)
	if err := json.Unmarshal([]byte(answer), &found); err != nil || len(found) != len(studies) {
		t.Fatalf("search: %v %s", err, answer)
	}
	for _, id := range studies {
		request, _ := http.NewRequest(http.MethodDelete, api+"/studies/"+id, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	for _, s := range n.searched("/studies") {
		post(t, api+"/dicom-web/servers/radnode/retrieve", fmt.Sprintf(`{"Resources":[{"Study":%q}],"Synchronous":true}`, s.text("0020000D")))
	}
	var back []string
	if err := json.Unmarshal(get("/instances"), &back); err != nil || len(back) != len(sent) {
		t.Fatalf("%d of %d instances came back", len(back), len(sent))
	}
	pixels := map[string]bool{}
	for _, id := range back {
		b := get("/instances/" + id + "/file")
		pixels[string(b[len(b)-4096:])] = true
	}
	for i, b := range sent {
		if !pixels[string(b[len(b)-4096:])] {
			t.Errorf("the pixels of instance %d did not come back as they were", i)
		}
	}
}

// certificate writes a self-signed certificate for this machine.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(cert, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return cert, key, pool
}

func TestDICOMwebSpeaksHTTP2OverTLSAlone(t *testing.T) {
	cert, key, pool := certificate(t)
	n := startNode(t, "--http-tls", "--tls-certificate", cert, "--tls-key", key)
	if !strings.HasPrefix(n.web, "https://") {
		t.Fatal(n.web)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	ask := func(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
		request, err := http.NewRequest(method, n.web+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+serviceToken)
		for i := 0; i+1 < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, b
	}
	film := readFilm(t)
	stored, answer := ask(http.MethodPost, "/dicom-web/studies", bytes.NewReader(film), "Content-Type", "application/dicom")
	if stored.StatusCode != http.StatusOK || stored.ProtoMajor != 2 {
		t.Fatalf("store: %s %d %s", stored.Proto, stored.StatusCode, answer)
	}
	found, body := ask(http.MethodGet, "/dicom-web/instances", nil, "Accept", dicomJSON)
	var list []dicomObject
	if err := json.Unmarshal(body, &list); err != nil || found.ProtoMajor != 2 || !strings.HasPrefix(list[0].text("00081190"), "https://") {
		t.Fatalf("%v %s %s", err, found.Proto, body)
	}
	whole, file := ask(http.MethodGet, strings.TrimPrefix(list[0].text("00081190"), n.web), nil, "Accept", "application/dicom; transfer-syntax=1.2.840.10008.1.2, application/dicom; transfer-syntax=*; q=0.5")
	if whole.StatusCode != http.StatusOK || !bytes.Equal(dataSet(file), dataSet(film)) {
		t.Errorf("retrieved: %d, %d bytes of %d", whole.StatusCode, len(file), len(film))
	}
	login, _ := ask(http.MethodPost, "/api/v1/login", strings.NewReader(`{"name":"admin","password":"correct horse"}`), "Content-Type", "application/json")
	if c := login.Cookies(); len(c) != 1 || !c[0].Secure || !c[0].HttpOnly {
		t.Errorf("the session's cookie: %v", c)
	}
	// Without TLS the port answers nothing but an error.
	plain, err := http.Get("http" + strings.TrimPrefix(n.web, "https") + "/healthz")
	if err == nil {
		defer plain.Body.Close()
		if plain.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d", plain.StatusCode)
		}
	}
}
