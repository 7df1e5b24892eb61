// Forms: the first invalid field gets the focus, one press sends once, and unsaved changes are not lost by accident.
import { text } from './texts.js';

function focusFirstInvalid(root) {
  const field = root.querySelector?.('[aria-invalid="true"]');
  if (!field) return;
  field.focus();
  field.select?.();
}

function prepare(root) {
  // The eye beside a password needs scripts, so scripts show it.
  for (const eye of root.querySelectorAll?.('[data-reveal][hidden]') ?? []) eye.hidden = false;
}

prepare(document);
focusFirstInvalid(document);

// Only who pressed something waits for the answer with empty hands: a poll or a preview leaves the cursor where somebody types.
const PRESSED = ['submit', 'click'];
document.addEventListener('htmx:after:swap', ({ detail: { ctx } }) => {
  prepare(document);
  if (PRESSED.includes(ctx.sourceEvent?.type)) focusFirstInvalid(ctx.sourceElement.form ?? ctx.sourceElement.closest('form') ?? document);
});

// --- one press, one submit. Disabled only after the browser has read the form, or the button's value would be missing.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === 'dialog') return;
  if (form.dataset.sending) return event.preventDefault();
  form.dataset.sending = 'yes';
  guarded.delete(form);
  event.submitter?.classList.add('is-busy');
});

function letSendAgain() {
  for (const form of document.querySelectorAll('form[data-sending]')) delete form.dataset.sending;
  for (const button of document.querySelectorAll('.is-busy')) button.classList.remove('is-busy');
}

// Coming back with the browser's own button finds the page as it was left, and so does who was asked whether to leave and stays.
window.addEventListener('pageshow', ({ persisted }) => persisted && letSendAgain());
window.addEventListener('beforeunload', (event) => setTimeout(() => event.defaultPrevented && letSendAgain()));

// --- unsaved changes: forms with data-guard
const guarded = new Map();
const state = (form) => new URLSearchParams(new FormData(form)).toString();

document.addEventListener('focusin', (event) => {
  const form = event.target.closest?.('form[data-guard]');
  if (form && !guarded.has(form)) guarded.set(form, state(form));
});

/** True while some guarded form differs from what the server sent. */
export function hasUnsavedChanges() {
  return [...guarded].some(([form, was]) => form.isConnected && state(form) !== was);
}

window.addEventListener('beforeunload', (event) => {
  if (!hasUnsavedChanges()) return;
  event.preventDefault();
  event.returnValue = text('unsaved'); // browsers show their own sentence, but some want one
});

// --- small helps
document.addEventListener('click', (event) => {
  const eye = event.target.closest?.('[data-reveal]');
  if (eye) {
    const field = document.getElementById(eye.dataset.reveal);
    field.type = field.type === 'password' ? 'text' : 'password';
    eye.setAttribute('aria-pressed', String(field.type === 'text'));
  }
  const filler = event.target.closest?.('[data-fill-email]');
  if (filler) {
    const form = document.querySelector('form:has([name="password"])');
    form.elements.email.value = filler.dataset.fillEmail;
    form.elements.password.value = filler.dataset.fillPassword;
    form.querySelector('button[type="submit"].button').focus();
  }
});

// Ctrl/⌘+Enter sends a form from inside a text area.
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.matches('textarea')) {
    event.preventDefault(); // or a button with the same shortcut would send it once more
    event.target.form?.requestSubmit();
  }
});

// A changed choice sends its form: <select data-submit-on-change>.
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-submit-on-change]')) event.target.form?.requestSubmit();
});
