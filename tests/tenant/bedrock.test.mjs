// Bedrock's stand-in driven by AWS's own client: signature, streams, return of control, the rule-driven agent.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { NAMES } from '../../tenant/hostile.mjs';
import { require, startTenant } from './support.mjs';

const { BedrockAgentRuntimeClient, InvokeAgentCommand } = require('@aws-sdk/client-bedrock-agent-runtime');
const { NodeHttpHandler } = require('@smithy/node-http-handler');

let t;
let aws;
const client = (credentials = { accessKeyId: 'AKIDTENANT', secretAccessKey: 'tenant-secret' }, region = 'us-east-1') => new BedrockAgentRuntimeClient({ region, endpoint: t.origin, credentials, requestHandler: new NodeHttpHandler(), maxAttempts: 1 });
before(async () => { t = await startTenant(4); aws = client(); });
after(async () => { aws.destroy(); await t.stop(); });
beforeEach(async () => { await t.post('/tenant/reset'); });

let serial = 0;
async function invoke({ text, session = `s-${++serial}`, agentId = 'WORKSHOP01', state, trace = false, via = aws }) {
  const answer = await via.send(new InvokeAgentCommand({ agentId, agentAliasId: 'TSTALIASID', sessionId: session, inputText: text, enableTrace: trace, sessionState: state }));
  const out = { text: '', chunks: 0, traces: 0, session };
  for await (const e of answer.completion) {
    if (e.chunk) { out.text += new TextDecoder().decode(e.chunk.bytes); out.chunks++; out.attribution ??= e.chunk.attribution; }
    if (e.trace) out.traces++;
    if (e.returnControl) out.control = e.returnControl;
  }
  out.calls = (out.control?.invocationInputs ?? []).map((i) => {
    const f = i.functionInvocationInput;
    return f && [f.actionGroup, f.function, Object.fromEntries(f.parameters.map((p) => [p.name, p.value]))];
  });
  return out;
}
const answer = (control, bodies, more = {}) => ({
  invocationId: control.invocationId,
  returnControlInvocationResults: control.invocationInputs.map((i, n) => ({ functionResult: { actionGroup: i.functionInvocationInput.actionGroup, function: i.functionInvocationInput.function, responseBody: { TEXT: { body: bodies[n] } }, ...more } })),
});

const OKTA = 'OktaOperations';
const CIBA = 'CIBAAuthentication';
const bob = { user_email: 'bob@example.test' };
const SENTENCES = [
  ["What are the Okta groups for user 'bob@example.test'", [[OKTA, 'get_user_groups', bob]]],
  ['What are the Okta groups for user bob@example.test?', [[OKTA, 'get_user_groups', bob]]],
  ['Which groups is bob@example.test in?', [[OKTA, 'get_user_groups', bob]]],
  ['list the group memberships of bob@example.test', [[OKTA, 'get_user_groups', bob]]],
  ["show me bob@example.test's groups", [[OKTA, 'get_user_groups', bob]]],
  ["Reset password for user 'bob@example.test'", [[CIBA, 'reset_password', bob]]],
  ['Please reset the password of bob@example.test.', [[CIBA, 'reset_password', bob]]],
  ['bob@example.test forgot his password', [[CIBA, 'reset_password', bob]]],
  ['I need a password reset for bob@example.test', [[CIBA, 'reset_password', bob]]],
  ['reset bob@example.test', [[CIBA, 'reset_password', bob]]],
  ['Could you send bob@example.test a new password?', [[CIBA, 'reset_password', bob]]],
  ['Find user bob@example.test', [[OKTA, 'find_user', bob]]],
  ['who is bob@example.test?', [[OKTA, 'find_user', bob]]],
  ['look up bob@example.test', [[OKTA, 'find_user', bob]]],
  ['Unlock bob@example.test', [[CIBA, 'unlock_user', bob]]],
  ['bob@example.test is locked out', [[CIBA, 'unlock_user', bob]]],
  ['Revoke all sessions of bob@example.test', [[CIBA, 'revoke_sessions', bob]]],
  ['Sign bob@example.test out everywhere', [[CIBA, 'revoke_sessions', bob]]],
  ['Add bob@example.test to group Helpdesk', [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }]]],
  ['please add bob@example.test to the Helpdesk group', [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }]]],
  ["Put bob@example.test into the group 'Research and Development'", [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Research and Development' }]]],
  ['Remove bob@example.test from TestGroup', [[CIBA, 'remove_user_from_group', { ...bob, group_name: 'TestGroup' }]]],
  ['Take bob@example.test out of the group Engineering', [[CIBA, 'remove_user_from_group', { ...bob, group_name: 'Engineering' }]]],
  ['Authenticate user bob@example.test', [[CIBA, 'authenticate_user', { user_id: 'bob@example.test' }]]],
  // two in one sentence
  ['What are the groups of bob@example.test and reset his password', [[OKTA, 'get_user_groups', bob], [CIBA, 'reset_password', bob]]],
  ['Reset the passwords of bob@example.test and carol@example.test', [[CIBA, 'reset_password', bob], [CIBA, 'reset_password', { user_email: 'carol@example.test' }]]],
  ['Reset the password and show the groups of bob@example.test', [[CIBA, 'reset_password', bob], [OKTA, 'get_user_groups', bob]]],
  ['Add bob@example.test to Helpdesk and remove him from Engineering.', [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }], [CIBA, 'remove_user_from_group', { ...bob, group_name: 'Engineering' }]]],
  ['Add bob@example.test to Helpdesk and Engineering', [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }], [CIBA, 'add_user_to_group', { ...bob, group_name: 'Engineering' }]]],
  // what a model passes on without knowing better (row 61)
  ['Reset password for user bob', [[CIBA, 'reset_password', { user_email: 'bob' }]]],
  ["Reset password for user 'me'", [[CIBA, 'reset_password', { user_email: 'me' }]]],
  ["Reset password for user 'a\" or status pr'", [[CIBA, 'reset_password', { user_email: 'a" or status pr' }]]],
  ['Reset password for user b\u043eb@example.test', [[CIBA, 'reset_password', { user_email: 'b\u043eb@example.test' }]]],
];
for (const [sentence, calls] of SENTENCES) {
  test(`understands: ${sentence}`, async () => { assert.deepEqual((await invoke({ text: sentence })).calls, calls); });
}

test('asks back for what is missing and understands the answer in the next turn', async () => {
  for (const [sentence, question, reply, calls] of [
    ['Reset a password please', 'Whose password should I reset?', "bob@example.test's", [[CIBA, 'reset_password', bob]]],
    ['Which groups?', 'Whose groups should I look up?', 'for bob@example.test please', [[OKTA, 'get_user_groups', bob]]],
    ['Add bob@example.test to a group', 'Which group should I add them to?', 'The Helpdesk group.', [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }]]],
    ['unlock the account', 'Whose account should I unlock?', 'bob@example.test', [[CIBA, 'unlock_user', bob]]],
  ]) {
    const first = await invoke({ text: sentence });
    assert.deepEqual([first.text, first.calls], [question, []]);
    assert.deepEqual((await invoke({ text: reply, session: first.session })).calls, calls);
    assert.equal((await invoke({ text: reply })).calls.filter((c) => c[1] === calls[0][1] && calls[0][0] === CIBA).length, 0, 'another session knows nothing of it');
  }
});

test('both things missing are asked for in turn; another request instead of an answer is followed', async () => {
  const one = await invoke({ text: 'Add somebody to a group' });
  assert.equal(one.text, 'Whom should I add to the group?');
  const two = await invoke({ text: 'bob@example.test', session: one.session });
  assert.equal(two.text, 'Which group should I add them to?');
  assert.deepEqual((await invoke({ text: 'Helpdesk', session: one.session })).calls, [[CIBA, 'add_user_to_group', { ...bob, group_name: 'Helpdesk' }]]);
  const asked = await invoke({ text: 'Reset a password' });
  assert.deepEqual((await invoke({ text: 'Find user carol@example.test', session: asked.session })).calls, [[OKTA, 'find_user', { user_email: 'carol@example.test' }]]);
});

test('remembers the last person of the session', async () => {
  const one = await invoke({ text: 'Find user bob@example.test' });
  assert.deepEqual((await invoke({ text: 'Reset his password', session: one.session })).calls, [[CIBA, 'reset_password', bob]]);
});

test('words its answer from the results, quotes a refusal, streams in several chunks', async () => {
  const one = await invoke({ text: 'What are the groups of bob@example.test and reset his password', trace: true });
  assert.ok(one.traces > 0);
  const state = answer(one.control, ['{"groups":["Everyone","TestGroup"]}', 'Not allowed.']);
  state.returnControlInvocationResults[1].functionResult.responseState = 'FAILURE';
  const two = await invoke({ session: one.session, state });
  assert.equal(two.text, 'bob@example.test is in 2 groups: Everyone, TestGroup.\nI could not reset the password of bob@example.test: it was refused. It says: "Not allowed."');
  assert.ok(two.chunks > 2);
});

test('results must carry the right invocation id and answer every input', async () => {
  const one = await invoke({ text: 'Reset the passwords of bob@example.test and carol@example.test' });
  const good = answer(one.control, ['ok', 'ok']);
  const refused = (state) => assert.rejects(invoke({ session: one.session, state }), (e) => e.name === 'ValidationException');
  await refused({ ...good, invocationId: 'other' });
  await refused({ ...good, returnControlInvocationResults: good.returnControlInvocationResults.slice(1) });
  await refused({ ...good, returnControlInvocationResults: [...good.returnControlInvocationResults, good.returnControlInvocationResults[0]] });
  await refused({ ...good, returnControlInvocationResults: good.returnControlInvocationResults.map(({ functionResult: f }) => ({ functionResult: { ...f, function: 'other' } })) });
  assert.match((await invoke({ session: one.session, state: good })).text, /Done: reset the password of bob@example.test/);
  await refused(good);
});

test('more than five proposals come in steps of five', async () => {
  const people = Array.from({ length: 7 }, (_, i) => `u${i}@example.test`);
  const one = await invoke({ text: `Find ${people.join(' and ')}` });
  assert.equal(one.calls.length, 5);
  const two = await invoke({ session: one.session, state: answer(one.control, Array(5).fill('ok')) });
  assert.equal(two.calls.length, 2);
});

test('the OpenAPI form: parameters for a read, a request body for a change', async () => {
  const read = await invoke({ text: 'groups of bob@example.test', agentId: 'APIAGENT01' });
  const r = read.control.invocationInputs[0].apiInvocationInput;
  assert.deepEqual([r.actionGroup, r.apiPath, r.httpMethod, r.parameters[0].value], [OKTA, '/get_user_groups', 'GET', 'bob@example.test']);
  const change = await invoke({ text: 'reset the password of bob@example.test', agentId: 'APIAGENT01' });
  const c = change.control.invocationInputs[0].apiInvocationInput;
  assert.deepEqual([c.httpMethod, c.requestBody.content['application/json'].properties[0]], ['POST', { name: 'user_email', type: 'string', value: 'bob@example.test' }]);
  const done = await invoke({ agentId: 'APIAGENT01', session: change.session, state: { invocationId: change.control.invocationId, returnControlInvocationResults: [{ apiResult: { actionGroup: CIBA, apiPath: '/reset_password', httpMethod: 'post', httpStatusCode: 403, responseBody: { 'application/json': { body: '{"message":"No."}' } } } }] } });
  assert.equal(done.text, 'I could not reset the password of bob@example.test: it was refused. It says: "No."');
});

test('commands: any call, attribution, exceptions in the stream and before it', async () => {
  const call = await invoke({ text: 'tenant: call [{"name":"reset_password","params":{"user_email":"bob@example.test","approved":"true"}},{"group":"X","name":"y"}]' });
  assert.deepEqual(call.calls, [[CIBA, 'reset_password', { ...bob, approved: 'true' }], ['X', 'y', {}]]);
  assert.ok((await invoke({ text: 'tenant: attribution As the handbook says.' })).attribution.citations.length);
  await assert.rejects(invoke({ text: 'tenant: exception throttlingException' }), (e) => e.name === 'ThrottlingException');
  await assert.rejects(invoke({ text: 'tenant: http 429 ThrottlingException' }), (e) => e.name === 'ThrottlingException');
  await assert.rejects(invoke({ text: 'tenant: error InternalError' }));
  assert.match((await invoke({ text: 'tenant: event' })).text, /nobody knows/);
  assert.equal((await invoke({ text: 'tenant: flood 200' })).text.length, 200 * 1024);
});

test('a wrong signature, key, region or agent is refused', async () => {
  const text = 'hello';
  await assert.rejects(invoke({ text, via: client({ accessKeyId: 'AKIDTENANT', secretAccessKey: 'wrong' }) }), (e) => e.$metadata.httpStatusCode === 403 && /signature/.test(e.message));
  await assert.rejects(invoke({ text, via: client({ accessKeyId: 'AKIDOTHER', secretAccessKey: 'x' }) }), (e) => e.name === 'UnrecognizedClientException');
  await assert.rejects(invoke({ text, via: client(undefined, 'eu-west-1') }), (e) => e.$metadata.httpStatusCode === 403);
  await assert.rejects(invoke({ text, agentId: 'NOAGENT' }), (e) => e.name === 'ResourceNotFoundException');
  const temporary = { accessKeyId: 'ASIATENANT', secretAccessKey: 'tenant-secret2', sessionToken: 'tenant-session-token' };
  assert.match((await invoke({ text, via: client(temporary) })).text, /^Hello!/);
  await assert.rejects(invoke({ text, via: client({ ...temporary, sessionToken: 'x' }) }), (e) => e.name === 'UnrecognizedClientException');
  assert.equal((await t.post('/agents/WORKSHOP01/agentAliases/TSTALIASID/sessions/s1/text', { inputText: 'x' })).status, 403);
});

test('a session id with a colon is signed as AWS signs it', async () => { assert.match((await invoke({ text: 'hello', session: 'a:b.c_d-e' })).text, /^Hello!/); });

test('the hostile model: the same seed attacks the same way, and every behaviour runs', async () => {
  const run = async (seed) => {
    const session = `h-${++serial}`;
    try { const r = await invoke({ text: `hostile ${seed}`, agentId: 'HOSTILE001', session }); return JSON.stringify([r.text.slice(0, 2000), r.control]); } catch (e) { return `${e.name}`; }
  };
  const kinds = new Set();
  for (let seed = 0; seed < NAMES.length; seed++) {
    const [a, b] = [await run(seed), await run(seed)];
    assert.equal(a, b, NAMES[seed]);
    kinds.add(a);
  }
  assert.ok(kinds.size > NAMES.length * 0.7, `${kinds.size} of ${NAMES.length} differ`);
  assert.equal(t.stderr(), '');
});

test('a sentence without a seed is answered honestly by the hostile model too', async () => {
  const one = await invoke({ text: 'What are the Okta groups for user bob@example.test?', agentId: 'HOSTILE001' });
  assert.deepEqual(one.calls, [[OKTA, 'get_user_groups', bob]]);
  assert.match((await invoke({ agentId: 'HOSTILE001', session: one.session, state: answer(one.control, ['Everyone, TestGroup']) })).text, /TestGroup/);
});

test('faults reach Bedrock too: a truncated stream, a refusal', async () => {
  await t.post('/tenant/faults', { party: 'bedrock', kind: 'truncate' });
  await assert.rejects(invoke({ text: 'hello' }));
  await t.post('/tenant/faults', { party: 'bedrock', kind: 'status', status: 503, headers: { 'x-amzn-errortype': 'ServiceUnavailableException' }, body: { message: 'no' } });
  await assert.rejects(invoke({ text: 'hello' }), (e) => e.$metadata.httpStatusCode === 503);
  const log = (await t.get('/tenant/requests?party=bedrock')).json;
  assert.ok(log.some((e) => e.body.inputText === 'hello'));
  assert.ok(!JSON.stringify(log).includes('Signature='));
});
