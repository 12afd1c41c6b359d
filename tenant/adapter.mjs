// oidc-provider's storage, in memory, owned by the tenant: it survives a rebuild of the provider (a key rotation)
// and is emptied by a reset. Nothing is dropped on expiry: the library looks at the dates itself.
export class Storage {
  constructor() { this.clear(); }

  clear() { this.rows = new Map(); this.grants = new Map(); this.uids = new Map(); }

  /** A class in the form oidc-provider wants, over this storage. */
  adapter() {
    const s = this;
    return class MemoryAdapter {
      constructor(model) { this.model = model; }

      key(id) { return `${this.model}:${id}`; }

      async upsert(id, payload) {
        const key = this.key(id);
        s.rows.set(key, payload);
        if (payload.grantId) {
          if (!s.grants.has(payload.grantId)) s.grants.set(payload.grantId, new Set());
          s.grants.get(payload.grantId).add(key);
        }
        if (this.model === 'Session') s.uids.set(payload.uid, id);
      }

      async find(id) { return s.rows.get(this.key(id)); }

      async findByUid(uid) { return this.find(s.uids.get(uid)); }

      async findByUserCode() { return undefined; }

      async consume(id) {
        const row = s.rows.get(this.key(id));
        if (row) row.consumed = Math.floor(Date.now() / 1000);
      }

      async destroy(id) { s.rows.delete(this.key(id)); }

      async revokeByGrantId(grantId) {
        for (const key of s.grants.get(grantId) ?? []) s.rows.delete(key);
        s.grants.delete(grantId);
      }
    };
  }
}
