// Checking rows: the box in the head, the bar that appears, a range with Shift. And the filters above a table.
import { text } from './texts.js';

const boxesOf = (table) => [...table.querySelectorAll('[data-select]')];
let last = null;

function refresh(table) {
  const boxes = boxesOf(table);
  const checked = boxes.filter((box) => box.checked).length;
  const all = table.querySelector('[data-select-all]');
  const bar = document.getElementById(table.dataset.selects);
  if (all) {
    all.checked = checked > 0 && checked === boxes.length;
    all.indeterminate = checked > 0 && checked < boxes.length;
  }
  if (!bar) return;
  bar.hidden = checked === 0;
  bar.querySelector('[data-selected]').textContent = text('selected', { count: checked });
}

function checkRange(table, box) {
  const boxes = boxesOf(table);
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
  if (from >= 0) boxes.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
}

document.addEventListener('click', (event) => {
  const box = event.target.closest?.('[data-select]');
  const table = event.target.closest?.('[data-selects]');
  if (box && table) {
    if (event.shiftKey && last) checkRange(table, box);
    last = box;
    refresh(table);
  }
  const clear = event.target.closest?.('[data-clear-selection]');
  if (clear) {
    const cleared = document.querySelector(`[data-selects="${CSS.escape(clear.form.id)}"]`);
    boxesOf(cleared).forEach((each) => { each.checked = false; });
    refresh(cleared);
    cleared.querySelector('[data-select-all]')?.focus();
  }
});

document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-select-all]')) return;
  const table = event.target.closest('[data-selects]');
  boxesOf(table).forEach((box) => { box.checked = event.target.checked; });
  refresh(table);
});

// The browser may restore checks on reload, and a fragment may bring new rows.
const refreshAll = () => document.querySelectorAll('[data-selects]').forEach(refresh);
refreshAll();
window.addEventListener('pageshow', refreshAll);
document.addEventListener('htmx:after:swap', refreshAll);

// --- filters: an empty field is no filter, so it has no place in the address
document.addEventListener('formdata', ({ target, formData }) => {
  if (!target.matches('[data-filters]')) return;
  for (const name of new Set(formData.keys())) {
    if (formData.getAll(name).every((value) => value === '')) formData.delete(name);
  }
});

// "Clear" stands there while there is something to clear.
document.addEventListener('input', (event) => {
  const form = event.target.closest('[data-filters]');
  const clear = form?.querySelector('[data-clear-filters]');
  if (clear) clear.hidden = new FormData(form).keys().next().done;
});
