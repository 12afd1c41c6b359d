// The HTML around every page of the tenant: no inline script, no inline style.
import { escapeHtml } from './http.mjs';

export const CSP = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

export function page(title, main, { nav = true } = {}) {
  const links = [['/', 'Tenant'], ['/phone', 'Phone'], ['/fga', 'FGA'], ['/okta', 'Okta']];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="/tenant/static/tenant.css">
<link rel="icon" href="data:,">
</head>
<body>
${nav ? `<nav aria-label="Tenant">${links.map(([href, name]) => `<a href="${href}"${name === title ? ' aria-current="page"' : ''}>${name}</a>`).join('')}</nav>` : ''}
<main>
${main}
</main>
${nav ? '<script src="/tenant/static/panel.js" defer></script>' : ''}
</body>
</html>
`;
}

export const htmlReply = (html, status = 200) => ({
  status, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' }, body: html,
});

export function loginPage({ action, hint, client, connection, error }) {
  return page('Sign in', `<form class="card login" method="post" action="${escapeHtml(action)}">
<h1>Sign in</h1>
<p class="quiet">to continue to <strong>${escapeHtml(client)}</strong>${connection ? ` with ${escapeHtml(connection)}` : ''}</p>
${error ? `<p class="error" id="error-element" role="alert">${escapeHtml(error)}</p>` : ''}
<label for="username">E-mail</label>
<input id="username" name="username" autocomplete="username" autofocus value="${escapeHtml(hint)}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<div class="buttons">
<button class="yes" name="action" value="default">Continue</button>
<button class="plain" name="action" value="cancel" formnovalidate>Cancel</button>
</div>
<p class="quiet small">A stand-in for development. alice@example.test / alice-pw, bob@example.test / bob-pw.</p>
</form>`, { nav: false });
}
