// Tickets as a program that holds the ticket ring could mint them: a chat that was
// taken over, for the tests of what the action programs accept.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export function mint(stack, { iss, sub, session, turn = 'turn-of-a-test', agent = 'WORKSHOP01', group, now = Date.now(), lifetime = 120_000, key }) {
  const ring = JSON.parse(fs.readFileSync(path.join(stack.dir, 'keys/ticket.ring'), 'utf8'));
  const own = ring.keys[0];
  const fields = { agent, expires_at: now + lifetime, group, iss, issued_at: now, key: parseInt(own.id, 16), session, sub, turn };
  const json = JSON.stringify(Object.fromEntries(Object.keys(fields).sort().map((k) => [k, fields[k]])));
  const secret = key ?? Buffer.from(own.key, 'base64url');
  const mac = crypto.createHmac('sha256', secret).update(`countersign ticket v1\n${json}`).digest('base64url');
  return `${Buffer.from(json).toString('base64url')}.${mac}`;
}

export const sessionId = (cookie) => crypto.createHash('sha256').update(cookie).digest('hex');

export function lambdaEvent({ group, name, parameters, ticket, call_id, form = 'function', more = {} }) {
  const list = Object.entries(parameters ?? {}).map(([n, value]) => ({ name: n, type: 'string', value }));
  return {
    messageVersion: '1.0',
    agent: { name: 'countersign', id: 'WORKSHOP01', alias: 'TSTALIASID', version: '1' },
    inputText: 'a sentence',
    sessionId: 'session-of-the-agent',
    actionGroup: group,
    ...(form === 'function' ? { function: name, parameters: list } : {
      apiPath: `/${name}`, httpMethod: 'POST', parameters: [], requestBody: { content: { 'application/json': { properties: list } } },
    }),
    sessionAttributes: { ...(ticket === undefined ? {} : { ticket }), ...(call_id === undefined ? {} : { call_id }) },
    promptSessionAttributes: {},
    ...more,
  };
}
