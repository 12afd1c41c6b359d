// Bedrock's agent runtime: InvokeAgent. Signature checked by AWS's signer, events encoded by AWS's codec.
import crypto from 'node:crypto';
import { RuleAgent } from './agent.mjs';
import { chunk, event, exception, streamError } from './eventstream.mjs';
import { HostileAgent } from './hostile.mjs';
import { drained, send, sleep } from './http.mjs';
import { verifySigV4 } from './sigv4.mjs';

const ROUTE = /^\/agents\/([0-9a-zA-Z]{1,10})\/agentAliases\/([0-9a-zA-Z]{1,10})\/sessions\/([0-9a-zA-Z._:-]{2,100})\/text$/;
export const ALIAS = 'TSTALIASID';

const fault = (status, type, message) => ({ status, headers: { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/` }, body: { message } });

export class Bedrock {
  constructor(world) { this.world = world; this.reset(); }

  reset() {
    this.agents = {
      WORKSHOP01: new RuleAgent({ form: 'function' }),
      APIAGENT01: new RuleAgent({ form: 'api' }),
      HOSTILE001: new HostileAgent(),
    };
  }

  async handle(ctx) {
    const { req, res, raw } = ctx;
    const [path, search = ''] = req.url.split('?');
    res.setHeader('x-amzn-requestid', crypto.randomUUID());
    const refusal = await verifySigV4({ method: ctx.method, path, search, headers: ctx.headers, body: raw, service: 'bedrock' });
    if (refusal) return fault(403, refusal.type, refusal.message);
    const m = ROUTE.exec(decodeURIComponent(path));
    if (!m || ctx.method !== 'POST') return fault(404, 'UnknownOperationException', 'Unknown operation');
    const [, agentId, aliasId, sessionId] = m;
    const agent = this.agents[agentId];
    if (!agent || aliasId !== ALIAS) return fault(404, 'ResourceNotFoundException', `Failed to retrieve resource because it doesn't exist. Retry your request with a different resource identifier.`);
    const body = ctx.json();
    if (!body || typeof body !== 'object') return fault(400, 'ValidationException', 'The request body is not valid JSON');
    const results = body.sessionState?.returnControlInvocationResults;
    const hasResults = Array.isArray(results) && results.length > 0;
    if (!hasResults && (typeof body.inputText !== 'string' || !body.inputText) && !body.endSession) return fault(400, 'ValidationException', 'Input text must not be empty');
    if (String(body.inputText ?? '').length > 25_000_000) return fault(400, 'ValidationException', 'inputText is too long');
    const http = /^tenant: http (\d{3}) (\w+)$/.exec(body.inputText ?? '');
    if (http && !hasResults) return fault(Number(http[1]), http[2], 'as you asked');
    const turn = { sessionId, inputText: body.inputText, endSession: body.endSession === true, sessionState: body.sessionState ?? {}, results: hasResults ? results : null };
    return this.stream(res, turn, agent, { agentId, aliasId, sessionId, trace: body.enableTrace === true });
  }

  /** Writes what the agent yields: strings are chunks, {returnControl}, {exception}, {raw}, {pause}, {cut}. */
  async stream(res, turn, agent, { agentId, aliasId, sessionId, trace }) {
    const steps = agent.run(turn);
    let first;
    try {
      first = steps.next();                                       // a validation fault comes before the stream
    } catch (e) {
      if (e.validation) return send(res, fault(400, 'ValidationException', e.message));
      throw e;
    }
    res.writeHead(200, {
      'content-type': 'application/vnd.amazon.eventstream', 'x-amzn-bedrock-agent-content-type': 'application/json', 'x-amz-bedrock-agent-session-id': sessionId, 'cache-control': 'no-store',
    });
    const say = (rationale, n) => event('trace', { agentId, agentAliasId: aliasId, agentVersion: '1', sessionId, trace: { orchestrationTrace: { rationale: { text: rationale, traceId: `trace-${n}` } } } });
    if (trace) res.write(say('Understanding the request', 0));
    for (let step = first; !step.done; step = steps.next()) {
      if (res.destroyed) return undefined;
      const out = step.value;
      if (typeof out === 'string') res.write(chunk(out));
      else if (out.chunk !== undefined) res.write(chunk(out.chunk, out.attribution));
      else if (out.returnControl) {
        if (trace) res.write(say('Calling an action group', 1));
        res.write(event('returnControl', out.returnControl));
      } else if (out.exception) res.write(exception(out.exception, out.message ?? 'as you asked'));
      else if (out.error) res.write(streamError(out.error, out.message ?? 'as you asked'));
      else if (out.event) res.write(event(out.event, out.body ?? {}));
      else if (out.raw) { if (!res.write(out.raw)) await drained(res); }
      else if (out.pause) await sleep(out.pause);
      else if (out.cut) { await sleep(20); res.destroy(); return undefined; }
    }
    res.end();
    return undefined;
  }
}
