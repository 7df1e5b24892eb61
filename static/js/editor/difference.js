// Two texts in Monaco, in the place of the table the server wrote.
import { commonOptions, loadMonaco, turn } from './monaco.js';
import { store, stored } from './storage.js';

const LAYOUT = 'dastgoh:diff-layout'; // kept for the next time
const roomy = window.matchMedia('(min-width: 700px)');
const shown = new Set();

const isInline = () => stored('localStorage', LAYOUT) === 'inline';

/** Show how `modified` differs from `original` in `host`; `ready` resolves when the difference has been worked out. */
export function compare({ monaco }, host, original, modified, { language, labels }) {
  const models = [original, modified].map((text) => monaco.editor.createModel(text, language));
  const layout = () => ({ renderSideBySide: !isInline(), originalAriaLabel: labels[0], modifiedAriaLabel: labels[1] });
  const editor = monaco.editor.createDiffEditor(host, {
    ...commonOptions(),
    ...layout(),
    readOnly: true,
    useInlineViewWhenSpaceIsLimited: true,
    renderSideBySideInlineBreakpoint: 640,
    hideUnchangedRegions: { enabled: true, contextLineCount: 3, minimumLineCount: 4 },
    ignoreTrimWhitespace: false,
    renderOverviewRuler: false,
    renderMarginRevertIcon: false,
    renderGutterMenu: false,
    diffWordWrap: 'on',
    folding: false,
    stickyScroll: { enabled: false },
    renderLineHighlight: 'none',
    renderFinalNewline: 'off',
    lineDecorationsWidth: 22,
  });
  const fit = () => {
    const heights = [editor.getOriginalEditor(), editor.getModifiedEditor()].map((side) => side.getContentHeight());
    host.style.blockSize = `${Math.max(...heights)}px`;
  };
  const sides = [editor.getOriginalEditor(), editor.getModifiedEditor()];
  const listening = sides.map((side) => side.onDidContentSizeChange(fit));
  const ready = new Promise((resolve) => { listening.push(editor.onDidUpdateDiff(() => { fit(); resolve(); })); });
  editor.setModel({ original: models[0], modified: models[1] });
  const relayout = () => editor.updateOptions(layout()); // the labels again, or Monaco drops them
  return { editor, ready, relayout, dispose: () => [...listening, editor, ...models].forEach((each) => each.dispose()) };
}

/** A difference that stands in a page: [data-diff]. */
export class Difference {
  constructor(root) {
    const { diff, assets } = root.dataset;
    Object.assign(this, { root, ...JSON.parse(diff), assets: JSON.parse(assets), stop: new AbortController() });
    roomy.addEventListener('change', () => this.#fit(), { signal: this.stop.signal });
    this.#fit();
  }

  /** The reader chose "side" or "inline". */
  static choose(layout) {
    store('localStorage', LAYOUT, layout);
    for (const difference of shown) difference.#showLayout();
  }

  async #fit() {
    if (roomy.matches && !this.view) await this.#show();
    else if (!roomy.matches && this.view) this.#hide();
  }

  async #show() {
    const tools = await loadMonaco(this.assets).catch(() => null);
    await turn();
    if (!tools || this.view || this.stop.signal.aborted || !roomy.matches) return;
    const host = this.root.querySelector('[data-diff-host]');
    this.#swap(true); // Monaco measures what it stands in
    this.view = compare(tools, host, this.old, this.new, { language: this.language, labels: [this.oldLabel, this.newLabel] });
    shown.add(this);
    this.#showLayout();
    await this.view.ready;
    this.root.dataset.ready = 'yes';
  }

  #hide() {
    shown.delete(this);
    this.view?.dispose();
    this.view = undefined;
    delete this.root.dataset.ready;
    this.#swap(false);
  }

  #swap(monaco) {
    this.root.querySelector('[data-diff-plain]').hidden = monaco;
    this.root.querySelector('[data-diff-monaco]').hidden = !monaco;
    for (const group of this.#switches()) group.hidden = !monaco;
  }

  #switches() {
    return document.querySelectorAll(`[data-diff-switch="${CSS.escape(this.root.id)}"]`);
  }

  #showLayout() {
    const inline = isInline();
    this.view.relayout();
    this.root.classList.toggle('is-inline', inline);
    for (const button of [...this.#switches()].flatMap((group) => [...group.children])) {
      button.setAttribute('aria-pressed', String((button.value === 'inline') === inline));
    }
  }

  stands() {
    return this.root.isConnected && (!this.view || this.view.editor.getContainerDomNode().isConnected);
  }

  dispose() {
    this.stop.abort();
    this.#hide();
  }
}
