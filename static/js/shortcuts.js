// "/" searches, "?" lists the keys, "g" and a letter goes somewhere, and data-shortcut="r" presses a button of the page.
// Keys are ignored while somebody types. With Ctrl or ⌘ a shortcut is written "mod+s" and works from fields as well.
const GO_WITHIN_MS = 1200;
let wentAt = 0;

const typing = (target) => target.matches?.('input, textarea, select, [contenteditable], .monaco-editor *');
const press = (selector) => {
  const target = document.querySelector(selector);
  if (!target || target.disabled) return false;
  target.click();
  return true;
};

function plainKey(event) {
  const key = event.key.toLowerCase();
  if (Date.now() - wentAt < GO_WITHIN_MS) {
    wentAt = 0;
    return press(`[data-go="${CSS.escape(key)}"]`);
  }
  if (key === 'g') {
    wentAt = Date.now();
    return false;
  }
  if (key === '?') {
    const list = document.getElementById('shortcuts');
    if (list?.open === false) list.showModal();
    return Boolean(list);
  }
  if (key === '/') {
    const field = document.querySelector('[data-search]');
    field?.focus();
    field?.select();
    return Boolean(field);
  }
  return press(`[data-shortcut="${CSS.escape(key)}"]`);
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    if (press(`[data-shortcut="mod+${CSS.escape(event.key.toLowerCase())}"]`)) event.preventDefault();
    return;
  }
  if (typing(event.target) || document.querySelector('dialog[open]')) return;
  if (plainKey(event)) event.preventDefault();
});
