// Every editor and difference of the page: made when it appears, taken down when it goes, and sent what pages ask of it.
// The contract with pages stands in templates/shared/editor.html.
import { Difference } from './difference.js';
import { Editor } from './editor.js';

const parts = new Map();

export function refresh() {
  for (const [root, part] of parts) {
    if (part.stands()) continue;
    part.dispose();
    parts.delete(root);
  }
  for (const root of document.querySelectorAll('[data-editor], [data-diff]')) {
    if (!parts.has(root)) parts.set(root, root.matches('[data-diff]') ? new Difference(root) : new Editor(root));
  }
}

const editors = () => [...parts.values()].filter((part) => part instanceof Editor);
const withId = (id) => editors().find((editor) => editor.id === id);

function addressed({ target, detail }) {
  if (detail?.id) return editors().filter((editor) => editor.id === detail.id);
  if (target === document) return editors();
  return editors().filter(({ root, form }) => target.contains(root) || root.contains(target) || target === form);
}

for (const order of ['saved', 'goto', 'insert', 'replace', 'parameters', 'format']) {
  // Captured, so that events which do not bubble arrive as well.
  document.addEventListener(`dastgoh:${order}`, (event) => {
    for (const editor of addressed(event)) editor[order](event.detail ?? {});
  }, true);
}

document.addEventListener('click', (event) => {
  const formatter = event.target.closest?.('[data-editor-format]');
  if (formatter) withId(formatter.dataset.editorFormat)?.format();
  const layout = event.target.closest?.('[data-diff-switch] button');
  if (layout) Difference.choose(layout.value);
});

function followFragment() {
  const line = /^#L(\d+)$/.exec(location.hash)?.[1];
  if (line) editors().find((editor) => editor.kind === 'javascript')?.goto({ line: Number(line) });
}

window.addEventListener('hashchange', followFragment);

// --- leaving
const of = (form) => editors().filter((editor) => form && editor.form === form);

document.addEventListener('submit', (event) => {
  for (const editor of of(event.target)) editor.submitted(!event.defaultPrevented);
});
document.addEventListener('htmx:before:request', ({ target }) => of(target).forEach((editor) => editor.submitted(false)));
// The answer sends the whole window elsewhere: what was saved is found there, what was not is offered back later.
document.addEventListener('htmx:before:response', ({ target, detail: { ctx } }) => {
  if (ctx.response.headers.get('HX-Redirect')) of(target.closest?.('form')).forEach((editor) => editor.submitted(true));
});
window.addEventListener('pageshow', () => editors().forEach((editor) => editor.stays()));
window.addEventListener('pagehide', () => editors().forEach((editor) => editor.remember()));
document.addEventListener('visibilitychange', () => {
  if (document.hidden) editors().forEach((editor) => editor.remember());
});
window.addEventListener('beforeunload', (event) => {
  if (!editors().some((editor) => editor.wouldLose())) return;
  event.preventDefault();
  event.returnValue = ''; // browsers show their own sentence, but some want one
});

refresh();
followFragment();
