// Applies the theme at once and tells the server behind the reader's back; without scripts the form does it.
import { text } from './texts.js';
import { toast } from './toasts.js';

const ORDER = ['light', 'dark', 'system'];
const NAMES = { light: 'themeLight', dark: 'themeDark', system: 'themeSystem' };
const system = window.matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;
let told = Promise.resolve();

/** "light" or "dark", as it looks right now: what the code editor must follow. */
export function shownTheme() {
  if (root.dataset.theme !== 'system') return root.dataset.theme;
  return system.matches ? 'dark' : 'light';
}

function announce() {
  document.dispatchEvent(new CustomEvent('dastgoh:theme', { detail: { theme: shownTheme() } }));
}

function show(theme, button) {
  root.dataset.theme = theme;
  button.value = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
  for (const icon of button.querySelectorAll('[data-theme-icon]')) icon.hidden = icon.dataset.themeIcon !== theme;
  announce();
}

document.addEventListener('submit', (event) => {
  const form = event.target.closest('[data-theme-form]');
  if (!form) return;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector('button');
  const body = new FormData(form);
  body.set('theme', button.value);
  show(button.value, button);
  toast(text(NAMES[body.get('theme')]), 'run', { id: 'theme' });
  // One after another: the server keeps what it hears last.
  told = told.then(() => fetch(form.action, { method: 'POST', body, redirect: 'manual', keepalive: true }).catch(() => {}));
});

system.addEventListener('change', announce);
