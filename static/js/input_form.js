// The input of a run as fields or as JSON (templates/parameters/_fields.html). Without scripts both exist and the chosen one
// counts; with them, what was typed into one is carried over to the other.
const holder = (element) => element.closest?.('[data-input-form]');
const nameOf = (field) => field.name.slice('input.'.length);
const fieldsOf = (root) => [...root.querySelectorAll('[data-type]')];
const rawOf = (root) => root.querySelector('[name="input_json"]');

function complain(root, words) {
  const raw = rawOf(root);
  root.querySelector('[data-complaint]')?.remove();
  if (!words) return raw.removeAttribute('aria-invalid');
  raw.setAttribute('aria-invalid', 'true');
  const line = document.createElement('p');
  line.className = 'field-error';
  line.dataset.complaint = '';
  line.setAttribute('role', 'alert');
  line.textContent = words;
  raw.after(line);
}

function numberFrom(text) {
  const bare = text.replace(/\s/g, '');
  const number = Number(bare.replace(/^([-+]?\d+),(\d+)$/, '$1.$2'));
  return bare && Number.isFinite(number) ? number : text;
}

function jsonFrom(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text; // shown as it was typed; the server says what is wrong with it
  }
}

function read(field) {
  const { type } = field.dataset;
  if (field.type === 'checkbox') return field.checked;
  if (field.value === '') return undefined;
  if (type === 'number' || type === 'integer') return numberFrom(field.value);
  if (type === 'object' || type === 'array') return jsonFrom(field.value);
  if (type === 'boolean' || type === 'enum') return jsonFrom(field.selectedOptions[0]?.dataset.json ?? JSON.stringify(field.value));
  return field.value;
}

function write(field, value) {
  if (field.type === 'checkbox') field.checked = value === true;
  else if (value === undefined || value === null) field.value = '';
  else field.value = typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

function toJson(root) {
  const read1 = fieldsOf(root).map((field) => [nameOf(field), read(field)]);
  rawOf(root).value = JSON.stringify(Object.fromEntries(read1), null, 2);
  complain(root);
}

// False when the fields cannot hold what the JSON says: then it stays JSON, and nothing is lost.
function toFields(root) {
  const text = rawOf(root).value.trim() || '{}';
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return complain(root, root.dataset.notJson) ?? false;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return complain(root, root.dataset.notObject) ?? false;
  const known = new Set(fieldsOf(root).map(nameOf));
  const more = Object.keys(value).filter((key) => !known.has(key));
  if (more.length) return complain(root, root.dataset.moreKeys.replace('{names}', more.join(', '))) ?? false;
  fieldsOf(root).forEach((field) => write(field, value[nameOf(field)]));
  complain(root);
  return true;
}

document.addEventListener('change', (event) => {
  const root = holder(event.target);
  if (!root || event.target.name !== 'input_mode') return;
  if (event.target.value === 'json') toJson(root);
  else if (!toFields(root)) {
    root.querySelector('[name="input_mode"][value="json"]').checked = true;
    rawOf(root).focus();
  }
});

document.addEventListener('input', (event) => {
  const root = holder(event.target);
  if (root && event.target === rawOf(root)) complain(root);
});
