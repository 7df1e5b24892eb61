// One SVG file with a <symbol> for each icon that tools/icons.txt names; colour and stroke come from CSS.
import fs from 'node:fs';
import path from 'node:path';

export function buildSprite(listFile, directory) {
  const names = fs.readFileSync(listFile, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  if (repeated.length) throw new Error(`${listFile} names twice: ${repeated.join(', ')}`);
  const missing = names.filter((name) => !fs.existsSync(path.join(directory, `${name}.svg`)));
  if (missing.length) throw new Error(`${listFile} names icons that do not exist: ${missing.join(', ')}`);
  const symbols = names.map((name) => symbol(name, fs.readFileSync(path.join(directory, `${name}.svg`), 'utf8')));
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join('\n')}\n</svg>\n`;
}

function symbol(name, source) {
  const inner = source.match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1]
    .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '') // an invisible box around every Tabler icon
    .replace(/\s+/g, ' ').trim();
  return `<symbol id="icon-${name}" viewBox="0 0 24 24">${inner}</symbol>`;
}
