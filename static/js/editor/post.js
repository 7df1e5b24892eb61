// JSON to the server, with the form token that every page carries for htmx.
const token = () => JSON.parse(document.body.getAttribute('hx-headers:inherited') ?? '{}');

/** After the end of a session the answer would be the sign-in page: that counts as no answer. */
export function post(url, body, signal) {
  return fetch(url, {
    method: 'POST', signal, redirect: 'error', headers: { 'Content-Type': 'application/json', ...token() }, body: JSON.stringify(body),
  });
}
