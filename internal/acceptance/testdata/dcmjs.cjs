// A peer made of dcmjs-dimse.
//   node dcmjs.cjs scu HOST PORT FILE DIR DESTINATION
//     echoes, stores, finds, gets and moves, and prints what came of each
//   node dcmjs.cjs scp PORT DIR AE@HOST:PORT
//     keeps in DIR what it is sent, as it came; answers, sends back and moves
'use strict'
const fs = require('fs')
const path = require('path')
const { Client, Dataset, Server, Scp, requests, responses, constants, log } = require('dcmjs-dimse')
const { CEchoRequest, CStoreRequest, CFindRequest, CGetRequest, CMoveRequest } = requests
const { CEchoResponse, CStoreResponse, CFindResponse, CGetResponse, CMoveResponse } = responses
const { PresentationContextResult, Status } = constants

log.setLevel('error')

// written is what the library made last of a data set: it writes each anew, in
// the syntax that was accepted and without the private elements.
let written
const write = Dataset.prototype.getDenaturalizedDataset
Dataset.prototype.getDenaturalizedDataset = function (...args) {
  return (written = write.apply(this, args))
}

// ask sends one request on an association of its own and returns its responses.
function ask (host, port, request, onStore) {
  return new Promise((resolve, reject) => {
    const client = new Client()
    const got = []
    request.on('response', r => got.push(r))
    client.on('networkError', reject)
    client.on('associationRejected', r => reject(new Error('rejected: ' + JSON.stringify(r))))
    client.on('cStoreRequest', onStore || ((r, done) => done(CStoreResponse.fromRequest(r))))
    client.on('closed', () => resolve(got))
    client.addRequest(request)
    client.send(host, port, 'DCMJS', 'RADNODE')
  })
}

const last = list => list.length ? list[list.length - 1].getStatus() : -1

async function scu (host, port, file, dir, destination) {
  const dataset = Dataset.fromFile(file)
  const elements = { ...dataset.getElements() }
  const store = new CStoreRequest(dataset)
  const study = elements.StudyInstanceUID
  const result = {}
  result.echo = last(await ask(host, port, new CEchoRequest()))
  result.store = last(await ask(host, port, store))
  fs.writeFileSync(path.join(dir, 'sent'), written)
  const found = await ask(host, port, CFindRequest.createStudyFindRequest({ PatientID: elements.PatientID, StudyInstanceUID: '' }))
  result.find = last(found)
  result.found = found.filter(r => r.hasDataset()).map(r => r.getDataset().getElements().StudyInstanceUID)
  const took = []
  result.get = last(await ask(host, port, CGetRequest.createStudyGetRequest(study), (r, done) => {
    took.push(r.getDataset().getElements().SOPInstanceUID)
    fs.writeFileSync(path.join(dir, 'got'), r.getDataset().getDenaturalizedDataset())
    const response = CStoreResponse.fromRequest(r)
    response.setStatus(Status.Success)
    done(response)
  }))
  result.took = took
  const moved = await ask(host, port, CMoveRequest.createStudyMoveRequest(destination, study))
  result.move = last(moved)
  result.moved = moved.length ? moved[moved.length - 1].getCompleted() : -1
  console.log(JSON.stringify(result))
}

function scp (port, dir, peer) {
  const [ae, host, peerPort] = peer.split(/[@:]/)
  const held = study => fs.readdirSync(dir).filter(f => f.endsWith('.json'))
    .map(f => JSON.parse(fs.readFileSync(path.join(dir, f))))
    .filter(o => !study || o.study === study)
  const load = o => new CStoreRequest(new Dataset(fs.readFileSync(path.join(dir, o.instance)), o.syntax))

  class Peer extends Scp {
    associationRequested (association) {
      this.association = association
      for (const { id } of association.getPresentationContexts()) {
        const context = association.getPresentationContext(id)
        context.setResult(PresentationContextResult.Accept, context.getTransferSyntaxUids()[0])
      }
      this.sendAssociationAccept()
    }

    associationReleaseRequested () { this.sendAssociationReleaseResponse() }

    createDatasetFromStoreWritableStream (stream, context, callback) {
      this.bytes = stream.toBuffer()
      super.createDatasetFromStoreWritableStream(stream, context, callback)
    }

    answer (Kind, request, status, more) {
      const response = Kind.fromRequest(request)
      response.setStatus(status)
      if (more) more(response)
      return response
    }

    cEchoRequest (request, callback) { callback(this.answer(CEchoResponse, request, Status.Success)) }

    cStoreRequest (request, callback) {
      const e = request.getDataset().getElements()
      fs.writeFileSync(path.join(dir, e.SOPInstanceUID), this.bytes)
      fs.writeFileSync(path.join(dir, e.SOPInstanceUID + '.json'), JSON.stringify({
        study: e.StudyInstanceUID, instance: e.SOPInstanceUID, patient: e.PatientID, syntax: request.getDataset().getTransferSyntaxUid()
      }))
      callback(this.answer(CStoreResponse, request, Status.Success))
    }

    cFindRequest (request, callback) {
      const matches = held(request.getDataset().getElements().StudyInstanceUID).map(o =>
        this.answer(CFindResponse, request, Status.Pending, r => r.setDataset(new Dataset({
          QueryRetrieveLevel: 'STUDY', StudyInstanceUID: o.study, PatientID: o.patient
        }))))
      callback([...matches, this.answer(CFindResponse, request, Status.Success)])
    }

    cGetRequest (request, callback) {
      const objects = held(request.getDataset().getElements().StudyInstanceUID)
      let left = objects.length
      const done = () => callback([this.answer(CGetResponse, request, Status.Success, r => r.setCompleted(objects.length))])
      if (!left) return done()
      this.sendRequests(objects.map(o => {
        const store = load(o)
        store.on('response', () => { if (--left === 0) done() })
        return store
      }))
    }

    cMoveRequest (request, callback) {
      const objects = held(request.getDataset().getElements().StudyInstanceUID)
      Promise.all(objects.map(o => ask(host, Number(peerPort), load(o)))).then(answers => {
        const good = answers.filter(a => last(a) === Status.Success).length
        callback([this.answer(CMoveResponse, request, Status.Success, r => { r.setCompleted(good); r.setFailures(objects.length - good) })])
      })
    }
  }
  new Server(Peer).listen(port)
}

const [kind, ...args] = process.argv.slice(2)
if (kind === 'scp') scp(Number(args[0]), args[1], args[2])
else scu(args[0], Number(args[1]), ...args.slice(2)).catch(e => { console.error(e); process.exit(1) })
