// oidc-provider greets at import through console.info; the tenant's stdout is one line, so it is silenced first.
console.info = () => {};
