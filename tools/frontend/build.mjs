// Build the browser assets out of node_modules into static/. Run by the set-up (tools/setup/frontend.py) when an input changed.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildMonaco } from './monaco.mjs';
import { buildSprite } from './icons.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
process.chdir(root);

function emptied(directory) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

/** Copy a finished file; its source map stays behind, so the comment that names it goes too. */
function copyScript(from, to) {
  fs.writeFileSync(to, fs.readFileSync(from, 'utf8').replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, '\n'));
}

const build = emptied('static/build');
copyScript('node_modules/htmx.org/dist/htmx.min.js', path.join(build, 'htmx.min.js'));
fs.writeFileSync(path.join(build, 'icons.svg'), buildSprite('tools/icons.txt', 'node_modules/@tabler/icons/icons/outline'));

const monaco = emptied('static/monaco');
await buildMonaco(monaco);
copyScript('node_modules/monaco-editor/min/vs/nls/lang/ru.js', path.join(monaco, 'nls.ru.js'));

const expected = JSON.parse(fs.readFileSync('tools/frontend/outputs.json', 'utf8'));
const missing = expected.filter((file) => !fs.existsSync(file));
if (missing.length) throw new Error(`The build did not make ${missing.join(', ')}`);
