// The textarea as it is: on phones, and until Monaco has arrived.
export class Plain {
  constructor(field, { onChange, onKey }) {
    this.field = field;
    this.stop = new AbortController();
    const { signal } = this.stop;
    field.addEventListener('input', onChange, { signal });
    field.addEventListener('keydown', (event) => this.#key(event, onKey), { signal });
  }

  get text() {
    return this.field.value;
  }

  replace(text) {
    this.field.value = text;
    this.field.dispatchEvent(new Event('input', { bubbles: true }));
  }

  insert(text) {
    const { selectionStart, selectionEnd } = this.field;
    this.field.setRangeText(text, selectionStart, selectionEnd, 'end');
    this.field.focus();
    this.field.dispatchEvent(new Event('input', { bubbles: true }));
  }

  goto(line, column) {
    const lines = this.text.split('\n');
    const at = Math.min(line, lines.length) - 1;
    const offset = lines.slice(0, at).reduce((sum, each) => sum + each.length + 1, 0) + Math.min(column - 1, lines[at].length);
    this.field.focus();
    this.field.setSelectionRange(offset, offset);
    const lineHeight = parseFloat(getComputedStyle(this.field).lineHeight);
    this.field.scrollTop = Math.max(0, at * lineHeight - this.field.clientHeight / 2);
  }

  get place() {
    const before = this.text.slice(0, this.field.selectionStart).split('\n');
    return { line: before.length, column: before.at(-1).length + 1, top: this.field.scrollTop };
  }

  return({ top }) {
    this.field.scrollTop = top;
  }

  get hasFocus() {
    return document.activeElement === this.field;
  }

  focus() {
    this.field.focus();
  }

  get stands() {
    return this.field.isConnected;
  }

  mark() {} // a textarea cannot underline anything; the status line names the first problem

  dispose() {
    this.stop.abort();
  }

  // Stopped here: static/js/forms.js would send the form for Ctrl+Enter, static/js/shortcuts.js press a button a second time.
  #key(event, onKey) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
    const wish = { s: 'save', Enter: 'execute' }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!wish) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) onKey(wish);
  }
}
