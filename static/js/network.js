// Requests that fail on the way say so; what the reader typed stays. A thin line shows that something is on its way.
import { text } from './texts.js';
import { toast } from './toasts.js';

let underWay = 0;

function count(by) {
  underWay = Math.max(0, underWay + by);
  document.documentElement.classList.toggle('is-loading', underWay > 0);
}

const quiet = (event) => event.detail.ctx.sourceEvent?.type === 'every'; // polling shows no line and complains to nobody

document.addEventListener('htmx:before:request', (event) => quiet(event) || count(1));
document.addEventListener('htmx:finally:request', (event) => {
  if (quiet(event)) return;
  count(-1);
  const form = event.detail.ctx.request?.form ?? event.target.closest?.('form');
  if (form) delete form.dataset.sending;
  form?.querySelector('.is-busy')?.classList.remove('is-busy');
});

document.addEventListener('htmx:error', (event) => {
  const { ctx, error } = event.detail;
  if (!ctx || quiet(event)) return;
  toast(text(error?.name === 'AbortError' ? 'timeout' : 'offline'), 'error', { id: 'network' });
});

// An answer that is no page of ours (a proxy's error, say) must not land in the middle of the page.
document.addEventListener('htmx:before:response', (event) => {
  const { response } = event.detail.ctx;
  if (response.status < 500 || response.headers.get('X-Request-Id')) return;
  event.preventDefault();
  toast(text('failed'), 'error', { id: 'network' });
});
