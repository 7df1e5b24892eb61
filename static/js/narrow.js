// A long list that can be searched: an input with data-narrows names its select. What is chosen stays chosen until another is.
const ROWS = 6;
const whole = new WeakMap();

// "utc-3" finds UTC−3, and "new york" America/New_York.
const plain = (words) => words.toLowerCase().replaceAll('−', '-').replaceAll('_', ' ').trim();
const listOf = (input) => document.getElementById(input.dataset.narrows);
const inputOf = (select) => select.id && document.querySelector(`[data-narrows="${CSS.escape(select.id)}"]`);
const finds = (input) => (option) => plain(option.text).includes(plain(input.value));

function narrow(input) {
  const select = listOf(input);
  const chosen = select.selectedOptions[0];
  if (!whole.has(select)) whole.set(select, [...select.options]);
  const found = whole.get(select).filter((option) => option === chosen || finds(input)(option));
  select.replaceChildren(...found);
  if (chosen) chosen.selected = true;
  if (input.value) select.size = Math.max(2, Math.min(ROWS, found.length));
  else select.removeAttribute('size');
}

function end(input) {
  if (!input?.value) return;
  input.value = '';
  narrow(input);
}

function choose(input) {
  const select = listOf(input);
  const first = [...select.options].find(finds(input));
  if (!first) return;
  const isOther = !first.selected;
  first.selected = true;
  end(input);
  if (isOther) select.dispatchEvent(new Event('change', { bubbles: true }));
}

function prepare() {
  for (const input of document.querySelectorAll('[data-narrows][hidden]')) input.hidden = false;
}

prepare();
document.addEventListener('htmx:after:swap', prepare);
document.addEventListener('input', ({ target }) => target.dataset?.narrows && narrow(target));
document.addEventListener('click', ({ target }) => {
  const select = target.closest?.('select[size]');
  if (select) end(inputOf(select));
});
document.addEventListener('keydown', (event) => {
  const { target, key } = event;
  if (target.dataset?.narrows && target.value) {
    if (key === 'Enter') choose(target);
    else if (key === 'ArrowDown') listOf(target).focus();
    else return;
    event.preventDefault();
  } else if (key === 'Enter' && target.matches?.('select[size]')) end(inputOf(target));
});
document.addEventListener('focusout', ({ target, relatedTarget }) => {
  const input = target.dataset?.narrows ? target : target.matches?.('select[size]') ? inputOf(target) : null;
  if (input && relatedTarget !== input && relatedTarget !== listOf(input)) end(input);
});
