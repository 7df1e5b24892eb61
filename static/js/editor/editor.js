// One editor: the textarea, whatever stands in its place, and all that must not be lost. See templates/shared/editor.html.
import { refreshTimes } from '../live.js';
import { Check } from './check.js';
import { Code } from './code.js';
import { compare } from './difference.js';
import { Drafts } from './drafts.js';
import { loadMonaco, turn } from './monaco.js';
import { Plain } from './plain.js';
import { Status } from './status.js';
import { store, stored } from './storage.js';

const DRAFT_PAUSE_MS = 300;
const roomy = window.matchMedia('(min-width: 700px)'); // phones have keyboards of their own, which know textareas best

export class Editor {
  constructor(root) {
    const { editor: kind, options, words, assets, saved } = root.dataset;
    Object.assign(this, { root, kind, options: JSON.parse(options), words: JSON.parse(words), assets: JSON.parse(assets) });
    this.field = root.querySelector('[data-editor-field]');
    this.form = this.field.form;
    this.id = this.field.id;
    this.version = this.options.version;
    this.base = (saved ?? this.field.defaultValue).replaceAll('\r\n', '\n');
    this.placeName = `dastgoh:place:${this.options.draftKey ?? location.pathname + this.id}`;
    this.known = { server: this.options.validate || this.field.readOnly ? undefined : [], here: [] };
    this.stop = new AbortController();
    this.#start();
  }

  get text() {
    return this.surface.text;
  }

  get readOnly() {
    return this.field.readOnly;
  }

  #start() {
    const { signal } = this.stop;
    this.surface = new Plain(this.field, this.#listeners());
    this.status = new Status(this.root, this.words);
    if (this.options.validate) this.check = new Check(this.options.validate, (problems) => this.#learn({ server: problems }));
    this.root.addEventListener('click', (event) => this.#click(event), { signal });
    roomy.addEventListener('change', () => this.#fit(), { signal });
    const place = this.#rememberedPlace();
    if (place) this.surface.return(place);
    this.check?.now(this.text);
    this.#startDrafts();
    this.#fit();
  }

  #listeners() {
    return {
      onChange: () => this.#changed(),
      onKey: (wish) => this.#key(wish),
      onPlace: (place) => this.status.showPlace(place),
      onProblems: (here) => { this.root.dataset.ready = 'typed'; this.#learn({ here }); },
      onFocus: (yes) => this.status.showHint(yes),
    };
  }

  // --- Monaco where there is room, the textarea where there is not
  async #fit() {
    if (roomy.matches && this.surface instanceof Plain) await this.#upgrade();
    else if (!roomy.matches && this.surface instanceof Code) this.#use(() => new Plain(this.field, this.#listeners()));
  }

  async #upgrade() {
    const tools = await loadMonaco(this.assets).catch(() => null);
    await turn();
    const { options, field, words, kind } = this;
    if (!tools || this.stop.signal.aborted || !roomy.matches || !(this.surface instanceof Plain)) return;
    const box = this.root.querySelector('[data-editor-box]');
    this.#use(() => new Code({ tools, box, field, kind, words, options, ...this.#listeners() }));
    this.root.dataset.ready = 'shown';
  }

  /** Put another surface in the place of this one; focus and cursor move along. */
  #use(make) {
    const { hasFocus, place } = this.surface;
    this.surface.dispose();
    this.surface = make();
    const remembered = hasFocus ? place : this.#rememberedPlace();
    if (remembered) this.surface.return(remembered);
    if (hasFocus) this.surface.focus();
    this.#showProblems();
    const formatters = document.querySelectorAll(`[data-editor-format="${CSS.escape(this.id)}"]`);
    for (const button of formatters) button.hidden = this.readOnly || this.surface instanceof Plain;
    delete this.root.dataset.ready;
  }

  #changed() {
    this.#judge();
    this.check?.later(this.text);
    clearTimeout(this.draftTimer);
    this.draftTimer = setTimeout(() => this.#keepDraft(), DRAFT_PAUSE_MS);
  }

  #judge() {
    const dirty = !this.readOnly && this.text !== this.base;
    if (dirty === Boolean(this.dirty)) return;
    this.dirty = dirty;
    this.#tell('dirty', { dirty });
  }

  #key(wish) {
    if (wish === 'save' && this.readOnly) return;
    if (wish === 'save') this.sent = this.text;
    this.#tell(wish);
  }

  #tell(name, detail = {}) {
    const event = new CustomEvent(`dastgoh:${name}`, { bubbles: true, detail: { id: this.id, ...detail } });
    (this.form ?? this.root).dispatchEvent(event);
  }

  // --- problems: the server's and, where Monaco is, those of the declarations
  #learn(news) {
    Object.assign(this.known, news);
    this.#showProblems();
  }

  #showProblems() {
    const { server, here } = this.known;
    if (server === undefined) return; // not a word before the first verdict
    const isBroken = server?.some(({ severity }) => severity === 'error');
    const isTold = ({ line, column }) => server?.some((other) => other.line === line && other.column === column);
    const more = isBroken ? [] : here.filter((problem) => !isTold(problem));
    const problems = [...(server ?? []), ...more].sort((one, other) => one.line - other.line || one.column - other.column);
    this.surface.mark(problems);
    this.first = problems[0];
    const shown = server === null && !problems.length ? null : problems;
    this.#tell('problems', { ...this.status.showProblems(shown, this.surface instanceof Plain), checked: server !== null });
  }

  #showNextProblem() {
    if (this.surface instanceof Code) this.surface.showNextProblem();
    else if (this.first) this.surface.goto(this.first.line, this.first.column);
  }

  // --- drafts
  #startDrafts() {
    if (this.options.draftKey && !this.readOnly) {
      this.drafts = new Drafts(this.options.owner, this.options.draftKey);
      this.drafts.settle(this.base);
    }
    this.#judge();
    if (this.dirty) this.#keepDraft();
    this.#offer();
  }

  #keepDraft(sent = false) {
    clearTimeout(this.draftTimer);
    if (this.dirty) this.drafts?.keep(this.text, this.version, sent);
    else this.drafts?.drop();
  }

  #offer() {
    if (!this.drafts) return;
    const isKnown = ({ text }) => text === this.base || text === this.text;
    for (const { id } of this.drafts.others().filter(isKnown)) this.drafts.drop(id);
    this.offered = this.drafts.others()[0];
    const bar = this.root.querySelector('[data-editor-offer]');
    bar.hidden = !this.offered;
    if (this.offered) this.#describe(bar);
  }

  #describe(bar) {
    const { at, version } = this.offered;
    const time = bar.querySelector('[data-offer-time]');
    time.dateTime = new Date(at).toISOString();
    time.textContent = new Date(at).toLocaleString(document.documentElement.lang, { dateStyle: 'short', timeStyle: 'short' });
    time.dataset.relative = '';
    refreshTimes();
    const isOlder = version != null && this.version != null && String(version) !== String(this.version);
    const words = this.words.offerOlder.replace('{version}', version).replace('{current}', this.version);
    bar.querySelector('[data-offer-note]').textContent = isOlder ? words : '';
  }

  #click({ target }) {
    if (target.closest('[data-editor-problems]')) this.#showNextProblem();
    const answer = target.closest('[data-offer]')?.dataset.offer;
    if (answer === 'compare') return this.#compare();
    if (answer) this.root.querySelector('[data-editor-compare]').close();
    if (answer === 'restore') this.#restore();
    if (answer === 'discard') this.drafts.drop(this.offered.id);
    if (answer) this.#offer();
    return undefined;
  }

  #restore() {
    this.surface.replace(this.offered.text);
    this.drafts.drop(this.offered.id);
    this.#keepDraft();
    this.surface.focus();
  }

  async #compare() {
    const dialog = this.root.querySelector('[data-editor-compare]');
    const host = dialog.querySelector('[data-compare-host]');
    dialog.showModal();
    const labels = [...dialog.querySelectorAll('.diff-editor-head > span')].map(({ textContent }) => textContent);
    const tools = await loadMonaco(this.assets).catch(() => null);
    host.textContent = tools ? '' : this.offered.text; // to be read at least
    if (!tools) return;
    const difference = compare(tools, host, this.text, this.offered.text, { language: this.kind, labels });
    const close = () => difference.dispose();
    if (dialog.open) dialog.addEventListener('close', close, { once: true, signal: this.stop.signal });
    else close();
  }

  // --- what pages ask for
  saved({ version, source }) {
    this.base = (source ?? this.sent ?? this.text).replaceAll('\r\n', '\n');
    this.version = version ?? this.version;
    this.sent = undefined;
    this.#judge();
    this.#keepDraft();
    this.remember();
  }

  goto({ line, column = 1 }) {
    this.surface.goto(Number(line), Number(column));
  }

  insert({ text }) {
    if (!this.readOnly) this.surface.insert(text);
  }

  replace({ text }) {
    if (!this.readOnly) this.surface.replace(text);
  }

  parameters(detail) {
    this.options.parameters = Array.isArray(detail) ? detail : detail.parameters ?? [];
    if (this.surface instanceof Code) this.surface.useParameters(this.options.parameters);
  }

  format() {
    if (this.surface instanceof Code && !this.readOnly) this.surface.format();
  }

  // --- coming and going
  submitted(leaves) {
    this.sent = this.text;
    this.leaving = leaves;
    if (leaves) this.#keepDraft(true);
  }

  stays() {
    this.leaving = false;
  }

  wouldLose() {
    return Boolean(this.drafts && this.dirty && !this.leaving);
  }

  remember() {
    if (!this.leaving) this.#keepDraft();
    store('sessionStorage', this.placeName, this.surface.place);
  }

  #rememberedPlace() {
    return stored('sessionStorage', this.placeName);
  }

  stands() {
    return this.root.isConnected && this.surface.stands;
  }

  dispose() {
    this.remember();
    this.stop.abort();
    this.check?.dispose();
    this.surface.dispose();
    clearTimeout(this.draftTimer);
  }
}
