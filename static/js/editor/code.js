// Monaco over the textarea: the same text, kept in step with every keystroke.
import { offerHovers } from './hovers.js';
import { commonOptions } from './monaco.js';
import { offerSnippets } from './snippets.js';
import { diagnose, inputSchema, inputTypeOf, useTypings } from './typings.js';

const DIAGNOSE_PAUSE_MS = 300;
const OWNER = 'dastgoh';
let made = 0;

export class Code {
  constructor({ tools, box, field, kind, words, options, ...listeners }) {
    Object.assign(this, { tools, box, field, kind, words, options, listeners, disposables: [] });
    const { monaco } = tools;
    this.host = box.appendChild(Object.assign(document.createElement('div'), { className: 'editor-host' }));
    const uri = monaco.Uri.parse(`file:///${made += 1}/${kind === 'json' ? 'input.json' : 'script.js'}`);
    this.model = monaco.editor.createModel(field.value, kind, uri);
    this.model.setEOL(monaco.editor.EndOfLineSequence.LF);
    this.host.style.minBlockSize = `${field.offsetHeight}px`;
    this.editor = monaco.editor.create(this.host, this.#monacoOptions());
    box.classList.add('has-monaco');
    this.#fitHeight();
    this.#listen();
    this.#addActions();
    if (kind === 'javascript') this.#startTypings();
    else this.#startJson();
  }

  #monacoOptions() {
    const { field, model, words, kind } = this;
    return {
      ...commonOptions(),
      model,
      readOnly: field.readOnly,
      ariaLabel: `${field.getAttribute('aria-label')}. ${words.leave}`,
      padding: { top: 10, bottom: 10 },
      tabSize: 2,
      renderFinalNewline: field.readOnly ? 'off' : 'on',
      renderLineHighlightOnlyWhenFocus: true,
      wordBasedSuggestions: 'off',
      quickSuggestions: { other: true, strings: kind === 'json', comments: false },
      suggest: { showWords: false, snippetsPreventQuickSuggestions: false, preview: false },
      tabCompletion: 'on',
      linkedEditing: false,
      folding: kind === 'javascript',
      ...(kind === 'json' && { lineNumbers: 'off', lineDecorationsWidth: 16, links: false, wordWrap: 'on' }),
      stickyScroll: { enabled: false },
      inlayHints: { enabled: 'off' },
    };
  }

  // The editor is as high as its text, within what CSS allows; beyond that it scrolls.
  #fitHeight() {
    const fit = () => { this.host.style.blockSize = `${this.editor.getContentHeight()}px`; };
    fit();
    this.disposables.push(this.editor.onDidContentSizeChange(({ contentHeightChanged }) => contentHeightChanged && fit()));
  }

  #listen() {
    const { editor, model, field, listeners } = this;
    this.disposables.push(
      model.onDidChangeContent(() => {
        field.value = this.text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        listeners.onChange();
        this.#diagnoseLater();
      }),
      editor.onDidChangeCursorPosition(({ position }) => listeners.onPlace({ line: position.lineNumber, column: position.column })),
      editor.onDidFocusEditorWidget(() => listeners.onFocus(true)),
      editor.onDidBlurEditorWidget(() => { this.#letTabLeave(false); listeners.onFocus(false); }),
      editor.onKeyDown((event) => this.#watchEscape(event)),
    );
  }

  // Tab indents, so there must be another way out by keyboard: Escape first.
  #watchEscape({ browserEvent: { key } }) {
    if (key === 'Escape') this.#letTabLeave(true);
    else if (key !== 'Tab' && key !== 'Shift') this.#letTabLeave(false);
  }

  #letTabLeave(yes) {
    if (yes !== Boolean(this.tabLeaves)) this.editor.updateOptions({ tabFocusMode: yes });
    this.tabLeaves = yes;
  }

  #addActions() {
    const { KeyMod, KeyCode } = this.tools.monaco;
    const keys = { save: KeyCode.KeyS, execute: KeyCode.Enter };
    for (const [wish, key] of Object.entries(keys)) {
      this.disposables.push(this.editor.addAction({
        id: `dastgoh.${wish}`, label: this.words[wish], keybindings: [KeyMod.CtrlCmd | key], run: () => this.listeners.onKey(wish),
      }));
    }
  }

  // --- JavaScript: what the server declares, and what the declared parameters add to it
  async #startTypings() {
    offerHovers(this.tools, this.words.hovers);
    offerSnippets(this.tools.monaco, this.words.snippets);
    this.declarations = await useTypings(this.tools, this.options.typings);
    // An old version shown beside the editor does not say what the input is now.
    if (!this.field.readOnly || !this.declarations?.described) this.declarations?.describe(this.options.inputType);
    this.#diagnoseLater();
  }

  async useParameters(parameters) {
    if (this.kind === 'json') return this.#useSchema(parameters);
    const type = await inputTypeOf(this.options.inputTypes, parameters);
    if (type === null || this.model.isDisposed()) return undefined;
    this.options.inputType = type;
    this.declarations?.describe(type);
    return this.#diagnoseLater();
  }

  #diagnoseLater() {
    clearTimeout(this.timer);
    if (this.declarations && this.options.validate) {
      this.timer = setTimeout(() => this.#diagnose(), DIAGNOSE_PAUSE_MS);
    }
  }

  async #diagnose() {
    if (this.model.isDisposed()) return; // a tablet was turned while the declarations were on their way
    const version = this.model.getVersionId();
    const problems = await diagnose(this.tools, this.model).catch(() => []);
    if (!this.model.isDisposed() && this.model.getVersionId() === version) this.listeners.onProblems(problems);
  }

  // --- JSON: Monaco's own worker checks it
  #startJson() {
    const { editor: editors } = this.tools.monaco;
    this.#useSchema(this.options.parameters);
    this.disposables.push(editors.onDidChangeMarkers((changed) => {
      if (!changed.some((uri) => String(uri) === String(this.model.uri))) return;
      this.listeners.onProblems(editors.getModelMarkers({ resource: this.model.uri, owner: 'json' }).map(problemOf));
    }));
  }

  #useSchema(parameters) {
    const { jsonDefaults } = this.tools.json;
    const uri = String(this.model.uri);
    const others = (jsonDefaults.diagnosticsOptions.schemas ?? []).filter((schema) => schema.uri !== `${uri}#schema`);
    const ours = parameters?.length ? [{ uri: `${uri}#schema`, fileMatch: [uri], schema: inputSchema(parameters) }] : [];
    jsonDefaults.setDiagnosticsOptions({ ...jsonDefaults.diagnosticsOptions, validate: true, schemas: [...others, ...ours] });
  }

  // --- what every surface can do
  get text() {
    return this.model.getValue(this.tools.monaco.editor.EndOfLinePreference.LF);
  }

  /** As an edit, so that it can be undone. */
  replace(text) {
    this.editor.pushUndoStop();
    this.editor.executeEdits(OWNER, [{ range: this.model.getFullModelRange(), text }]);
    this.editor.pushUndoStop();
  }

  insert(text) {
    this.editor.executeEdits(OWNER, [{ range: this.editor.getSelection(), text, forceMoveMarkers: true }]);
    this.editor.focus();
  }

  goto(lineNumber, column) {
    const position = this.model.validatePosition({ lineNumber, column });
    this.editor.setPosition(position);
    this.editor.revealPositionInCenter(position);
    this.host.scrollIntoView({ block: 'nearest' });
    this.editor.focus();
  }

  format() {
    this.editor.focus();
    return this.editor.getAction('editor.action.formatDocument')?.run();
  }

  showNextProblem() {
    this.editor.focus();
    this.editor.trigger(OWNER, 'editor.action.marker.next', null);
  }

  mark(problems) {
    if (this.kind === 'json') return; // they come from Monaco, which has marked them
    const { editor, MarkerSeverity } = this.tools.monaco;
    editor.setModelMarkers(this.model, OWNER, problems.map((problem) => ({
      severity: problem.severity === 'error' ? MarkerSeverity.Error : MarkerSeverity.Warning,
      message: problem.message,
      startLineNumber: problem.line, startColumn: problem.column, endLineNumber: problem.endLine, endColumn: problem.endColumn,
    })));
  }

  get place() {
    const { lineNumber: line, column } = this.editor.getPosition();
    return { line, column, top: this.editor.getScrollTop() };
  }

  return({ line, column, top }) {
    this.editor.setPosition(this.model.validatePosition({ lineNumber: line, column }));
    this.editor.setScrollTop(top);
  }

  get hasFocus() {
    return this.editor.hasWidgetFocus();
  }

  get stands() {
    return this.host.isConnected;
  }

  focus() {
    this.editor.focus();
  }

  dispose() {
    clearTimeout(this.timer);
    for (const disposable of this.disposables) disposable.dispose();
    this.editor.dispose();
    this.model.dispose();
    this.host.remove();
    this.box.classList.remove('has-monaco');
  }
}

const problemOf = ({ message, severity, startLineNumber, startColumn, endLineNumber, endColumn }) => ({
  message, severity: severity >= 8 ? 'error' : 'warning', line: startLineNumber, column: startColumn, endLine: endLineNumber, endColumn,
});
