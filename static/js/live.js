// What moves by itself: polling rests while nobody looks, and "2 min. ago" stays true.
import { text } from './texts.js';

// htmx polls on timers; a hidden tab asks nothing and asks once when it is looked at again.
document.addEventListener('htmx:config:request', (event) => {
  if (document.hidden && event.detail.ctx.sourceEvent?.type === 'every') event.preventDefault();
});

// An answer to what is no longer asked: a list was filtered while it looked for news, and must not fall back.
const asked = new WeakMap();
document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => asked.set(ctx, ctx.sourceElement.getAttribute('hx-get')));
document.addEventListener('htmx:before:response', (event) => {
  const { ctx } = event.detail;
  if (asked.has(ctx) && asked.get(ctx) !== ctx.sourceElement.getAttribute('hx-get')) event.preventDefault();
});

document.addEventListener('visibilitychange', () => {
  for (const mark of document.querySelectorAll('[data-live-mark]')) mark.classList.toggle('is-paused', document.hidden);
  if (!document.hidden) refreshTimes();
});

// --- relative times
const STEPS = [['day', 86400], ['hour', 3600], ['minute', 60]];
const known = Intl.RelativeTimeFormat.supportedLocalesOf(document.documentElement.lang).length > 0;
const format = known && new Intl.RelativeTimeFormat(document.documentElement.lang, { style: 'short' });

function relative(instant) {
  const seconds = (instant - Date.now()) / 1000;
  if (Math.abs(seconds) < 45) return seconds <= 0 ? text('justNow') : null;
  if (Math.abs(seconds) > 7 * 86400) return null; // the server wrote the date; it stays right
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each * 0.95) ?? STEPS.at(-1);
  return format.format(Math.round(seconds / size), unit);
}

export function refreshTimes() {
  if (!format || document.hidden) return;
  for (const element of document.querySelectorAll('time[data-relative]')) {
    const words = relative(Date.parse(element.dateTime));
    if (words && words !== element.textContent) element.textContent = words;
  }
}

setInterval(refreshTimes, 30000);
