// What a person does, in words: ask, watch, approve on the phone, look at Okta.
import { send } from './http.mjs';

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Ask `probe` again until it gives something true; the last answer is in the error.
export async function until(what, probe, limit = 15_000, pause = 100) {
  const end = Date.now() + limit;
  let last;
  for (;;) {
    last = await probe();
    if (last) return last;
    if (Date.now() > end) throw new Error(`did not happen in ${limit} ms: ${what}`);
    await sleep(pause);
  }
}

export function frames(text) {
  return text.split('\n\n').map((block) => {
    const event = {};
    for (const line of block.split('\n')) {
      const at = line.indexOf(': ');
      if (at > 0) event[line.slice(0, at)] = line.slice(at + 2);
    }
    return event;
  }).filter((e) => e.event).map((e) => ({ id: Number(e.id), event: e.event, data: JSON.parse(e.data) }));
}

export class Person {
  constructor(browser) { this.browser = browser; }

  // POST without a stream: the turn goes on by itself.
  async ask(message, conversation) {
    const answer = await this.browser.post('/api/chat', { message, ...(conversation ? { conversation } : {}) });
    if (answer.status !== 202) throw new Error(`chat answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    return answer.json();
  }

  async events(turn, after) {
    const answer = await this.browser.request(`/api/turns/${turn}/events`, {
      headers: { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': String(after) }) },
    });
    if (answer.status !== 200) throw new Error(`events answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    return frames(answer.text);
  }

  async turnState(turn) {
    const { conversations } = (await this.browser.request('/api/conversations')).json();
    return conversations.flatMap((c) => c.turns).find((t) => t.id === turn)?.state;
  }

  // Until the turn is over; all of its events.
  async finished(turn, limit = 30_000) {
    await until(`turn ${turn} ends`, async () => (await this.turnState(turn)) !== 'running', limit, 200);
    return this.events(turn);
  }

  async text(turn, limit) {
    return (await this.finished(turn, limit)).filter((e) => e.event === 'text').map((e) => e.data.delta).join('');
  }

  async approvals() { return (await this.browser.request('/api/approvals')).json().approvals; }
  async approval(id) { return (await this.browser.request(`/api/approvals/${id}`)).json(); }
  async acts() { return (await this.browser.request('/api/actions')).json().actions; }

  // The open approval of this person in one of the given states.
  openApproval(states = ['waiting'], limit = 15_000) {
    return until(`an approval is ${states}`, async () => (await this.approvals()).find((a) => states.includes(a.state)), limit);
  }
}

export class Tenant {
  constructor(url) { this.url = url; }

  async json(path, method = 'GET', body) {
    const answer = await send(this.url + path, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status >= 400) throw new Error(`tenant ${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return answer.text ? JSON.parse(answer.text) : null;
  }

  reset() { return this.json('/tenant/reset', 'POST', {}); }
  fault(fault) { return this.json('/tenant/faults', 'POST', fault); }
  settings(settings) { return this.json('/tenant/settings', 'POST', settings); }
  requests(party) { return this.json(`/tenant/requests?party=${party}`); }
  user(login) { return this.json(`/okta/users/${encodeURIComponent(login)}`); }
  async resets(login) { return (await this.user(login)).password_resets; }
  tuples(store) { return this.json(`/fga/tuples${store ? `?store=${store}` : ''}`); }
  grant(tuple, store) { return this.json(`/fga/tuples${store ? `?store=${store}` : ''}`, 'POST', tuple); }
  revoke(tuple, store) { return this.json(`/fga/tuples${store ? `?store=${store}` : ''}`, 'DELETE', tuple); }
  async pending() { return (await this.json('/phone/requests')).filter((r) => r.status === 'pending'); }
  phone(limit = 15_000) {
    return until('the phone rings', async () => (await this.pending())[0], limit);
  }
  approve(id) { return this.json(`/phone/requests/${id}/approve`, 'POST', {}); }
  deny(id) { return this.json(`/phone/requests/${id}/deny`, 'POST', {}); }
}

export const ALICE_TUPLE = { user: 'user:alice@example.test', relation: 'read_okta', object: 'okta:groups' };
