// The rule-driven agent behind Bedrock's stand-in: understands the workshop's sentences, asks back for what is
// missing, proposes calls through return of control and words its answer from the results. It never decides
// anything about permission and knows nothing that the caller did not tell it.
import crypto from 'node:crypto';
import { intentOf, missing, understand, valueFromAnswer } from './sentences.mjs';

const MAX_INPUTS = 5;
const CHUNK_PAUSE_MS = 15;
const MAX_SESSIONS = 1000;
const HELP = 'I can look up the Okta groups of a user, find a user, reset a password, unlock an account, end sessions, add somebody to a group or remove somebody from one, and ask for a proof that somebody is present. What would you like me to do?';

export class ValidationError extends Error { constructor(message) { super(message); this.validation = true; } }

/** Text in several chunks with small pauses, as a model streams it. */
export function* stream(text) {
  const pieces = text.match(/(?:\S+\s*){1,4}/gu) ?? [text];
  for (const piece of pieces) {
    yield piece;
    yield { pause: CHUNK_PAUSE_MS };
  }
}

export class RuleAgent {
  constructor({ form }) { this.form = form; this.sessions = new Map(); }

  session(id) {
    let s = this.sessions.get(id);
    if (!s) {
      if (this.sessions.size >= MAX_SESSIONS) this.sessions.delete(this.sessions.keys().next().value);
      s = { open: null, waiting: [], queue: [], lastTarget: undefined, turns: 0 };
      this.sessions.set(id, s);
    }
    return s;
  }

  * run(turn) {
    const s = this.session(turn.sessionId);
    if (turn.endSession) { this.sessions.delete(turn.sessionId); yield 'The session has ended.'; return; }
    if (turn.results) yield* this.answerResults(s, turn);
    else yield* this.answerText(s, turn);
  }

  * answerText(s, turn) {
    s.open = null;                                                   // an unanswered proposal is given up
    s.queue = [];
    s.turns++;
    const text = turn.inputText;
    const command = /^tenant: (\w+) ?(.*)$/s.exec(text);
    if (command) { yield* this.command(s, command[1], command[2]); return; }
    const attributes = turn.sessionState.sessionAttributes ?? {};
    const memory = { lastTarget: s.lastTarget, self: attributes.logged_in_user, selfId: attributes.user_id };
    const fresh = understand(text, memory);
    let proposals = fresh;
    if (s.waiting.length && !(fresh.length && fresh.every((p) => !missing(p)))) {
      const need = missing(s.waiting[0]);
      // "the Helpdesk group" reads like a question about groups, yet it answers one
      const another = fresh.length && fresh[0].intent !== s.waiting[0].intent && !(need === 'group_name' && fresh[0].intent.name === 'get_user_groups');
      const value = another ? undefined : valueFromAnswer(need, text);
      if (value !== undefined) {
        for (const p of s.waiting) if (p.params[need] === undefined) p.params[need] = value;
        proposals = s.waiting;
      } else if (!fresh.length) proposals = s.waiting;               // not an answer: ask again
    }
    s.waiting = [];
    if (!proposals.length) { yield* stream(/^\s*(hi|hello|hey|good (morning|day|evening))\b/i.test(text) ? `Hello! ${HELP}` : HELP); return; }
    const incomplete = proposals.find(missing);
    if (incomplete) {
      s.waiting = [incomplete, ...proposals.filter((p) => p !== incomplete)];
      yield* stream(incomplete.intent.ask[missing(incomplete)]);
      return;
    }
    s.lastTarget = proposals.at(-1).params[proposals.at(-1).intent.needs[0]];
    yield* this.propose(s, proposals.map(({ intent, params }) => ({ group: intent.group, name: intent.name, params })));
  }

  * propose(s, calls) {
    const now = calls.slice(0, MAX_INPUTS);
    s.queue = calls.slice(MAX_INPUTS);
    s.open = { invocationId: crypto.randomUUID(), calls: now };
    yield { returnControl: { invocationId: s.open.invocationId, invocationInputs: now.map((c) => c.raw ?? this.input(c)) } };
  }

  input({ group, name, params }) {
    const list = Object.entries(params).map(([key, value]) => ({ name: key, type: 'string', value }));
    if (this.form === 'function') return { functionInvocationInput: { actionGroup: group, function: name, parameters: list, actionInvocationType: 'RESULT' } };
    const get = group === 'OktaOperations';
    return {
      apiInvocationInput: {
        actionGroup: group, apiPath: `/${name}`, httpMethod: get ? 'GET' : 'POST', parameters: get ? list : [],
        ...(get ? {} : { requestBody: { content: { 'application/json': { properties: list } } } }), actionInvocationType: 'RESULT',
      },
    };
  }

  * answerResults(s, turn) {
    const { open } = s;
    if (!open || turn.sessionState.invocationId !== open.invocationId) throw new ValidationError('The invocationId in the request does not match the invocation that is waiting for results.');
    const results = turn.results.map(readResult);
    if (results.includes(null)) throw new ValidationError('A member of returnControlInvocationResults is neither a functionResult nor an apiResult.');
    const left = [...results];
    const pairs = open.calls.map((call) => {
      const wanted = this.identity(call);
      const i = left.findIndex((r) => r.identity === wanted);
      return { call, result: i < 0 ? null : left.splice(i, 1)[0] };
    });
    if (left.length || pairs.some((p) => !p.result)) throw new ValidationError('The number or the identity of returnControlInvocationResults does not match the invocation inputs.');
    s.open = null;
    const words = pairs.map(({ call, result }) => wordResult(call, result)).join('\n');
    yield* stream(words);
    if (s.queue.length) { yield '\n'; yield* this.propose(s, s.queue); }
  }

  identity(call) {
    const input = call.raw ?? this.input(call);
    const f = input.functionInvocationInput;
    const a = input.apiInvocationInput;
    return f ? `f ${f.actionGroup} ${f.function}` : `a ${a?.actionGroup} ${a?.apiPath} ${String(a?.httpMethod).toUpperCase()}`;
  }

  /** Sentences for tests: "tenant: say TEXT", "tenant: call JSON", "tenant: exception NAME", "tenant: error", ... */
  * command(s, name, rest) {
    switch (name) {
      case 'say': yield* stream(rest); return;
      case 'attribution': yield { chunk: rest || 'As the handbook says.', attribution: { citations: [{ generatedResponsePart: { textResponsePart: { text: rest, span: { start: 0, end: rest.length } } }, retrievedReferences: [{ content: { text: 'handbook' }, location: { type: 'S3', s3Location: { uri: 's3://handbook/1' } } }] }] } }; return;
      case 'exception': yield 'Let me see. '; yield { exception: rest || 'throttlingException' }; return;
      case 'error': yield 'Let me see. '; yield { error: rest || 'InternalError' }; return;
      case 'event': yield { event: rest || 'somethingNew', body: { later: true } }; yield* stream('An event nobody knows came before this.'); return;
      case 'cut': yield 'Half a sen'; yield { cut: true }; return;
      case 'stall': yield 'Wait'; yield { pause: Number(rest) || 60000 }; yield ' over.'; return;
      case 'flood': for (let i = 0; i < (Number(rest) || 1000); i++) yield { chunk: 'x'.repeat(1024) }; return;
      case 'call': {
        // a list of {"group","name","params"} or of whole invocation inputs
        let list;
        try { list = JSON.parse(rest); } catch { yield 'That is not JSON.'; return; }
        const calls = [list].flat().map((c) => (c.functionInvocationInput || c.apiInvocationInput ? { raw: c } : { params: {}, group: intentOf(c.name)?.group, ...c }));
        yield* this.propose(s, calls);
        return;
      }
      default: yield* stream(HELP);
    }
  }
}

function readResult(r) {
  const f = r?.functionResult;
  const a = r?.apiResult;
  const text = (body) => Object.values(body ?? {})[0]?.body ?? '';
  if (f) return { identity: `f ${f.actionGroup} ${f.function}`, failed: f.responseState === 'FAILURE', reprompt: f.responseState === 'REPROMPT' || f.confirmationState === 'DENY', text: text(f.responseBody) };
  if (a) return { identity: `a ${a.actionGroup} ${a.apiPath} ${String(a.httpMethod).toUpperCase()}`, failed: a.responseState === 'FAILURE' || (a.httpStatusCode ?? 200) >= 400, reprompt: a.responseState === 'REPROMPT', text: text(a.responseBody) };
  return null;
}

/** One result in words. What the action said is quoted, never believed or obeyed. */
function wordResult(call, result) {
  const params = call.params ?? {};
  const intent = intentOf(call.name);
  const what = (intent?.what ?? `call ${call.name ?? 'it'}`).replace(/\{(\w+)\}/g, (_, key) => params[key] ?? 'them');
  let text = String(result.text).trim();
  let data;
  try { data = JSON.parse(text); } catch { data = undefined; }
  if (typeof data === 'string') text = data;
  if (data && typeof data === 'object') text = String(data.message ?? data.error ?? data.text ?? text);
  if (result.failed) return `I could not ${what}: it was refused. It says: "${text}"`;
  if (result.reprompt) return `I need to know more to ${what}. It says: "${text}"`;
  const groups = Array.isArray(data) ? data : data?.groups;
  if (call.name === 'get_user_groups' && Array.isArray(groups)) {
    const names = groups.map((g) => (typeof g === 'string' ? g : g?.name ?? g?.profile?.name)).filter(Boolean);
    return `${params.user_email} is in ${names.length} ${names.length === 1 ? 'group' : 'groups'}: ${names.join(', ')}.`;
  }
  return `Done: ${what}. ${text}`.trim();
}
