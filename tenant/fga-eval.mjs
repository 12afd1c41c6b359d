// Evaluates relationship queries over an OpenFGA model (its JSON form) and a set of tuples.
//
// Outcomes are {allowed, cycle}: a cycle is false, and under "and" and "but not" it makes the whole false,
// so that a loop in the data can never grant by way of a negation. Too deep a resolution is an error.

export const MAX_DEPTH = 25;

export class FgaError extends Error {
  constructor(status, code, message) { super(message); this.status = status; this.code = code; }
}
const bad = (message) => new FgaError(400, 'validation_error', message);

const OBJECT = /^([^:#@*\s]{1,254}):([^:#*\s]{1,256})$/;
const USER = /^([^:#@*\s]{1,254}):(\*|[^:#*\s]{1,256})(?:#([^:#@\s]{1,50}))?$/;

export function parseObject(text) {
  const m = typeof text === 'string' && OBJECT.exec(text);
  return m ? { type: m[1], id: m[2] } : null;
}

/** user:anne, user:* or group:g#member. */
export function parseUser(text) {
  const m = typeof text === 'string' && text.length <= 512 && USER.exec(text);
  if (!m || (m[2] === '*' && m[3])) return null;
  return { type: m[1], id: m[2], relation: m[3], wildcard: m[2] === '*' };
}

export class Model {
  constructor(id, json) {
    this.id = id;
    this.json = json;
    this.types = new Map(json.type_definitions.map((t) => [t.type, t]));
    this.conditions = json.conditions ?? {};
  }

  relation(type, relation) { return this.types.get(type)?.relations?.[relation]; }

  restrictions(type, relation) {
    return this.types.get(type)?.metadata?.relations?.[relation]?.directly_related_user_types ?? [];
  }

  requireRelation(type, relation) {
    if (!this.types.has(type)) throw new FgaError(400, 'type_not_found', `type '${type}' not found`);
    if (!this.relation(type, relation)) throw new FgaError(400, 'relation_not_found', `relation '${type}#${relation}' not found`);
  }

  /** Why a tuple may not exist under this model, or null when it may. */
  tupleFault({ user, relation, object, condition }) {
    const o = parseObject(object);
    const u = parseUser(user);
    if (!o) return `invalid 'object' field format`;
    if (!u) return `the 'user' field is malformed`;
    if (!this.types.has(o.type)) return `type '${o.type}' not found`;
    if (!this.relation(o.type, relation)) return `relation '${o.type}#${relation}' not found`;
    if (!this.types.has(u.type)) return `type '${u.type}' not found`;
    const fits = this.restrictions(o.type, relation).some((r) => r.type === u.type
      && Boolean(r.wildcard) === u.wildcard
      && (r.relation || undefined) === u.relation
      && (r.condition || undefined) === (condition?.name || undefined));
    return fits ? null : `type '${u.type}' is not an allowed type restriction for '${o.type}#${relation}'`;
  }
}

/** Nanoseconds are not needed: Go's duration text in milliseconds. */
export function parseDuration(text) {
  const unit = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 };
  const m = /^(-?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (typeof text !== 'string' || !m) throw bad(`'${text}' is not a duration`);
  let total = 0;
  for (const [, n, u] of m[2].matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(n) * unit[u];
  return m[1] ? -total : total;
}

function parseTimestamp(text) {
  const ok = typeof text === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = ok ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw bad(`'${text}' is not a timestamp`);
  return ms;
}

/** The one condition the shipped models use; an evaluator of CEL is not needed for it. */
function evaluateCondition(model, condition, requestContext) {
  const definition = model.conditions[condition.name];
  if (!definition || condition.name !== 'non_expired_grant') throw bad(`condition '${condition.name}' is not known`);
  const values = { ...requestContext, ...condition.context };          // what is stored wins
  const missing = Object.keys(definition.parameters).filter((p) => values[p] === undefined);
  if (missing.length) throw bad(`failed to evaluate relationship condition: '${condition.name}' - context is missing parameters '[${missing.join(' ')}]'`);
  return parseTimestamp(values.current_time) < parseTimestamp(values.grant_time) + parseDuration(values.grant_duration);
}

const YES = { allowed: true, cycle: false };
const NO = { allowed: false, cycle: false };
const CYCLE = { allowed: false, cycle: true };

class Query {
  constructor(model, tuples, context) {
    this.model = model;
    this.context = context ?? {};
    this.byObject = new Map();
    for (const t of tuples) {
      if (model.tupleFault(t)) continue;                               // invalid under this model: as if absent
      const key = `${t.object}#${t.relation}`;
      if (!this.byObject.has(key)) this.byObject.set(key, []);
      this.byObject.get(key).push(t);
    }
  }

  tuples(object, relation) { return this.byObject.get(`${object}#${relation}`) ?? []; }

  holds(tuple) { return !tuple.condition?.name || evaluateCondition(this.model, tuple.condition, this.context); }

  check(user, relation, object, depth, path) {
    if (depth > MAX_DEPTH) throw new FgaError(400, 'authorization_model_resolution_too_complex', 'Authorization Model resolution required too many rewrite rules to be resolved.');
    if (user === `${object}#${relation}`) return YES;
    const key = `${object}#${relation}`;
    if (path.has(key)) return CYCLE;
    const rewrite = this.model.relation(parseObject(object).type, relation);
    if (!rewrite) return NO;
    return this.rewrite(rewrite, user, relation, object, depth, new Set(path).add(key));
  }

  rewrite(node, user, relation, object, depth, path) {
    if (node.this) return this.direct(user, relation, object, depth, path);
    if (node.computedUserset) return this.check(user, node.computedUserset.relation, object, depth + 1, path);
    if (node.tupleToUserset) return this.from(node.tupleToUserset, user, object, depth, path);
    if (node.union) return this.any(node.union.child.map((c) => () => this.rewrite(c, user, relation, object, depth, path)));
    if (node.intersection) return this.all(node.intersection.child.map((c) => () => this.rewrite(c, user, relation, object, depth, path)));
    if (node.difference) {
      const base = this.rewrite(node.difference.base, user, relation, object, depth, path);
      if (!base.allowed) return base;
      const minus = this.rewrite(node.difference.subtract, user, relation, object, depth, path);
      if (base.cycle || minus.cycle) return CYCLE;
      return minus.allowed ? NO : YES;
    }
    throw bad('unsupported rewrite');
  }

  direct(user, relation, object, depth, path) {
    const u = parseUser(user);
    const branches = [];
    for (const t of this.tuples(object, relation)) {
      const held = parseUser(t.user);
      if (t.user === user || (held.wildcard && held.type === u.type && !u.relation && !u.wildcard)) {
        branches.unshift(() => (this.holds(t) ? YES : NO));
      } else if (held.relation) {
        branches.push(() => (this.holds(t) ? this.check(user, held.relation, `${held.type}:${held.id}`, depth + 1, path) : NO));
      }
    }
    return this.any(branches);
  }

  /** "relation from tupleset". */
  from({ tupleset, computedUserset }, user, object, depth, path) {
    const branches = [];
    for (const t of this.tuples(object, tupleset.relation)) {
      const held = parseUser(t.user);
      if (held.wildcard || held.relation || !this.model.relation(held.type, computedUserset.relation)) continue;
      branches.push(() => (this.holds(t) ? this.check(user, computedUserset.relation, t.user, depth + 1, path) : NO));
    }
    return this.any(branches);
  }

  /** One true branch wins over an error in another; with none true, the error is told. */
  any(branches) {
    let cycle = false;
    let failure;
    for (const branch of branches) {
      try {
        const r = branch();
        if (r.allowed) return YES;
        cycle ||= r.cycle;
      } catch (e) { failure ??= e; }
    }
    if (failure) throw failure;
    return cycle ? CYCLE : NO;
  }

  all(branches) {
    let failure;
    for (const branch of branches) {
      try {
        const r = branch();
        if (r.cycle) return CYCLE;
        if (!r.allowed) return NO;
      } catch (e) { failure ??= e; }
    }
    if (failure) throw failure;
    return YES;
  }
}

function validateKey(model, { user, relation, object }) {
  const o = parseObject(object);
  const u = parseUser(user);
  if (!o) throw bad(`invalid 'object' field format`);
  if (!u) throw bad(`the 'user' field is malformed`);
  if (typeof relation !== 'string' || !relation) throw bad('invalid CheckRequestTupleKey.Relation');
  model.requireRelation(o.type, relation);
  if (!model.types.has(u.type)) throw new FgaError(400, 'type_not_found', `type '${u.type}' not found`);
  if (u.relation) model.requireRelation(u.type, u.relation);
}

function withContextual(model, stored, contextual) {
  for (const t of contextual) {
    const fault = model.tupleFault(t);
    if (fault) throw new FgaError(400, 'invalid_contextual_tuple', `Invalid tuple '${t.object}#${t.relation}@${t.user}'. Reason: ${fault}`);
  }
  return [...stored, ...contextual];
}

/** True or false; throws FgaError for a malformed or too complex question. */
export function check(model, stored, { tuple_key: key, contextual_tuples: contextual, context }) {
  validateKey(model, key ?? {});
  const tuples = withContextual(model, stored, contextual?.tuple_keys ?? []);
  return new Query(model, tuples, context).check(key.user, key.relation, key.object, 0, new Set()).allowed;
}

export function listObjects(model, stored, { user, relation, type, contextual_tuples: contextual, context }, max = 1000) {
  validateKey(model, { user, relation, object: `${type}:any` });
  const tuples = withContextual(model, stored, contextual?.tuple_keys ?? []);
  const query = new Query(model, tuples, context);
  const objects = new Set(tuples.map((t) => t.object).filter((o) => parseObject(o)?.type === type));
  return [...objects].filter((object) => query.check(user, relation, object, 0, new Set()).allowed).slice(0, max);
}
