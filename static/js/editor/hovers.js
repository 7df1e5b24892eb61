// What a name means, under the pointer: its signature, what the declarations say in the reader's language, an example as code.
import { workerFor } from './typings.js';

const textOf = (parts) => (parts ?? []).map(({ text }) => text).join('');
const fenced = (language, code) => `\`\`\`${language}\n${code}\n\`\`\``;
let offered = false;

export function offerHovers({ monaco, typescript }, words) {
  if (offered) return;
  offered = true;
  const defaults = typescript.javascriptDefaults;
  defaults.setModeConfiguration({ ...defaults.modeConfiguration, hovers: false }); // Monaco's own run an example together
  monaco.languages.registerHoverProvider('javascript', {
    provideHover: (model, position) => hover(typescript, words, model, position),
  });
}

async function hover(typescript, words, model, position) {
  const worker = await workerFor(typescript, model.uri);
  if (model.isDisposed()) return undefined;
  const info = await worker.getQuickInfoAtPosition(model.uri.toString(), model.getOffsetAt(position));
  if (!info || model.isDisposed()) return undefined;
  const start = model.getPositionAt(info.textSpan.start);
  const end = model.getPositionAt(info.textSpan.start + info.textSpan.length);
  const said = [textOf(info.documentation), ...(info.tags ?? []).map((tag) => tagged(tag, words))].filter(Boolean);
  return {
    range: { startLineNumber: start.lineNumber, startColumn: start.column, endLineNumber: end.lineNumber, endColumn: end.column },
    contents: [fenced('typescript', textOf(info.displayParts)), ...said].map((value) => ({ value })),
  };
}

function tagged({ name, text }, words) {
  if (name === 'example') return `${words.example}\n${fenced('js', textOf(text))}`;
  if (name === 'default') return `${words.default}: \`${textOf(text)}\``;
  if (name !== 'param' || !text?.length) return '';
  const [parameter, ...description] = text;
  return `\`${parameter.text}\` — ${textOf(description).trim()}`;
}
