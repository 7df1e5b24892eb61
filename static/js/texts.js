// Translated words for scripts, from templates/shared/_texts.html.
const texts = JSON.parse(document.getElementById('texts')?.textContent || '{}');

export function text(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
