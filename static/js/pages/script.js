// The page of a script: saves without leaving it, runs what the editor shows, and settles what stands in the way.
const form = document.getElementById('source-form');
const runForm = document.getElementById('run-form');
const panel = document.getElementById('run-panel');
const source = document.getElementById('source');
const ANSWERS = [200, 401, 409, 422]; // what saving may answer; anything else is said without touching the form

const state = { dirty: false, saving: false, again: null, sessionEnded: false, sent: '' };
const tell = (name, detail) => form.dispatchEvent(new CustomEvent(`dastgoh:${name}`, { bubbles: true, detail }));

// --- saved or not
form?.addEventListener('dastgoh:dirty', ({ detail }) => {
  state.dirty = detail.dirty;
  const mark = form.querySelector('[data-unsaved]');
  if (mark) mark.hidden = !detail.dirty;
});

// While one save is under way htmx drops the next one; it is made up for, or its text would count as saved and its decision be lost.
function wish(event) {
  const decision = event.submitter?.name ? event.submitter : null;
  if (!decision && form.querySelector('[data-decide]')) {
    event.preventDefault();
    event.stopImmediatePropagation(); // pressing again decides nothing, and must not move the buttons under the pointer
    settle();
  } else if (state.saving) {
    state.again = { decision };
  }
}
for (const name of ['submit', 'dastgoh:save']) form?.addEventListener(name, wish, true);

function makeUpFor({ decision }) {
  const same = decision && form.querySelector(`[name="${decision.name}"][value="${decision.value}"]`);
  if (same) form.requestSubmit(same);
  else if (!document.querySelector('.save-refused')) form.requestSubmit();
}

const isSave = (event) => form && event.detail.ctx.sourceElement === form;

document.addEventListener('htmx:before:request', (event) => {
  if (!isSave(event)) return;
  Object.assign(state, { saving: true, sent: source.value });
});

document.addEventListener('htmx:finally:request', (event) => {
  if (!isSave(event)) return;
  const { again } = state;
  Object.assign(state, { saving: false, again: null });
  if (again) setTimeout(makeUpFor, 0, again); // the place in htmx's queue is freed after this event
});

document.addEventListener('scriptSaved', ({ detail }) => {
  tell('saved', { version: detail.version, source: state.sent });
  for (const tag of document.querySelectorAll('[data-version]')) tag.textContent = `v${detail.version}`;
});

document.addEventListener('htmx:before:response', (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status === 401) state.sessionEnded = true;
  if (!isSave(event) || ANSWERS.includes(ctx.response.status)) return;
  Object.assign(ctx, { target: document.getElementById('save-said'), swap: 'innerHTML' });
});

// What is unsaved is kept in this browser and offered after signing in again: no reason to ask whether to leave.
window.addEventListener('beforeunload', (event) => {
  if (state.sessionEnded) event.stopImmediatePropagation();
}, true);

// --- what stands in the way of saving
function settle() {
  const refused = document.querySelector('.save-refused');
  refused?.focus({ preventScroll: true });
  refused?.scrollIntoView({ block: 'nearest' });
  for (const button of document.querySelectorAll('[data-goto]')) button.hidden = false;
}

// Put into the editor as one change, so that undoing it brings one's own text back.
function takeTheirs(link) {
  const theirs = document.getElementById(link.dataset.takeTheirs).value;
  tell('replace', { text: theirs });
  form.elements.base_version.value = link.dataset.number;
  document.querySelector('.save-refused').remove();
  state.sent = theirs; // what stands in the editor is what is saved
  form.dispatchEvent(new CustomEvent('scriptSaved', { bubbles: true, detail: { version: Number(link.dataset.number) } }));
}

document.addEventListener('click', (event) => {
  const theirs = event.target.closest?.('[data-take-theirs]');
  if (theirs) {
    event.preventDefault();
    takeTheirs(theirs);
  }
  const there = event.target.closest?.('[data-goto]');
  if (there) tell('goto', { line: Number(there.dataset.goto), column: Number(there.dataset.column) || 1 });
});

// --- running
form?.addEventListener('dastgoh:execute', () => runForm?.requestSubmit());

runForm?.addEventListener('submit', () => {
  const unsaved = runForm.querySelector('[data-unsaved-source]');
  unsaved.disabled = !state.dirty;
  unsaved.value = state.dirty ? source.value : '';
  for (const field of runForm.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
}, true);

// What a refused run says of its input is marked at the fields as well.
function blameFields() {
  const blamed = [...panel.querySelectorAll('[data-refused] a[href^="#"]')]
    .map((link) => document.getElementById(link.getAttribute('href').slice(1)))
    .filter(Boolean);
  for (const field of blamed) field.setAttribute('aria-invalid', 'true');
  blamed[0]?.focus();
}

const finished = new Set();

function announceFinished() {
  const run = panel.querySelector('[data-run]');
  if (!run || ['queued', 'running'].includes(run.dataset.status) || finished.has(run.dataset.run)) return;
  finished.add(run.dataset.run);
  document.body.dispatchEvent(new CustomEvent('runFinished', { bubbles: true, detail: { id: run.dataset.run } }));
}

document.addEventListener('htmx:after:swap', (event) => {
  const { sourceElement, target } = event.detail.ctx;
  if (sourceElement === form) settle();
  if (sourceElement === runForm && target === panel) {
    blameFields();
    if (panel.querySelector('[data-run]')) document.body.dispatchEvent(new CustomEvent('runStarted', { bubbles: true }));
    panel.scrollIntoView({ block: 'nearest' });
  }
  if (panel) announceFinished();
});

settle();
