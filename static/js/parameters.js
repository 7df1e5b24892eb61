// The rows that declare parameters: add, remove, move. Without scripts there is an empty row at the end, a box that removes and
// a number for the place; with them, buttons. Either way the server reads rows by their place.
const rowsOf = (editor) => [...editor.querySelectorAll('[data-parameter-rows] > [data-parameter]')];

function prepare(editor) {
  for (const plain of editor.querySelectorAll('[data-parameter-plain]')) plain.hidden = true;
  for (const actions of editor.querySelectorAll('[data-parameter-actions], [data-add-parameter]')) actions.hidden = false;
}

function renumber(editor) {
  rowsOf(editor).forEach((row, place) => { row.querySelector('[name$="-order"]').value = place + 1; });
}

function say(editor, words, values = {}) {
  const status = editor.querySelector('[data-parameter-status]');
  status.textContent = status.dataset[words].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function add(editor) {
  const taken = rowsOf(editor).map((row) => Number(/-(\d+)-/.exec(row.querySelector('[name]').name)[1]));
  const row = editor.querySelector('[data-parameter-template]').content.firstElementChild.cloneNode(true);
  for (const element of row.querySelectorAll('[id], [name], [for], [aria-describedby]')) {
    for (const attribute of ['id', 'name', 'for', 'aria-describedby']) {
      const value = element.getAttribute(attribute);
      if (value) element.setAttribute(attribute, value.replaceAll('-N-', `-${Math.max(-1, ...taken) + 1}-`));
    }
  }
  editor.querySelector('[data-parameter-rows]').append(row);
  prepare(editor);
  renumber(editor);
  row.querySelector('[name$="-name"]').focus();
}

function remove(editor, row) {
  const next = row.nextElementSibling?.matches('[data-parameter]') ? row.nextElementSibling : row.previousElementSibling;
  row.remove();
  renumber(editor);
  say(editor, 'removed');
  (next?.querySelector('[name$="-name"]') ?? editor.querySelector('[data-add-parameter]')).focus();
}

function move(editor, row, step, button) {
  const rows = rowsOf(editor);
  const to = rows.indexOf(row) + step;
  if (to < 0 || to >= rows.length) return;
  rows[to][step < 0 ? 'before' : 'after'](row);
  renumber(editor);
  say(editor, 'moved', { place: to + 1 });
  button.focus();
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[data-add-parameter], [data-remove-parameter], [data-move]');
  const editor = button?.closest('[data-parameters]');
  if (!editor) return;
  const row = button.closest('[data-parameter]');
  if (button.matches('[data-add-parameter]')) add(editor);
  else if (button.matches('[data-move]')) move(editor, row, Number(button.dataset.move), button);
  else remove(editor, row);
});

const prepareAll = () => document.querySelectorAll('[data-parameters]').forEach(prepare);
prepareAll();
document.addEventListener('htmx:after:swap', prepareAll);
