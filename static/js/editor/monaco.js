// Monaco, fetched once when the first editor needs it, dressed in the colours of static/css/tokens.css.
import { shownTheme } from '../theme.js';

let loading;

/** Resolves to { monaco, typescript, json }; a failed load may be tried again. */
export function loadMonaco(assets) {
  loading ??= load(assets).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

let queue = Promise.resolve();

/** Resolves at once for the first editor of a page; the others wait a moment, so that the first is painted before they are made. */
export function turn() {
  const mine = queue;
  queue = mine.then(() => new Promise((resolve) => { setTimeout(resolve, 20); }));
  return mine;
}

async function load({ monaco: address, style, texts, workers }) {
  self.MonacoEnvironment = { getWorker: (_id, label) => new Worker(workers[label] ?? workers.editor, { name: label }) };
  await Promise.all([styleSheet(style), texts && import(texts)]); // Monaco reads its words while it is evaluated
  const tools = await import(address);
  const { KeyMod, KeyCode, editor } = tools.monaco;
  editor.addKeybindingRule({ keybinding: KeyMod.CtrlCmd | KeyCode.Enter, command: '-editor.action.insertLineAfter' }); // it executes
  dress(tools.monaco);
  document.addEventListener('dastgoh:theme', () => dress(tools.monaco));
  return tools;
}

function styleSheet(href) {
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href, onload: resolve, onerror: reject });
    document.head.append(link);
  });
}

// Monaco's names for colours, by ours.
const COLOURS = {
  surface: ['editor.background', 'editorGutter.background', 'editorStickyScroll.background', 'editorWidget.background',
    'editorSuggestWidget.background', 'editorHoverWidget.background', 'quickInput.background', 'menu.background',
    'diffEditor.border', 'peekViewEditor.background', 'dropdown.background'],
  ink: ['editor.foreground', 'foreground', 'editorWidget.foreground', 'editorSuggestWidget.foreground', 'quickInput.foreground',
    'editorHoverWidget.foreground', 'menu.foreground', 'input.foreground', 'editorLineNumber.activeForeground',
    'editorSuggestWidget.selectedForeground', 'list.focusForeground', 'quickInputList.focusForeground', 'menu.selectionForeground',
    'list.activeSelectionForeground', 'editorSuggestWidget.selectedIconForeground', 'icon.foreground',
    ...[1, 2, 3, 4, 5, 6].map((depth) => `editorBracketHighlight.foreground${depth}`)],
  'ink-muted': ['editorLineNumber.foreground', 'input.placeholderForeground', 'diffEditor.unchangedRegionForeground',
    'descriptionForeground', 'editorHint.foreground', 'editorCodeLens.foreground'],
  line: ['editorWidget.border', 'editorHoverWidget.border', 'editorSuggestWidget.border', 'menu.border', 'menu.separatorBackground',
    'editorIndentGuide.background1', 'pickerGroup.border', 'editorStickyScroll.border', 'widget.border', 'editorRuler.foreground'],
  'line-strong': ['editorIndentGuide.activeBackground1', 'editorBracketMatch.border'],
  'line-field': ['input.border', 'inputOption.activeBorder'],
  'surface-sunken': ['input.background', 'diffEditor.unchangedRegionBackground', 'editorHoverWidget.statusBarBackground',
    'diffEditor.diagonalFill', 'textCodeBlock.background', 'peekViewResult.background'],
  'surface-hover': ['editor.lineHighlightBackground', 'list.hoverBackground', 'editorStickyScrollHover.background'],
  accent: ['editorCursor.foreground', 'focusBorder', 'list.highlightForeground', 'editorSuggestWidget.highlightForeground',
    'list.focusHighlightForeground', 'editorSuggestWidget.focusHighlightForeground', 'textLink.foreground', 'pickerGroup.foreground',
    'textLink.activeForeground', 'editorLink.activeForeground', 'progressBar.background', 'peekView.border'],
  'accent-soft': ['editorSuggestWidget.selectedBackground', 'list.focusBackground', 'list.activeSelectionBackground',
    'quickInputList.focusBackground', 'menu.selectionBackground', 'editorBracketMatch.background', 'inputOption.activeBackground'],
  'error-solid': ['editorError.foreground'],
  'warn-solid': ['editorWarning.foreground'],
  'run-solid': ['editorInfo.foreground'],
  'diff-add': ['diffEditor.insertedLineBackground', 'diffEditorGutter.insertedLineBackground'],
  'diff-add-word': ['diffEditor.insertedTextBackground'],
  'diff-del': ['diffEditor.removedLineBackground', 'diffEditorGutter.removedLineBackground'],
  'diff-del-word': ['diffEditor.removedTextBackground'],
};
// With an alpha that lets the text through.
const VEILS = { accent: [['editor.selectionBackground', '40'], ['editor.inactiveSelectionBackground', '22'],
  ['editor.selectionHighlightBackground', '22'], ['editor.wordHighlightBackground', '1f'], ['editor.wordHighlightStrongBackground', '2b'],
  ['editor.findMatchBackground', '55'], ['editor.findMatchHighlightBackground', '2b'], ['editor.rangeHighlightBackground', '1a']] };
const TOKENS = {
  'code-keyword': ['keyword', 'keyword.json'],
  'code-string': ['string', 'string.escape', 'string.value.json', 'regexp'],
  'code-number': ['number', 'number.json'],
  'code-name': ['identifier.function', 'string.key.json'],
  'code-comment': ['comment'],
  ink: ['', 'identifier', 'type', 'type.identifier', 'delimiter', 'delimiter.bracket'],
};

function dress(monaco) {
  const colour = reader();
  const colors = { 'widget.shadow': '#00000022', 'scrollbar.shadow': '#00000000', 'diffEditor.unchangedCodeBackground': '#00000000',
    'editorUnnecessaryCode.opacity': '#000000c0' };
  for (const [name, uses] of Object.entries(COLOURS)) for (const use of uses) colors[use] = colour(name);
  for (const [name, uses] of Object.entries(VEILS)) for (const [use, alpha] of uses) colors[use] = colour(name) + alpha;
  const rules = Object.entries(TOKENS).flatMap(([name, uses]) => uses.map((token) => (
    { token, foreground: colour(name).slice(1), fontStyle: token === 'comment' ? 'italic' : '' })));
  colour.done();
  const base = shownTheme() === 'dark' ? 'vs-dark' : 'vs';
  monaco.editor.defineTheme('dastgoh', { base, inherit: true, colors, rules });
  monaco.editor.setTheme('dastgoh');
}

/** Reads custom properties as #rrggbb, whatever they are written with. */
function reader() {
  const probe = document.body.appendChild(document.createElement('i'));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    return `#${[red, green, blue].map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
  };
  return Object.assign(read, { done: () => probe.remove() });
}

/** Options that every editor of the page shares. */
export function commonOptions() {
  const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  return {
    theme: 'dastgoh',
    automaticLayout: true,
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
    fontSize: 13,
    lineHeight: 20,
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    scrollbar: { alwaysConsumeMouseWheel: false, useShadows: false, verticalScrollbarSize: 10, horizontalScrollbarSize: 10 },
    overviewRulerLanes: 0,
    overviewRulerBorder: false,
    hideCursorInOverviewRuler: true,
    fixedOverflowWidgets: true,
    cursorBlinking: calm ? 'solid' : 'blink',
    smoothScrolling: false,
    lineNumbersMinChars: 4,
    glyphMargin: false,
    // A Cyrillic letter in a name is a trap worth showing; in a sentence it is only Russian.
    unicodeHighlight: { includeComments: false, includeStrings: false, allowedLocales: { ru: true, uz: true } },
  };
}
