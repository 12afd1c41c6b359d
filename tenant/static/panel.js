// Keeps a page's live part fresh without touching it while nothing changed, so that a button is never pulled away.
'use strict';
const live = document.getElementById('live');
async function refresh() {
  try {
    const answer = await fetch(live.dataset.refresh, { headers: { accept: 'text/html' } });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('live');
    const still = (node) => node.innerHTML.replace(/<span class="left">[^<]*<\/span>/g, '');
    if (still(next) !== still(live)) live.replaceChildren(...next.childNodes);
    else next.querySelectorAll('.left').forEach((span, i) => { live.querySelectorAll('.left')[i].textContent = span.textContent; });
  } catch { /* the tenant is gone; try again */ }
}
if (live) setInterval(() => { if (!document.hidden) refresh(); }, 1000);
