package acceptance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// peerList is `radnode peer list --json`.
func (n *startedNode) peerList() map[string]radnode.Peer {
	n.t.Helper()
	status, out := n.run("peer", "list", "--json")
	if status != 0 {
		n.t.Fatal(out)
	}
	peers := map[string]radnode.Peer{}
	for line := range strings.Lines(out) {
		var p radnode.Peer
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			n.t.Fatalf("%v in %s", err, line)
		}
		peers[p.Name] = p
	}
	return peers
}

func (n *startedNode) peer(args ...string) {
	n.t.Helper()
	if status, out := n.run(append([]string{"peer"}, args...)...); status != 0 {
		n.t.Fatalf("peer %s: exit %d: %s", args, status, out)
	}
}

// peersRead is how long the running node may take to see a changed peer.
const peersRead = 1200 * time.Millisecond

func (n *startedNode) echo(ae string, args ...string) (int, string) {
	n.t.Helper()
	return command(n.t, n.program, append([]string{"echo", n.target(), "--ae", ae}, args...)...)
}

func TestAPeerIsHeldToItsTerms(t *testing.T) {
	n := startNode(t, "--allow-loopback=false")
	n.peer("add", "CT", "CT@127.0.0.1:104", "--max-associations", "2")
	n.peer("add", "FAST", "FAST@127.0.0.1:104", "--max-rate", "3")
	n.peer("add", "ELSEWHERE", "ELSEWHERE@192.0.2.7:104", "--check-host")
	n.peer("add", "LOCAL", "LOCAL@localhost:104", "--check-host")
	n.peer("add", "SLOW", "SLOW@127.0.0.1:104", "--max-silence", "1s")
	var held []*dimse.Client
	for i := range 3 {
		c, err := n.associate("CT")
		if (err == nil) != (i < 2) {
			t.Errorf("association %d of a peer with two: %v", i+1, err)
		}
		if err == nil {
			held = append(held, c)
		}
	}
	_ = held[0].Close()
	eventually(t, "a released association counts no more", 5*time.Second, func() bool {
		c, err := n.associate("CT")
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	admitted := 0
	for range 6 {
		if status, _ := n.echo("FAST"); status == 0 {
			admitted++
		}
	}
	if admitted != 3 {
		t.Errorf("%d associations of a peer with a rate of 3 a minute", admitted)
	}
	for ae, want := range map[string]int{"ELSEWHERE": 1, "LOCAL": 0} {
		if status, out := n.echo(ae); status != want {
			t.Errorf("%s, exit %d: %s", ae, status, out)
		}
	}
	slow, err := n.associate("SLOW")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond)
	if err := slow.Echo(t.Context()); err == nil {
		t.Error("a peer with a longest silence of one second was still there after more than two")
	}
}

func (n *startedNode) associate(ae string) (*dimse.Client, error) {
	c, err := dimse.Dial(n.t.Context(), n.dicom, dimse.ClientConfig{CallingAE: ae, CalledAE: "RADNODE"}, dimse.VerificationContexts())
	if err == nil {
		n.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func TestPeersAreChangedWhileTheNodeRuns(t *testing.T) {
	n := startNode(t, "--allow-loopback=false")
	n.peer("add", "CT", "CT@127.0.0.1:104", "--allow", "store", "--max-rate", "1000", "--study-quiet", "30s")
	n.peer("set", "CT", "--check-host", "--max-associations", "7")
	got := n.peerList()["CT"]
	want := radnode.PeerTerms{CheckHost: true, Associations: 7, Rate: 1000, QuietSeconds: 30}
	if got.PeerTerms != want || !slices.Equal(got.Allow, []string{"store"}) || got.Port != 104 {
		t.Errorf("got %+v", got)
	}
	n.peer("set", "CT", "CT@127.0.0.1:105")
	if got := n.peerList()["CT"]; got.PeerTerms != want || got.Port != 105 {
		t.Errorf("got %+v", got)
	}
	if status, _ := n.run("peer", "set", "MR", "--check-host"); status != 1 {
		t.Error("a peer that is not there was changed")
	}
	if status, _ := n.run("peer", "set", "CT", "--max-rate", "-1"); status != 2 {
		t.Error("a negative rate was taken")
	}
	var admin struct{ Token string }
	status, out := n.run("token", "create", "--role", "admin", "--name", "boss")
	if admin.Token = strings.TrimSpace(out); status != 0 {
		t.Fatal(out)
	}
	code, body, _ := n.request(admin.Token, http.MethodPatch, "/api/v1/peers/CT", map[string]any{"rate": 1, "wait_for_mpps": true, "passcode": "twelve letters"})
	var changed radnode.Peer
	if err := json.Unmarshal(body, &changed); code != http.StatusOK || err != nil || changed.Rate != 1 || !changed.WaitForMPPS || changed.Associations != 7 || changed.Passcode != "" {
		t.Errorf("%d %s %v", code, body, err)
	}
	time.Sleep(peersRead)
	first, _ := n.echo("CT")
	second, _ := n.echo("CT")
	if first != 0 || second != 1 {
		t.Errorf("with one association a minute: exit %d, then %d", first, second)
	}
	n.peer("remove", "CT")
	time.Sleep(peersRead)
	if status, _ := n.echo("CT"); status != 1 {
		t.Error("a removed peer still calls")
	}
}

func TestUserIdentitiesAreCheckedAsConfigured(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	passcode := filepath.Join(dir, "passcode")
	for path, text := range map[string]string{secret: strings.Repeat("k", 40), passcode: "the peer's own"} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := startNode(t, "--allow-loopback=false", "--identity", "check", "--identity-kinds", "passcode,jwt,saml", "--identity-key", secret, "--identity-issuer", "hospital")
	n.peer("add", "CT", "CT@127.0.0.1:104")
	n.peer("add", "SAFE", "SAFE@127.0.0.1:104", "--require-identity", "--passcode-file", passcode)
	host, port := n.hostPort()
	storescu := tool(t, "storescu")
	for name, c := range map[string]struct {
		ae   string
		args []string
		want bool
	}{
		"none is offered":                          {"CT", nil, true},
		"the password of an account":               {"CT", []string{"-usr", "admin", "-pwd", "correct horse", "-rsp"}, true},
		"a wrong password":                         {"CT", []string{"-usr", "admin", "-pwd", "wrong horse"}, false},
		"an unknown account":                       {"CT", []string{"-usr", "nobody", "-pwd", "correct horse"}, false},
		"a name alone, which is not configured":    {"CT", []string{"-usr", "admin", "-epw"}, false},
		"none is offered although it must be":      {"SAFE", nil, false},
		"the peer's own passcode":                  {"SAFE", []string{"-usr", "SAFE", "-pwd", "the peer's own", "-rsp"}, true},
		"a wrong passcode of the peer":             {"SAFE", []string{"-usr", "SAFE", "-pwd", "another one"}, false},
		"the passcode of another peer":             {"CT", []string{"-usr", "SAFE", "-pwd", "the peer's own"}, false},
		"the password of an account where it must": {"SAFE", []string{"-usr", "admin", "-pwd", "correct horse"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-v", "-aet", c.ae, "-aec", "RADNODE"}, c.args...)
			status, out := command(t, storescu, append(args, host, port, film())...)
			if (status == 0) != c.want {
				t.Errorf("exit %d: %s", status, out)
			}
		})
	}
	for name, c := range map[string]struct {
		claims string
		want   int
	}{
		"right":          {fmt.Sprintf(`{"iss":"hospital","sub":"kim","exp":%d}`, time.Now().Add(time.Hour).Unix()), 0},
		"expired":        {fmt.Sprintf(`{"iss":"hospital","sub":"kim","exp":%d}`, time.Now().Add(-time.Hour).Unix()), 1},
		"another issuer": {fmt.Sprintf(`{"iss":"elsewhere","sub":"kim","exp":%d}`, time.Now().Add(time.Hour).Unix()), 1},
	} {
		t.Run("token "+name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(signed(c.claims, strings.Repeat("k", 40))), 0o600); err != nil {
				t.Fatal(err)
			}
			if status, out := n.echo("SAFE", "--jwt-file", file); status != c.want {
				t.Errorf("exit %d: %s", status, out)
			}
		})
	}
	if log := n.log.String(); strings.Contains(log, "wrong horse") || strings.Contains(log, "correct horse") || strings.Contains(log, "own") {
		t.Error("the log holds a passcode")
	}
}

// signed is a JSON web token with a shared key.
func signed(claims, key string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

func TestPeersGetWhatTheyCanTakeAndItIsLearned(t *testing.T) {
	n := startNode(t)
	var paths []string
	for _, name := range []string{"mr1_j2k_lossless", "mr_8stored_jpeg_lossless", "mr_small_rle", "ct1_jpegls", "mr_small_bigendian"} {
		paths = append(paths, shared(t, "dicom/image/"+name+".dcm"))
	}
	if status, out := command(t, n.program, append([]string{"store", n.target()}, paths...)...); status != 0 {
		t.Fatal(out)
	}
	for name, c := range map[string]struct {
		option   string
		syntaxes []string
	}{
		"implicit little endian only": {"+xi", []string{"1.2.840.10008.1.2"}},
		"explicit little endian too":  {"+xe", []string{"1.2.840.10008.1.2.1", "1.2.840.10008.1.2"}},
		"whatever is stored":          {"+xa", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir, port := t.TempDir(), free(t)
			background(t, port, tool(t, "storescp"), "-aet", "TAKER", "-od", dir, c.option, strconv.Itoa(port))
			ae := "TAKER" + c.option[2:]
			n.peer("add", ae, fmt.Sprintf("%s@127.0.0.1:%d", ae, port))
			time.Sleep(peersRead)
			for range 2 { // the second time with what the first has taught
				for _, path := range paths {
					d := header(t, path)
					if status, out := command(t, n.program, "move", n.target(), "--to", ae, "-k", "StudyInstanceUID="+d.Text(dicom.StudyInstanceUID)); status != 0 {
						t.Fatalf("%s: exit %d: %s", filepath.Base(path), status, out)
					}
					got, err := filepath.Glob(filepath.Join(dir, "*"+d.Text(dicom.SOPInstanceUID)+"*"))
					if err != nil || len(got) != 1 {
						t.Fatalf("%s: %v %v", filepath.Base(path), got, err)
					}
					file, err := dicom.ReadFile(got[0], dicom.Limits{})
					if err != nil {
						t.Fatal(err)
					}
					if c.syntaxes != nil && !slices.Contains(c.syntaxes, string(file.TransferSyntax)) {
						t.Errorf("%s went in %s", filepath.Base(path), file.TransferSyntax)
					}
					samePixels(t, path, got[0])
				}
			}
			var abilities []radnode.PeerAbility
			eventually(t, "the answers are kept", 5*time.Second, func() bool {
				abilities = n.peerList()[ae].Abilities
				return len(abilities) > 0
			})
			for _, a := range abilities {
				if want := c.syntaxes == nil || slices.Contains(c.syntaxes, string(a.TransferSyntaxUID)); a.Accepted != want && a.SOPClassUID != dimse.Verification {
					t.Errorf("learned %+v", a)
				}
			}
			var list struct{ Peers []radnode.Peer }
			n.get("/api/v1/peers", &list)
			if i := slices.IndexFunc(list.Peers, func(p radnode.Peer) bool { return p.Name == ae }); i < 0 || len(list.Peers[i].Abilities) != len(abilities) {
				t.Error("the API does not show them")
			}
		})
	}
}
