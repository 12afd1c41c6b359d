// Okta's directory: look-up as loose as the real one's, search expressions, and what the calls change.
import { OKTA_GROUPS, OKTA_USERS } from './users.mjs';

/** As Okta compares logins: without case, without diacritics. */
export const fold = (text) => String(text).normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

export class SearchError extends Error {}

/** profile.login eq "x" and (status eq "ACTIVE" or profile.lastName sw "E"): parsed into a predicate over rows. */
export function compileSearch(text, valueOf) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\(|\)|[^\s()"]+/g) ?? [];
  if (tokens.join('').length !== text.replace(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, '').length) throw new SearchError('unbalanced quotes');
  let at = 0;
  const peek = () => tokens[at]?.toLowerCase();
  const take = () => { if (at >= tokens.length) throw new SearchError('unexpected end'); return tokens[at++]; };
  const operators = {
    eq: (a, b) => fold(a) === fold(b), ne: (a, b) => fold(a) !== fold(b), sw: (a, b) => fold(a).startsWith(fold(b)), co: (a, b) => fold(a).includes(fold(b)),
  };
  function term() {
    if (peek() === '(') { take(); const inner = either(); if (take() !== ')') throw new SearchError('missing )'); return inner; }
    const name = take();
    if (!/^[A-Za-z][\w.]*$/.test(name)) throw new SearchError('attribute expected');
    const op = take().toLowerCase();
    if (op === 'pr') return (row) => valueOf(row, name) !== undefined;
    if (!(op in operators)) throw new SearchError(`unknown operator ${op}`);
    const literal = take();
    if (!literal.startsWith('"')) throw new SearchError('a quoted value expected');
    const value = JSON.parse(literal);
    return (row) => { const v = valueOf(row, name); return v !== undefined && operators[op](v, value); };
  }
  function both() { let left = term(); while (peek() === 'and') { take(); const l = left; const r = term(); left = (row) => l(row) && r(row); } return left; }
  function either() { let left = both(); while (peek() === 'or') { take(); const l = left; const r = both(); left = (row) => l(row) || r(row); } return left; }
  const predicate = either();
  if (at !== tokens.length) throw new SearchError('unexpected text at the end');
  return predicate;
}

export class Directory {
  constructor() { this.reset(); }

  reset() {
    this.users = new Map(OKTA_USERS.map((u) => [u.id, structuredClone(u)]));
    this.groups = new Map(OKTA_GROUPS.map((g) => [g.id, structuredClone(g)]));
  }

  /** idOrLogin as in the path of /users/{...}: id, login, or a short name that only one login begins with. */
  find(text) {
    if (this.users.has(text)) return this.users.get(text);
    const all = [...this.users.values()];
    const exact = all.find((u) => u.login === text);
    if (exact) return exact;
    const loose = all.find((u) => fold(u.login) === fold(text));
    if (loose) return loose;
    if (text.includes('@')) return undefined;
    const short = all.filter((u) => fold(u.login.split('@')[0]) === fold(text));
    return short.length === 1 ? short[0] : undefined;
  }

  groupsOf(user) {
    const everyone = [...this.groups.values()].filter((g) => g.type === 'BUILT_IN');
    return [...everyone, ...user.groups.map((id) => this.groups.get(id)).filter(Boolean)];
  }

  searchUsers(text) {
    const profile = { login: 'login', email: 'email', firstName: 'firstName', lastName: 'lastName' };
    const valueOf = (u, name) => (name === 'id' || name === 'status' ? u[name] : u[profile[/^profile\.(\w+)$/.exec(name)?.[1]]]);
    return [...this.users.values()].filter(compileSearch(text, valueOf));
  }

  searchGroups(text) {
    const valueOf = (g, name) => ({ id: g.id, type: g.type, 'profile.name': g.name, 'profile.description': g.description })[name];
    return [...this.groups.values()].filter(compileSearch(text, valueOf));
  }

  queryUsers(q) {
    const begins = (v) => fold(v).startsWith(fold(q));
    return [...this.users.values()].filter((u) => begins(u.firstName) || begins(u.lastName) || begins(u.email));
  }

  queryGroups(q) { return [...this.groups.values()].filter((g) => fold(g.name).startsWith(fold(q))); }

  /** What the panel and the tests see of a user. */
  summary(u) {
    return {
      login: u.login, groups: this.groupsOf(u).map((g) => g.name), password_resets: u.password_resets, id: u.id, email: u.email, status: u.status,
      sessions_revoked: u.sessions_revoked, unlocks: u.unlocks, admin: u.admin,
    };
  }
}
