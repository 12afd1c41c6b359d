// A browser without a screen: a cookie jar over node:http, so that a test sees
// every header and can send what a browser would not.
import http from 'node:http';

export function send(url, { method = 'GET', headers = {}, body, path } = {}) {
  const u = new URL(url);
  return new Promise((resolve, reject) => {
    const data = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(body);
    const request = http.request({
      host: u.hostname === 'localhost' ? '127.0.0.1' : u.hostname,
      port: u.port,
      method,
      path: path ?? u.pathname + u.search,
      headers: { host: u.host, ...(data ? { 'content-length': data.length } : {}), ...headers },
      agent: false,
      timeout: 40_000,
    }, (response) => {
      const parts = [];
      response.on('data', (d) => parts.push(d));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({
          status: response.statusCode,
          headers: response.headers,
          cookies: response.headers['set-cookie'] ?? [],
          text,
          json() { return JSON.parse(text); },
        });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url}`)));
    request.on('error', reject);
    request.end(data);
  });
}

export class Browser {
  constructor(stack) {
    this.stack = stack;
    this.jars = new Map(); // host:port -> Map(name -> value)
    this.csrf = null;
  }

  jar(url) {
    const { host } = new URL(url);
    if (!this.jars.has(host)) this.jars.set(host, new Map());
    return this.jars.get(host);
  }

  async request(target, options = {}) {
    const url = target.startsWith('http') ? target : this.stack.url + target;
    const jar = this.jar(url);
    const headers = { ...options.headers };
    if (jar.size && headers.cookie === undefined) headers.cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await send(url, { ...options, headers });
    for (const line of answer.cookies) {
      const [pair, ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const name = pair.slice(0, at).trim();
      const gone = attributes.some((a) => /^\s*max-age=0\s*$/i.test(a)) || attributes.some((a) => /expires=Thu, 01 Jan 1970/i.test(a));
      if (gone) jar.delete(name); else jar.set(name, pair.slice(at + 1));
    }
    answer.url = url;
    return answer;
  }

  navigate(target, options = {}) {
    return this.request(target, { ...options, headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...options.headers } });
  }

  // Follow redirects until an answer that is none, or one whose target `until` accepts.
  async follow(answer, until = () => false) {
    for (let i = 0; i < 12; i++) {
      if (answer.status < 300 || answer.status > 399 || !answer.headers.location) return answer;
      const next = new URL(answer.headers.location, answer.url).href;
      if (until(next)) return { ...answer, next };
      answer = await this.navigate(next);
    }
    throw new Error('too many redirects');
  }

  // From /login to the provider's form, filled in; stops before the callback and returns its URL.
  async authorize(login, password, target = '/login') {
    const isCallback = (u) => u.startsWith(`${this.stack.url}/callback`);
    const begun = await this.navigate(target);
    if (begun.status !== 302 && begun.status !== 303) throw new Error(`login answered ${begun.status}: ${begun.text.slice(0, 200)}`);
    let page = await this.follow(begun, isCallback);
    if (page.next) return page.next;
    const action = /<form[^>]*action="([^"]*)"/.exec(page.text)?.[1] ?? page.url;
    const form = new URLSearchParams({ username: login, password, action: 'default' });
    for (const [, name, value] of page.text.matchAll(/<input[^>]*type="?hidden"?[^>]*name="?([\w-]+)"?[^>]*value="([^"]*)"/g)) form.set(name, value);
    const posted = await this.navigate(new URL(action, page.url).href, {
      method: 'POST', body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    page = await this.follow({ ...posted, url: page.url }, isCallback);
    if (!page.next) throw new Error(`the provider did not come back: ${page.status} ${page.text.slice(0, 300)}`);
    return page.next;
  }

  async signIn(login = 'alice@example.test', password = `${login.split('@')[0]}-pw`) {
    const answer = await this.navigate(await this.authorize(login, password));
    if (answer.status !== 302 && answer.status !== 303) throw new Error(`callback answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    return this.session();
  }

  async session() {
    const answer = await this.request('/api/session');
    if (answer.status !== 200) return null;
    const session = answer.json();
    this.csrf = session.csrf_token;
    return session;
  }

  post(target, value = {}, headers = {}) {
    return this.request(target, {
      method: 'POST',
      body: JSON.stringify(value),
      headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf-token': this.csrf ?? '', ...headers },
    });
  }
}
