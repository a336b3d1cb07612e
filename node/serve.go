package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/frames"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/worker"
	"github.com/radnode/radnode/workflow"
)

// ServeOptions say how `radnode serve` talks to the person who started it.
type ServeOptions struct {
	Demo string    // file to send through the own DICOM port when the store is empty
	Out  io.Writer // where the address, the first login and "radnode ready" are printed
	Log  *slog.Logger
}

const (
	// frameCache is how many bytes of decoded frames are kept for viewers.
	frameCache = 2 << 30
	// stopTime is how long requests under way may take when the node stops.
	stopTime = 20 * time.Second
	// demoTime is how long the demonstration study may take.
	demoTime = 5 * time.Minute
)

// node is a running node.
type node struct {
	config   Config
	log      *slog.Logger
	desk     *Desk
	pool     *worker.Pool
	models   *registry
	tensors  *tensors
	learned  *abilities
	proofs   *proofs
	commits  *commitments
	evidence *evidence
	dicom    *dimse.Server
	http     *http.Server
	jobs     *api.AnalysisJobs
	beside   sync.WaitGroup // what is written beside the requests it is about
}

// Serve runs a node until ctx ends.
func Serve(ctx context.Context, c Config, o ServeOptions) (err error) {
	if o.Demo != "" {
		c.AllowLoopback = true
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	n, err := open(work, c, o.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.seed(ctx); err != nil {
		return err
	}
	dicomPort, httpPort, err := n.listen()
	if err != nil {
		return err
	}
	tlsPort, err := c.listenTLS()
	if err != nil {
		return errors.Join(err, dicomPort.Close(), httpPort.Close())
	}
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return n.dicom.Serve(work, dicomPort) })
	if tlsPort != nil {
		running.Go(func() error { return n.dicom.Serve(work, tlsPort) })
	}
	running.Go(func() error { return ignoreClosed(n.serveWeb(httpPort)) })
	running.Go(func() error { return n.work(ctx, work) })
	running.Go(func() error {
		<-ctx.Done()
		return n.stop()
	})
	running.Go(func() error {
		if err := n.seedAccounts(ctx, o.Out); err != nil && ctx.Err() == nil {
			return err
		}
		fmt.Fprintf(o.Out, "viewer: %s://%s/\n", c.scheme(), httpPort.Addr())
		if o.Demo != "" {
			if err := n.demonstrate(ctx, dicomPort.Addr().String(), o.Demo); err != nil {
				return err
			}
		}
		if tlsPort != nil {
			fmt.Fprintf(o.Out, "DICOM over TLS: %s@%s\n", c.AETitle, tlsPort.Addr())
		}
		if ctx.Err() == nil {
			fmt.Fprintf(o.Out, "radnode ready: DICOM %s@%s, HTTP %s://%s/\n", c.AETitle, dicomPort.Addr(), c.scheme(), httpPort.Addr())
		}
		return nil
	})
	return running.Wait()
}

// open opens the parts in the order in which they need each other.
func open(ctx context.Context, c Config, log *slog.Logger) (*node, error) {
	n := &node{config: c, log: log, proofs: &proofs{}}
	err := c.makeModelsFolder()
	if err != nil {
		return nil, err
	}
	loaded := stampOf(c.modelsFolder())
	if n.pool, err = c.startPool(ctx, log); err != nil {
		return nil, err
	}
	n.models = &registry{pool: n.pool}
	n.tensors = &tensors{pool: n.pool, learned: n.models.load, beside: &n.beside, loaded: loaded}
	n.evidence = newEvidence(log)
	n.learned = &abilities{beside: n.beside.Go, log: log}
	flow := workflow.Options{
		Analyzer: reader{n.pool}, Author: n.author(), Sender: n.senders(),
		Completeness: n.evidence, AE: c.AETitle, Urgency: n.models.Urgency, SecondReader: c.SecondReader, Quiet: c.Quiet, AnalysisWorkers: c.Workers,
	}
	if n.desk, err = openDesk(ctx, c, flow, store.Options{Exclusive: true}, log); err != nil {
		return nil, errors.Join(err, n.pool.Close())
	}
	n.learned.store = n.desk.store
	n.evidence.count = n.calling().countAt
	n.evidence.store, n.evidence.hasten = n.desk.store, n.desk.flow.Hasten
	if err = n.openDICOM(); err == nil {
		err = n.openWeb()
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *node) openDICOM() error {
	scratch := filepath.Join(n.config.Data, "egress")
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(scratch, 0o700)); err != nil {
		return radnode.Errorf(radnode.NoResources, "open DICOM", "the folder of decoded frames: %w", err)
	}
	c := &callers{peers: n.desk.store.Peers, trail: n.desk.trail, allowLoopback: n.config.AllowLoopback, log: n.log}
	n.evidence.rules = func(ctx context.Context) ([]radnode.Peer, error) { return c.list(ctx, peersFresh) }
	out := archive{store: n.desk.store, callers: c, egress: egress{n.pool, scratch}, calling: n.calling(), audited: n.audit}
	n.commits = &commitments{store: n.desk.store, callers: c, calling: n.calling(), log: n.log, wake: make(chan struct{}, 1)}
	users, err := n.config.Calls.identities(n.desk.accounts, c)
	if err != nil {
		return err
	}
	n.dicom, err = dimse.NewServer(dimse.ServerConfig{
		AETitle: n.config.AETitle, Store: receiver{n.desk.flow, n.evidence}, Find: queries{n.desk.store, n.config.AETitle, n.config.Matches},
		Worklist: schedule{n.desk.store, n.config.Matches}, Retrieve: out, Destinations: out, Query: offered, Commit: n.commits, Reports: n.proofs,
		Steps: steps{n.desk.store, n.evidence.completed}, Authorize: c.authorize, Allow: c.allow, Terms: c.terms, Identify: users.identify,
		AcceptUnknownClasses: n.config.Calls.UnknownClasses, AcceptUnknownSyntaxes: n.config.Calls.UnknownSyntaxes, Ended: n.evidence.ended,
		UL:     ul.Config{MaxPDU: uint32(n.config.Limits.PDU) << 10},
		Limits: dimse.Limits{Associations: n.config.Associations, ObjectSize: int64(n.config.Limits.Object) << 30}, Log: n.log,
	})
	return err
}

// calling is how the running node calls others: it learns from their answers.
func (n *node) calling() calling {
	c := n.config.calling()
	c.learn = n.learned
	return c
}

// audit writes a row of the trail beside the work it is about.
func (n *node) audit(e audit.Event) {
	n.beside.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.desk.trail.Record(ctx, e); err != nil {
			n.log.Error("audit", "error", err)
		}
	})
}

func (n *node) openWeb() error {
	pixels, err := frames.Open(filepath.Join(n.config.Data, "frames"), frameCache, decoder{n.pool})
	if err != nil {
		return radnode.Errorf(radnode.NoResources, "open frame cache", "%w", err)
	}
	origins, err := middleware.ParseOrigins(n.config.Origins)
	if err != nil {
		return err
	}
	hooks, err := middleware.ParseOrigins(n.config.Hooks)
	if err != nil {
		return err
	}
	if n.jobs, err = api.OpenAnalysisJobs(filepath.Join(n.config.Data, "analyses"), hooks, asker{n.pool, n.author()}, n.log); err != nil {
		return err
	}
	flow, d, service := n.desk.flow, n.desk, n.dicomweb(pixels, origins)
	server, err := web.New(web.Config{
		Studies: flow, Files: flow, Pixels: pixels, Reports: flow, Findings: flow, Signing: flow, Amending: flow,
		Vocabulary: report.Vocabulary, Schemas: Schemas(), Deliveries: flow, Events: flow,
		Ledger: flow, Peers: peerBook{flow}, Schedule: webSchedule{d}, Echoer: n, Identity: d.accounts, Sessions: d.accounts, Spending: d.accounts, Users: d.accounts,
		Tokens: d.accounts, Models: n.models, Analyzer: asker{n.pool, n.author()}, Audit: d.trail, Inference: n.tensors,
		Operations: n,
		DICOMweb:   service, Jobs: n.jobs, Origins: origins,
		Log: n.log, Registry: n.metrics(), Ready: n.ready, Version: Version, AETitle: n.config.AETitle, SecureCookies: n.config.HTTPTLS,
	})
	if err != nil {
		return err
	}
	n.http = &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
	n.http.RegisterOnShutdown(service.Close)
	return nil
}

// author makes the documents of this node.
func (n *node) author() author {
	return author{n.config.AETitle, n.config.Organisation, n.pool, filepath.Join(n.config.Data, "egress")}
}

// Echo verifies a peer for the viewer's page of peers.
func (n *node) Echo(ctx context.Context, peer radnode.Peer) (time.Duration, error) {
	return n.calling().to(peer).Echo(ctx)
}

// ready reports whether the node can take an image in.
func (n *node) ready(r *http.Request) error {
	if err := n.desk.store.Reader().PingContext(r.Context()); err != nil {
		return radnode.Errorf(radnode.Unavailable, "ready", "the index does not answer: %w", err)
	}
	if err := n.desk.store.WriteProblem(); err != nil {
		return err
	}
	return n.desk.store.CheckSpace()
}

func (n *node) listen() (dicomPort, httpPort net.Listener, err error) {
	if dicomPort, err = net.Listen("tcp", n.config.DICOM); err != nil {
		return nil, nil, radnode.Errorf(radnode.Unavailable, "listen", "DICOM port %s: %w; is another node running? choose another with --dicom", n.config.DICOM, err)
	}
	if httpPort, err = net.Listen("tcp", n.config.HTTP); err != nil {
		return nil, nil, errors.Join(radnode.Errorf(radnode.Unavailable, "listen", "HTTP port %s: %w; choose another with --http", n.config.HTTP, err), dicomPort.Close())
	}
	return dicomPort, httpPort, nil
}

// work sweeps what a crash left behind and sets the queue to work once the
// models are known, whose urgencies order the worklist. Images are taken in
// meanwhile.
func (n *node) work(ctx, life context.Context) error {
	var swept store.Swept
	err := persist(ctx, n.log, "the sweep", time.Second, func() (err error) {
		swept, err = n.desk.store.Sweep(ctx)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	if err := n.desk.store.RemoveFiles(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("files of deleted studies stay for now", "error", err)
	}
	if swept.Partial+swept.Quarantined+swept.Runs > 0 {
		n.log.Warn("swept what a crash left behind", "cut off", swept.Partial, "without row", swept.Quarantined, "unfiled analyses", swept.Runs)
	}
	if err := n.models.load(ctx); err != nil && ctx.Err() == nil {
		n.log.Error("models cannot be listed; studies wait until a pixel worker starts", "error", err)
	}
	if ctx.Err() != nil {
		return nil
	}
	err = persist(ctx, n.log, "the queue", time.Second, func() error { return n.desk.flow.Start(life) })
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	var watching errgroup.Group
	watching.Go(func() error { return n.commits.run(ctx) })
	watching.Go(func() error { return n.tensors.watchModels(ctx, n.config.modelsFolder(), n.log) })
	watching.Go(func() error { return n.evidence.run(ctx) })
	watching.Go(func() error { return n.jobs.Run(ctx) })
	return watching.Wait()
}

// stop ends the edges first, then the jobs, so that what was accepted is
// filed.
func (n *node) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error { return ignoreDeadline(n.dicom.Shutdown(ctx)) })
	both.Go(func() error {
		// Event streams never end by themselves.
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := n.http.Shutdown(soon); err != nil {
			return n.http.Close()
		}
		return nil
	})
	err := both.Wait()
	n.desk.flow.Stop()
	return errors.Join(err, n.record(audit.NodeStopped))
}

func (n *node) close() error {
	n.beside.Wait()
	err := n.pool.Close()
	return errors.Join(err, n.desk.Close())
}

func (n *node) record(action audit.Action) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return n.desk.trail.Record(ctx, audit.Event{Action: action, Actor: n.config.AETitle, Remote: "local", Detail: "version " + Version})
}

// seed brings in the peers that the configuration names; nobody may call
// before they are known.
func (n *node) seed(ctx context.Context) error {
	if err := n.record(audit.NodeStarted); err != nil {
		return err
	}
	peers, err := n.config.peerSeeds()
	if err != nil {
		return err
	}
	known, err := n.desk.Peers(ctx)
	if err != nil {
		return err
	}
	for _, peer := range peers {
		// The configuration says who may call and where it is; what is delivered
		// there was chosen with `radnode peer add` or in the viewer, and stays.
		if at := slices.IndexFunc(known, func(k radnode.Peer) bool { return k.Name == peer.Name }); at >= 0 {
			peer.Deliver, peer.TLS, peer.PeerTerms = known[at].Deliver, known[at].TLS, known[at].PeerTerms
		}
		if err := n.desk.flow.AddPeer(ctx, peer); err != nil {
			return err
		}
	}
	return nil
}

// seedAccounts brings in the tokens that the configuration names and, on the
// first start, an account to log in with. Hashing its password takes a while
// and much memory, so the DICOM port does not wait for it.
func (n *node) seedAccounts(ctx context.Context, out io.Writer) error {
	defer debug.FreeOSMemory()
	tokens, err := n.config.tokenSeeds()
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if _, err := n.desk.accounts.CreateToken(ctx, token.name, token.role, token.secret); err != nil {
			return err
		}
	}
	return n.firstLogin(ctx, out)
}

func (n *node) firstLogin(ctx context.Context, out io.Writer) error {
	users, err := n.desk.accounts.List(ctx)
	if err != nil || len(users) > 0 {
		return err
	}
	password := n.config.AdminPassword
	if password == "" {
		password = auth.NewPassword()
		fmt.Fprintf(out, "first login: admin, password %s\n", password)
	}
	return n.desk.accounts.Save(ctx, radnode.User{Name: "admin", FullName: "Administrator", Role: radnode.Admin}, password)
}

// demonstrate sends a file through our own DICOM port and waits until its
// study has a draft report or the reason why not.
func (n *node) demonstrate(ctx context.Context, address, file string) error {
	ctx, cancel := context.WithTimeout(ctx, demoTime)
	defer cancel()
	if _, total, err := n.desk.flow.Worklist(ctx, radnode.StudyFilter{Limit: 1}); err != nil || total > 0 {
		return err
	}
	events, unsubscribe := n.desk.flow.Events()
	defer unsubscribe()
	var failure error
	target := Target{CalledAE: n.config.AETitle, Address: address, CallingAE: "DEMO"}
	err := target.Send(ctx, []string{file}, func(s Sent) { failure = s.Error })
	if err := errors.Join(err, failure); err != nil {
		return radnode.Errorf(radnode.CodeOf(err), "demonstration", "the film could not be sent: %w", err)
	}
	for {
		list, _, err := n.desk.flow.Worklist(ctx, radnode.StudyFilter{Limit: 1})
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].State != radnode.Arriving && list[0].State != radnode.Analysing {
			return nil
		}
		select {
		case _, open := <-events:
			if !open {
				return radnode.Errorf(radnode.Internal, "demonstration", "the event stream ended")
			}
		case <-ctx.Done():
			return radnode.Errorf(radnode.Unavailable, "demonstration", "the film was not read in time; `radnode doctor` says what is wrong")
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// ignoreDeadline accepts that the time for an orderly end ran out: whatever
// was not acknowledged will be sent again.
func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
