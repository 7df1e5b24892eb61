// Short messages: flashed by the server into the page, sent with a fragment (HX-Trigger: toasts), or made by scripts.
const KINDS = { ok: 'check', run: 'info-circle', warn: 'alert-triangle', error: 'alert-circle' };
const LASTS_MS = 6000;
const region = document.getElementById('toasts');

/** Show a message. A toast with the same `id` is replaced rather than repeated. */
export function toast(message, kind = 'ok', { id } = {}) {
  const template = document.getElementById('toast-template');
  if (!region || !template) return;
  const element = template.content.firstElementChild.cloneNode(true);
  const look = kind in KINDS ? kind : 'run';
  element.className = `toast toast-${look}`;
  element.dataset.toast = look;
  element.querySelector('span').textContent = message;
  const use = element.querySelector('use');
  use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#icon-${KINDS[look]}`));
  if (id) {
    region.querySelector(`[data-toast-id="${CSS.escape(id)}"]`)?.remove();
    element.dataset.toastId = id;
  }
  region.append(element);
}

// Errors stay until they are dismissed; the others leave by themselves, but not from under the pointer or the focus.
function dismissLater(element) {
  if (element.dataset.toast === 'error') return;
  const leave = () => (element.matches(':hover, :focus-within') ? setTimeout(leave, 1500) : element.remove());
  setTimeout(leave, LASTS_MS);
}

if (region) {
  region.querySelectorAll('[data-toast]').forEach(dismissLater);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.dataset?.toast) dismissLater(node);
    }
  }).observe(region, { childList: true });
}

document.addEventListener('click', (event) => event.target.closest?.('[data-dismiss]')?.closest('[data-toast]')?.remove());
document.addEventListener('toasts', (event) => {
  for (const { text, kind } of event.detail.items) toast(text, kind);
});
