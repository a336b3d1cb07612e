package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/hl7"
	"github.com/radnode/radnode/workflow"
)

// fhirSender brings reports to a FHIR server (R4, http.html#transaction).
type fhirSender struct{ web webDestinations }

var _ workflow.Sender = fhirSender{}

const fhirType = "application/fhir+json"

// fhirAnswer is what is read of a bundle that a server answers.
type fhirAnswer struct {
	ResourceType string `json:"resourceType"`
	Entry        []struct {
		Response struct {
			Status string `json:"status"`
		} `json:"response"`
		Resource struct {
			ResourceType string `json:"resourceType"`
			Identifier   []struct {
				Value string `json:"value"`
			} `json:"identifier"`
		} `json:"resource"`
	} `json:"entry"`
}

// Store implements workflow.Sender.
func (s fhirSender) Store(ctx context.Context, peer radnode.Peer, o workflow.Object) error {
	a, err := s.web.do(ctx, peer, webRequest{
		method: http.MethodPost, url: strings.TrimRight(peer.URL, "/"), contentType: fhirType, accept: fhirType,
		body: bytes.NewReader(o.Message), length: int64(len(o.Message)),
	})
	if err != nil && a != nil {
		return workflow.Said(err, issuesOf(a.body))
	}
	if err != nil {
		return err
	}
	var bundle fhirAnswer
	if err := json.Unmarshal(a.body, &bundle); err != nil || bundle.ResourceType != "Bundle" {
		return workflow.Answered(radnode.Errorf(radnode.Unavailable, "deliver", "the server answered %d without a bundle: it may not be a FHIR server", a.status))
	}
	for _, e := range bundle.Entry {
		if !strings.HasPrefix(e.Response.Status, "2") {
			return workflow.Answered(radnode.Errorf(radnode.Invalid, "deliver", "the server answered %.20q to an entry of the transaction", e.Response.Status))
		}
	}
	return nil
}

// issuesOf are the words of an OperationOutcome (R4, operationoutcome.html).
func issuesOf(body []byte) string {
	var outcome struct {
		Issue []struct {
			Diagnostics string `json:"diagnostics"`
			Details     struct {
				Text string `json:"text"`
			} `json:"details"`
		} `json:"issue"`
	}
	if json.Unmarshal(body, &outcome) != nil {
		return "" // a page of a proxy, as a rule
	}
	var words []string
	for _, i := range outcome.Issue {
		words = append(words, cmp.Or(i.Details.Text, i.Diagnostics))
	}
	return strings.Join(words, "; ")
}

// Prove implements workflow.Sender: a search for the report by its identifier.
// The answer to a transaction, which is whole or nothing, stands for it where a
// server does not search.
func (s fhirSender) Prove(ctx context.Context, peer radnode.Peer, objects []workflow.Object) (string, error) {
	for _, o := range objects {
		name := "urn:oid:" + string(o.SOPInstanceUID)
		a, err := s.web.do(ctx, peer, webRequest{method: http.MethodGet, accept: fhirType,
			url: endpoint(peer.URL, "DiagnosticReport") + "?identifier=" + url.QueryEscape("urn:dicom:uid|"+name)})
		if a != nil && err != nil && noSearch[radnode.CodeOf(err)] {
			return "the server's answer to the transaction", nil
		}
		if err != nil {
			return "", err
		}
		var bundle fhirAnswer
		if err := json.Unmarshal(a.body, &bundle); err != nil {
			return "", workflow.Answered(radnode.Errorf(radnode.Unavailable, "prove delivery", "the answer to the search cannot be read"))
		}
		if !bundle.holds(name) {
			return "", workflow.Answered(radnode.Errorf(radnode.NotFound, "prove delivery", "a search of the server does not find the report"))
		}
	}
	return "query", nil
}

// noSearch are the answers of a server that does not let a report be searched.
var noSearch = map[radnode.Code]bool{radnode.NotFound: true, radnode.Unsupported: true, radnode.Forbidden: true, radnode.Unauthorized: true, radnode.Invalid: true}

func (b fhirAnswer) holds(identifier string) bool {
	for _, e := range b.Entry {
		for _, id := range e.Resource.Identifier {
			if id.Value == identifier {
				return true
			}
		}
	}
	return false
}

// Takes implements workflow.Sender: it takes no SOP classes.
func (fhirSender) Takes(context.Context, radnode.Peer, []radnode.UID) (map[radnode.UID]bool, error) {
	return nil, nil
}

// hl7Sender brings reports to a receiver of HL7 v2 messages.
type hl7Sender struct{ config Config }

var _ workflow.Sender = hl7Sender{}

// Store implements workflow.Sender.
func (s hl7Sender) Store(ctx context.Context, peer radnode.Peer, o workflow.Object) error {
	m, err := hl7.Parse(o.Message)
	if err != nil {
		return err
	}
	client := hl7.Client{Address: net.JoinHostPort(peer.Host, strconv.Itoa(peer.Port))}
	if peer.TLS {
		if client.TLS, err = ul.ClientTLS(s.config.calling().tls); err != nil {
			return radnode.Errorf(radnode.Invalid, "TLS", "%w", err)
		}
		client.TLS.ServerName = peer.Host
	}
	err = client.Send(ctx, m)
	var refusal *hl7.RefusedError
	if errors.As(err, &refusal) {
		err = workflow.Said(err, refusal.Text)
	}
	return err
}

// Prove implements workflow.Sender: the acknowledgement says that the receiver
// took responsibility for the message (HL7 v2.5.1 2.9.2); there is no other.
func (hl7Sender) Prove(context.Context, radnode.Peer, []workflow.Object) (string, error) {
	return "acknowledgement of the message", nil
}

// Takes implements workflow.Sender: it takes no SOP classes.
func (hl7Sender) Takes(context.Context, radnode.Peer, []radnode.UID) (map[radnode.UID]bool, error) {
	return nil, nil
}
