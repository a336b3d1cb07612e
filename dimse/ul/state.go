package ul

// State is a state of the upper layer protocol machine (PS3.8 9.2.1).
type State uint8

// The states of PS3.8 Tables 9-1 to 9-5.
const (
	Sta1  State = iota + 1 // idle
	Sta2                   // transport connection open, awaiting A-ASSOCIATE-RQ
	Sta3                   // awaiting local A-ASSOCIATE response
	Sta4                   // awaiting transport connection opening
	Sta5                   // awaiting A-ASSOCIATE-AC or -RJ
	Sta6                   // association established, ready for data transfer
	Sta7                   // awaiting A-RELEASE-RP
	Sta8                   // awaiting local A-RELEASE response
	Sta9                   // release collision, requestor side, awaiting local response
	Sta10                  // release collision, acceptor side, awaiting A-RELEASE-RP
	Sta11                  // release collision, requestor side, awaiting A-RELEASE-RP
	Sta12                  // release collision, acceptor side, awaiting local response
	Sta13                  // awaiting transport connection close
	stateCount
)

// Event is an event of PS3.8 Table 9-10, counted as there.
type Event uint8

// The events of PS3.8 Table 9-10.
const (
	EventAssociateRequest Event = iota + 1 // 1 A-ASSOCIATE request (local user)
	EventConnected                         // 2 transport connect confirmation
	EventAssociateAC                       // 3 A-ASSOCIATE-AC PDU
	EventAssociateRJ                       // 4 A-ASSOCIATE-RJ PDU
	EventIndication                        // 5 transport connection indication
	EventAssociateRQ                       // 6 A-ASSOCIATE-RQ PDU
	EventAccept                            // 7 A-ASSOCIATE response, accept
	EventReject                            // 8 A-ASSOCIATE response, reject
	EventDataRequest                       // 9 P-DATA request
	EventPDataTF                           // 10 P-DATA-TF PDU
	EventReleaseRequest                    // 11 A-RELEASE request
	EventReleaseRQ                         // 12 A-RELEASE-RQ PDU
	EventReleaseRP                         // 13 A-RELEASE-RP PDU
	EventReleaseResponse                   // 14 A-RELEASE response
	EventAbortRequest                      // 15 A-ABORT request
	EventAbort                             // 16 A-ABORT PDU
	EventClosed                            // 17 transport connection closed
	EventARTIM                             // 18 ARTIM timer expired
	EventInvalidPDU                        // 19 unrecognised or invalid PDU
	eventCount
)

// pduEvents is the event that each PDU means.
var pduEvents = map[Type]Event{
	TypeAssociateRQ: EventAssociateRQ,
	TypeAssociateAC: EventAssociateAC,
	TypeAssociateRJ: EventAssociateRJ,
	TypePDataTF:     EventPDataTF,
	TypeReleaseRQ:   EventReleaseRQ,
	TypeReleaseRP:   EventReleaseRP,
	TypeAbort:       EventAbort,
}

// Action is an action of PS3.8 Tables 9-6 to 9-9. The zero Action is an empty
// cell of Table 9-10: the event cannot happen in the state.
type Action uint8

// The actions of PS3.8 Tables 9-6 to 9-9.
const (
	AE1 Action = iota + 1
	AE2
	AE3
	AE4
	AE5
	AE6
	AE7
	AE8
	DT1
	DT2
	AR1
	AR2
	AR3
	AR4
	AR5
	AR6
	AR7
	AR8
	AR9
	AR10
	AA1
	AA2
	AA3
	AA4
	AA5
	AA6
	AA7
	AA8
	actionCount
)

// transitions is PS3.8 Table 9-10.
var transitions = [eventCount][stateCount]Action{
	EventAssociateRequest: {Sta1: AE1},
	EventConnected:        {Sta4: AE2},
	EventAssociateAC:      {Sta2: AA1, Sta3: AA8, Sta5: AE3, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	EventAssociateRJ:      {Sta2: AA1, Sta3: AA8, Sta5: AE4, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	EventIndication:       {Sta1: AE5},
	EventAssociateRQ:      {Sta2: AE6, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA7},
	EventAccept:           {Sta3: AE7},
	EventReject:           {Sta3: AE8},
	EventDataRequest:      {Sta6: DT1, Sta8: AR7},
	EventPDataTF:          {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: DT2, Sta7: AR6, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	EventReleaseRequest:   {Sta6: AR1},
	EventReleaseRQ:        {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AR2, Sta7: AR8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	EventReleaseRP:        {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AR3, Sta8: AA8, Sta9: AA8, Sta10: AR10, Sta11: AR3, Sta12: AA8, Sta13: AA6},
	EventReleaseResponse:  {Sta8: AR4, Sta9: AR9, Sta12: AR4},
	EventAbortRequest:     {Sta3: AA1, Sta4: AA2, Sta5: AA1, Sta6: AA1, Sta7: AA1, Sta8: AA1, Sta9: AA1, Sta10: AA1, Sta11: AA1, Sta12: AA1},
	EventAbort:            {Sta2: AA2, Sta3: AA3, Sta5: AA3, Sta6: AA3, Sta7: AA3, Sta8: AA3, Sta9: AA3, Sta10: AA3, Sta11: AA3, Sta12: AA3, Sta13: AA2},
	EventClosed:           {Sta2: AA5, Sta3: AA4, Sta4: AA4, Sta5: AA4, Sta6: AA4, Sta7: AA4, Sta8: AA4, Sta9: AA4, Sta10: AA4, Sta11: AA4, Sta12: AA4, Sta13: AR5},
	EventARTIM:            {Sta2: AA2, Sta13: AA2},
	EventInvalidPDU:       {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA7},
}

// actions is PS3.8 Tables 9-6 to 9-9: the next state and what is done. next 0
// means that the state depends, and branch decides.
var actions [actionCount]struct {
	name   string
	next   State
	branch func(*Association, *occurrence) State
	do     func(*Association, *occurrence) error
}

func init() {
	// Filled here because the actions read the tables again.
	set := func(a Action, name string, next State, do func(*Association, *occurrence) error) {
		actions[a].name, actions[a].next, actions[a].do = name, next, do
	}
	set(AE1, "AE-1", Sta4, (*Association).connect)
	set(AE2, "AE-2", Sta5, (*Association).send)
	set(AE3, "AE-3", Sta6, (*Association).confirmAccept)
	set(AE4, "AE-4", Sta1, (*Association).confirmReject)
	set(AE5, "AE-5", Sta2, (*Association).nothing) // ARTIM starts with Sta2
	set(AE6, "AE-6", 0, (*Association).indicateAssociate)
	set(AE7, "AE-7", Sta6, (*Association).send)
	set(AE8, "AE-8", Sta13, (*Association).send)
	set(DT1, "DT-1", Sta6, (*Association).send)
	set(DT2, "DT-2", Sta6, (*Association).nothing) // the caller reads the fragment
	set(AR1, "AR-1", Sta7, (*Association).send)
	set(AR2, "AR-2", Sta8, (*Association).indicateRelease)
	set(AR3, "AR-3", Sta1, (*Association).confirmRelease)
	set(AR4, "AR-4", Sta13, (*Association).sendReleaseRP)
	set(AR5, "AR-5", Sta1, (*Association).closed)
	set(AR6, "AR-6", Sta7, (*Association).nothing)
	set(AR7, "AR-7", Sta8, (*Association).send)
	set(AR8, "AR-8", 0, (*Association).indicateRelease)
	set(AR9, "AR-9", Sta11, (*Association).sendReleaseRP)
	set(AR10, "AR-10", Sta12, (*Association).indicateRelease)
	set(AA1, "AA-1", Sta13, (*Association).abortAsUser)
	set(AA2, "AA-2", Sta1, (*Association).closed)
	set(AA3, "AA-3", Sta1, (*Association).indicateAbort)
	set(AA4, "AA-4", Sta1, (*Association).closed)
	set(AA5, "AA-5", Sta1, (*Association).closed)
	set(AA6, "AA-6", Sta13, (*Association).nothing)
	set(AA7, "AA-7", Sta13, (*Association).abortAsProvider)
	set(AA8, "AA-8", Sta13, (*Association).abortAsProvider)
	actions[AE6].branch = (*Association).acceptable
	actions[AR8].branch = (*Association).collisionSide
}

func (a Action) String() string {
	if a == 0 || a >= actionCount {
		return "none"
	}
	return actions[a].name
}
