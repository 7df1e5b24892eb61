// The page about the API: sends what the form says, with the token typed above it, and shows what came back.
import { text } from '../texts.js';

const SHOWN = ['allow', 'content-type', 'etag', 'idempotency-replayed', 'location', 'retry-after', 'x-queue-pressure', 'x-request-id'];

function request(form) {
  const fields = [...form.querySelectorAll('[data-in]')];
  const given = (place) => fields.filter((field) => field.dataset.in === place && field.value !== '');
  let path = form.dataset.path;
  for (const field of given('path')) path = path.replace(`{${field.dataset.name}}`, encodeURIComponent(field.value));
  const query = new URLSearchParams(given('query').map((field) => [field.dataset.name, field.value]));
  const headers = Object.fromEntries(given('header').map((field) => [field.dataset.name, field.value]));
  const body = given('body')[0]?.value;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  return { method: form.dataset.method, url: location.origin + path + (query.size ? `?${query}` : ''), headers, body };
}

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

function curl({ method, url, headers, body }) {
  const parts = ['curl', '-X', method, quoted(url), '-H', '"Authorization: Bearer $TOKEN"'];
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quoted(`${name}: ${value}`));
  if (body !== undefined) parts.push('--data', quoted(body));
  return parts.join(' ');
}

function readable(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function show(answer, parts) {
  for (const [name, value] of Object.entries(parts)) {
    const place = answer.querySelector(`[data-answer="${name}"]`);
    place.textContent = value;
    place.hidden = value === '';
  }
  answer.hidden = false;
}

async function send(form, answer, button) {
  const { url, ...wanted } = request(form);
  const token = document.getElementById('api-token').value.trim();
  const begun = performance.now();
  button?.classList.add('is-busy');
  try {
    const response = await fetch(url, {
      ...wanted, headers: { ...wanted.headers, Authorization: `Bearer ${token}` }, credentials: 'omit', cache: 'no-store',
    });
    const body = await response.text();
    const headers = SHOWN.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
    const status = `${response.status} ${response.statusText} · ${Math.round(performance.now() - begun)} ms`;
    show(answer, { status, curl: curl({ url, ...wanted }), headers: headers.join('\n'), body: readable(body) });
  } catch (error) {
    // Not sent at all: no connection, or a header that is none.
    show(answer, { status: error instanceof TypeError ? text('offline') : String(error), curl: curl({ url, ...wanted }), headers: '', body: '' });
  } finally {
    button?.classList.remove('is-busy');
  }
  document.getElementById('answer-title').focus();
}

// Before forms.js hears of it: this form is never sent by the browser, and may be sent again.
document.addEventListener('submit', (event) => {
  const form = event.target.closest('[data-api-request]');
  if (!form) return;
  event.preventDefault();
  send(form, document.getElementById('answer'), form.querySelector('[type="submit"]'));
}, true);
