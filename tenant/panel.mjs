// The control panel: the phone, FGA's tuples, Okta's users. Pages for people, JSON for programs, the same routes.
import { STORES } from './fga.mjs';
import { FgaError } from './fga-eval.mjs';
import { escapeHtml as e, notFound } from './http.mjs';
import { htmlReply, page } from './pages.mjs';

/** A page when the browser asks, JSON otherwise; after a form, back to the page. */
function either(ctx, data, html) { return ctx.wantsHtml() ? htmlReply(html()) : { body: data }; }
const isForm = (ctx) => ctx.type === 'application/x-www-form-urlencoded';
const back = (to) => ({ status: 303, headers: { location: to } });

/** A page elsewhere may not press our buttons: a foreign Origin is refused. */
function foreign(ctx, world) {
  const { origin } = ctx.headers;
  return ctx.method !== 'GET' && origin !== undefined && origin !== world.origin && origin !== world.origin.replace('127.0.0.1', 'localhost');
}

export async function panel(world, ctx) {
  if (foreign(ctx, world)) return { status: 403, body: { error: 'foreign origin' } };
  const { path, method } = ctx;
  if (path === '/' && method === 'GET') return either(ctx, { issuer: `${world.origin}/`, panel: ['/phone', '/fga', '/okta'] }, () => indexPage(world));
  const phone = /^\/phone(?:\/requests(?:\/([0-9a-f]+)(?:\/(approve|deny|polls))?)?)?$/.exec(path);
  if (phone) return phoneRoute(world, ctx, phone[1], phone[2]);
  if (path === '/fga' || path === '/fga/tuples') return fgaRoute(world, ctx);
  if (path === '/okta' || path === '/okta/users') return method === 'GET' ? either(ctx, users(world), () => oktaPage(world)) : notFound();
  const user = /^\/okta\/users\/([^/]+)$/.exec(path);
  if (user && method === 'GET') {
    const login = decodeURIComponent(user[1]);
    const { directory } = world.okta;
    const found = [...directory.users.values()].find((u) => u.login === login || u.id === login);
    return found ? { body: directory.summary(found) } : { status: 404, body: { error: 'no such user' } };
  }
  return notFound();
}

const users = (world) => [...world.okta.directory.users.values()].map((u) => world.okta.directory.summary(u));

function indexPage(world) {
  const cards = [['/phone', 'Phone', 'Approve or deny what an agent asks for'], ['/fga', 'FGA', 'Who may do what: the tuples'], ['/okta', 'Okta', 'Users, groups, resets done']];
  return page('Tenant', `<h1>The outside world</h1>
<p class="quiet">Stand-ins for Auth0, Okta, FGA and Bedrock. Development only; everything is forgotten at the end.</p>
<div class="cards">${cards.map(([href, name, what]) => `<a class="card" href="${href}"><h2>${name}</h2><p>${what}</p></a>`).join('')}</div>
<p class="quiet small">Issuer <code>${e(world.origin)}/</code></p>`);
}

// --- the phone -------------------------------------------------------------------------------

async function phoneRoute(world, ctx, id, verb) {
  const { ciba } = world;
  if (ctx.method === 'GET' && verb === 'polls') {
    const r = ciba.requests.get(id);
    return r ? { body: r.polls } : { status: 404, body: { error: 'no such request' } };
  }
  if (ctx.method === 'GET' && !verb) {
    if (id) return ciba.requests.has(id) ? { body: ciba.view(ciba.requests.get(id)) } : { status: 404, body: { error: 'no such request' } };
    return either(ctx, ciba.list(ctx.query.get('all') === '1'), () => phonePage(world));
  }
  if (ctx.method === 'POST' && (verb === 'approve' || verb === 'deny')) {
    const refusal = await ciba.decide(id, verb, world.oidc.provider);
    if (isForm(ctx) && ctx.wantsHtml()) return back('/phone');
    return refusal ?? { body: ciba.view(ciba.requests.get(id)) };
  }
  return notFound();
}

function phonePage(world) {
  const all = world.ciba.list(true).reverse();
  const pending = all.filter((r) => r.status === 'pending');
  const past = all.filter((r) => r.status !== 'pending').slice(0, 10);
  const left = (r) => Math.max(0, Math.round((Date.parse(r.expires_at) - Date.now()) / 1000));
  const button = (r, verb, label, style) => `<form method="post" action="/phone/requests/${r.id}/${verb}"><button class="${style}" data-verb="${verb}">${label}</button></form>`;
  const one = (r) => `<article class="card request" data-id="${r.id}">
<p class="quiet">For <strong>${e(r.user)}</strong></p>
<p class="message">${e(r.binding_message)}</p>
${details(r)}
<p class="quiet small">Approve only if this code and account are on your own screen. <span class="left">${left(r)} s left</span></p>
<div class="buttons">${button(r, 'approve', 'Approve', 'yes')}${button(r, 'deny', 'Deny', 'no')}</div>
</article>`;
  return page('Phone', `<h1>Phone</h1>
<div id="live" data-refresh="/phone">
${pending.map(one).join('') || '<p class="card quiet" id="nothing">Nothing to approve.</p>'}
${past.length ? `<h2>Before</h2><ul class="past">${past.map((r) => `<li><span class="badge ${r.status}">${r.status}</span> <code>${e(r.binding_message)}</code> <span class="quiet">${e(r.user)}</span></li>`).join('')}</ul>` : ''}
</div>`);
}

/** What Guardian shows of authorization_details: exactly one object of the documented shape. */
function details(r) {
  if (r.authorization_details?.length !== 1) return '';
  const rows = Object.values(r.authorization_details[0].properties ?? {}).filter((p) => p?.display);
  return rows.length ? `<dl>${rows.sort((a, b) => (a.display_order ?? 0) - (b.display_order ?? 0)).map((p) => `<dt>${e(p.name)}</dt><dd>${e(p.value)}</dd>`).join('')}</dl>` : '';
}

// --- FGA -------------------------------------------------------------------------------------

function fgaRoute(world, ctx) {
  const fields = ctx.method === 'GET' ? {} : ctx.fields();
  const name = fields.store ?? ctx.query.get('store') ?? 'workshop';
  const store = world.fga.byName(name);
  if (!store) return { status: 404, body: { error: `store must be one of ${Object.keys(STORES).join(' ')}` } };
  const plain = () => store.tuples.map(({ user, relation, object, condition }) => ({ user, relation, object, ...(condition ? { condition } : {}) }));
  if (ctx.method === 'GET') return either(ctx, plain(), () => fgaPage(name, store, ctx.query.get('error')));
  const drop = ctx.method === 'DELETE' || fields.action === 'delete';
  if (ctx.method !== 'POST' && !drop) return notFound();
  const key = { user: String(fields.user ?? '').trim(), relation: String(fields.relation ?? '').trim(), object: String(fields.object ?? '').trim(), ...(fields.condition ? { condition: fields.condition } : {}) };
  const list = { tuple_keys: [key], on_duplicate: 'ignore', on_missing: 'ignore' };
  let error;
  try { store.write(drop ? { deletes: list } : { writes: list }); } catch (x) {
    if (!(x instanceof FgaError)) throw x;
    error = x.message;
  }
  if (isForm(ctx) && ctx.wantsHtml()) return back(`/fga?store=${name}${error ? `&error=${encodeURIComponent(error)}` : ''}`);
  return error ? { status: 400, body: { error } } : { body: plain() };
}

function fgaPage(name, store, error) {
  const other = name === 'workshop' ? 'rich' : 'workshop';
  const row = (x) => `<tr><td>${e(x.user)}</td><td>${e(x.relation)}</td><td>${e(x.object)}${x.condition ? ` <span class="quiet">with ${e(x.condition.name)}</span>` : ''}</td><td>
<form method="post" action="/fga/tuples"><input type="hidden" name="action" value="delete"><input type="hidden" name="store" value="${name}"><input type="hidden" name="user" value="${e(x.user)}"><input type="hidden" name="relation" value="${e(x.relation)}"><input type="hidden" name="object" value="${e(x.object)}"><button class="no small" aria-label="Delete ${e(x.user)} ${e(x.relation)} ${e(x.object)}">Delete</button></form></td></tr>`;
  const field = (n, hint) => `<div><label for="${n}">${n}</label><input id="${n}" name="${n}" placeholder="${hint}" required></div>`;
  return page('FGA', `<h1>Tuples</h1>
<p class="quiet">Store <strong>${name}</strong> <code>${store.id}</code> (<a href="/fga?store=${other}">show ${other}</a>)</p>
${error ? `<p class="error" role="alert">${e(error)}</p>` : ''}
<form class="card add" method="post" action="/fga/tuples"><input type="hidden" name="store" value="${name}">
${field('user', 'user:bob@example.test')}${field('relation', 'read_okta')}${field('object', 'okta:groups')}<button class="yes">Add</button></form>
<div class="scroll"><table><thead><tr><th>user</th><th>relation</th><th>object</th><th></th></tr></thead><tbody>${store.tuples.map(row).join('') || '<tr><td colspan="4" class="quiet">No tuples: nobody may do anything.</td></tr>'}</tbody></table></div>`);
}

// --- Okta ------------------------------------------------------------------------------------

function oktaPage(world) {
  const row = (u) => `<tr><td>${e(u.login)}<br><code class="small quiet">${e(u.id)}</code></td><td><span class="badge ${u.status.toLowerCase()}">${e(u.status)}</span></td><td>${u.groups.length > 8 ? `${u.groups.length} groups` : e(u.groups.join(', '))}</td><td class="number">${u.password_resets}</td><td class="number">${u.sessions_revoked}</td></tr>`;
  return page('Okta', `<h1>Users</h1>
<div id="live" data-refresh="/okta"><div class="scroll"><table><thead><tr><th>login</th><th>status</th><th>groups</th><th>resets</th><th>sessions ended</th></tr></thead><tbody>${users(world).map(row).join('')}</tbody></table></div></div>`);
}
