// Brings the code editor's modules to pages and fragments that have one, and tells them when the page has changed.
let modules;

async function refresh() {
  if (!modules && !document.querySelector('[data-editor], [data-diff]')) return;
  modules ??= import('./editor/index.js');
  (await modules).refresh();
}

refresh();
document.addEventListener('htmx:after:swap', refresh);
