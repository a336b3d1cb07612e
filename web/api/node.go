package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
)

// GetLedger answers the balance of everything the node accepted.
func (a *API) GetLedger(c echo.Context) error {
	rows, err := a.Ledger.Ledger(c.Request().Context())
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []radnode.LedgerRow{}
	}
	open := slices.ContainsFunc(rows, func(r radnode.LedgerRow) bool { return r.Unaccounted })
	return sendJSON(c, LedgerList{Rows: rows, Balanced: !open})
}

// GetModels answers the registry.
func (a *API) GetModels(c echo.Context) error {
	models, err := a.Models.Models(c.Request().Context())
	if err != nil {
		return err
	}
	if models == nil {
		models = []Model{}
	}
	return sendJSON(c, ModelList{Models: models})
}

// GetPeers answers the application entities the node knows.
func (a *API) GetPeers(c echo.Context) error {
	peers, err := a.Peers.Peers(c.Request().Context())
	if err != nil {
		return err
	}
	if peers == nil {
		peers = []radnode.Peer{}
	}
	return sendJSON(c, PeerList{Peers: peers})
}

var (
	peerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	// PS3.5 table 6.2-1, AE: 16 characters, no backslash, no control
	// characters, not only spaces.
	aeTitle  = regexp.MustCompile(`^[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?$`)
	hostName = regexp.MustCompile(`^[A-Za-z0-9.:_-]{1,255}$`)

	peerServices   = []string{"store", "query", "retrieve", "commit"}
	peerDeliveries = []string{"sr", "seg", "pm", "pr", "ko", "sc", "pdf", "fhir", "hl7"}
)

// PostPeer adds a peer or replaces the one of that name.
func (a *API) PostPeer(c echo.Context) error {
	var p radnode.Peer
	if err := readJSON(c, &p); err != nil {
		return err
	}
	p.Source = middleware.UserOf(c).Name
	return a.savePeer(c, p, http.StatusCreated, "added")
}

// PatchPeer changes what the request names of a peer and leaves the rest.
func (a *API) PatchPeer(c echo.Context) error {
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	peers, err := a.Peers.Peers(c.Request().Context())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(peers, func(p radnode.Peer) bool { return p.Name == name })
	if at < 0 {
		return radnode.Errorf(radnode.NotFound, "change peer", "there is no such peer")
	}
	p := peers[at]
	p.Abilities = nil
	if err := readJSON(c, &p); err != nil {
		return err
	}
	p.Name, p.Source = name, peers[at].Source
	return a.savePeer(c, p, http.StatusOK, "changed")
}

func (a *API) savePeer(c echo.Context, p radnode.Peer, status int, what string) error {
	switch {
	case !peerName.MatchString(p.Name):
		return radnode.Errorf(radnode.Invalid, "add peer", "a peer's name is 1 to 64 letters, digits, dots, dashes")
	case len(p.Token) > maxCredential:
		return radnode.Errorf(radnode.Invalid, "add peer", "a token is longer than %d bytes", maxCredential)
	case p.Kind != "": // the node knows what each kind of destination needs
	case !aeTitle.MatchString(p.AETitle):
		return radnode.Errorf(radnode.Invalid, "add peer", "an AE title has 1 to 16 characters without backslash")
	case !hostName.MatchString(p.Host) || p.Port < 1 || p.Port > 65535:
		return radnode.Errorf(radnode.Invalid, "add peer", "a peer needs a host and a port from 1 to 65535")
	case !allOf(p.Allow, peerServices) || !allOf(p.Deliver, peerDeliveries):
		return radnode.Errorf(radnode.Invalid, "add peer", "allow knows store, query, retrieve, commit; deliver knows %s", strings.Join(peerDeliveries, ", "))
	}
	if err := a.Peers.AddPeer(c.Request().Context(), p); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.PeerChanged, ObjectID: p.Name, Detail: what}); err != nil {
		return err
	}
	p.Passcode, p.Token = "", ""
	return c.JSON(status, p)
}

func allOf(have, known []string) bool {
	return !slices.ContainsFunc(have, func(s string) bool { return !slices.Contains(known, s) })
}

// DeletePeer removes a peer.
func (a *API) DeletePeer(c echo.Context) error {
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	if err := a.Peers.RemovePeer(c.Request().Context(), name); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.PeerChanged, ObjectID: name, Detail: "removed"}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// EchoPeer asks a peer whether it is there. A peer that is not is an answer,
// not an error of this node.
func (a *API) EchoPeer(c echo.Context) error {
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	peers, err := a.Peers.Peers(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(peers, func(p radnode.Peer) bool { return p.Name == name })
	if at < 0 {
		return radnode.Errorf(radnode.NotFound, "echo", "there is no such peer")
	}
	if peers[at].Kind != "" {
		return radnode.Errorf(radnode.Unsupported, "echo", "%s is no DICOM application entity: C-ECHO cannot ask it", name)
	}
	took, err := a.Echoer.Echo(ctx, peers[at])
	result := EchoResult{OK: err == nil, Millis: float64(took) / float64(time.Millisecond)}
	if err != nil {
		result.Error = radnode.MessageOf(err)
	}
	return c.JSON(http.StatusOK, result)
}

// GetAudit answers what was recorded, newest first; the reading is recorded
// as well (PS3.15 A.5.3.2).
func (a *API) GetAudit(c echo.Context) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AuditRead}); err != nil {
		return err
	}
	events, err := a.Audit.List(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, AuditList{Events: append([]audit.Event{}, events...)})
}

func auditFilter(c echo.Context) (audit.Filter, error) {
	f := audit.Filter{
		Actor: c.QueryParam("actor"), Action: audit.Action(c.QueryParam("action")),
		StudyUID: radnode.UID(c.QueryParam("study")), ObjectID: c.QueryParam("object"),
	}
	for name, to := range map[string]*time.Time{"before": &f.Before, "since": &f.Since} {
		text := c.QueryParam(name)
		if text == "" {
			continue
		}
		var err error
		if *to, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return f, radnode.Errorf(radnode.Invalid, "read request", "%s must be a time as RFC 3339 writes it", name)
		}
	}
	switch {
	case f.Action != "" && !audit.Known(f.Action):
		return f, radnode.Errorf(radnode.Invalid, "read request", "no such action is recorded")
	case f.StudyUID != "" && !f.StudyUID.Valid(), len(f.Actor) > maxID, len(f.ObjectID) > maxID:
		return f, radnode.Errorf(radnode.Invalid, "read request", "study is a UID; actor and object are names")
	}
	var err error
	f.Limit, err = intQuery(c, "limit", 100, 1, audit.MaxRows)
	return f, err
}
