// oidc-provider greets and warns about the Node version at import; the tenant's output is one line, so both are
// silenced before it is loaded. Its real warnings are errors, which are thrown.
console.info = () => {};
const { warn } = console;
console.warn = (...words) => { if (!String(words[0]).includes('oidc-provider WARNING')) warn(...words); };
