// Beginnings of the scripts people write most. They show up where a statement can begin.
const BODIES = {
  cron: [
    'const since = new Date(Date.now() - ${1:24} * 3600 * 1000).toISOString();',
    'const rows = await sdk.db.query("${2:SELECT id FROM orders WHERE status = ?}", [${3:"new"}]);',
    'sdk.log.info("${4:Found}", { since, count: rows.length });',
    'return { count: rows.length };',
  ],
  event: [
    'const { type, data } = context.event ?? { type: "${1:sales.order.paid}", data: context.input };',
    'await sdk.once(`\\${type}:\\${data.${2:id}}`, async () => {',
    '\t$0',
    '});',
    'return { handled: type };',
  ],
  http: [
    'const { method, params, body } = context.request ?? { method: "${1:POST}", params: {}, body: context.input };',
    'if (!body?.${2:id}) return { status: 422, body: { error: "${2:id} is missing" } };',
    '$0',
    'return { status: 200, body: { ok: true, method, params } };',
  ],
  api: [
    'const key = await sdk.secrets.get("${1:api_key}");',
    'const answer = await sdk.http.get("${2:https://api.example.com/rates}", {',
    '\theaders: { Authorization: `Bearer \\${key}` },',
    '\tquery: { ${3:base: "USD"} },',
    '});',
    'if (answer.status !== 200) throw new Error(`The answer was \\${answer.status}`);',
    'const ${4:rates} = answer.json();$0',
  ],
  query: [
    'const ${1:rows} = await sdk.db.query(',
    '\t"${2:SELECT id, name FROM clients WHERE city = ? ORDER BY name}",',
    '\t[${3:"Toshkent"}],',
    ');$0',
  ],
  retry: [
    'const ${1:receipt} = await sdk.once(`${2:invoice}:\\${${3:context.input.id}}`, async () => {',
    '\tconst answer = await sdk.http.post("${4:https://api.example.com/invoices}", ${5:context.input});',
    '\tif (answer.status >= 500) throw new sdk.RetryAfter(${6:60}, `The answer was \\${answer.status}`);',
    '\treturn answer.json();',
    '});$0',
  ],
};
let offered = false;

/** The snippet as it reads when it has been inserted. */
const plain = (snippet) => snippet.replaceAll('$0', '').replace(/\$\{\d+:([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/g, '$1').replaceAll('\\$', '$')
  .replaceAll('\t', '  ');

/** words: {cron: {label, text}, …} in the reader's language; typing the English key finds them as well. */
export function offerSnippets(monaco, words) {
  if (offered) return;
  offered = true;
  monaco.languages.registerCompletionItemProvider('javascript', {
    provideCompletionItems: (model, position) => ({ suggestions: suggestions(monaco, words, model, position) }),
  });
}

function suggestions({ languages }, words, model, { lineNumber, column }) {
  const word = model.getWordUntilPosition({ lineNumber, column });
  const before = model.getLineContent(lineNumber).slice(0, word.startColumn - 1);
  if (before.trim() && !/[;{}]\s*$/.test(before)) return [];
  const range = { startLineNumber: lineNumber, endLineNumber: lineNumber, startColumn: word.startColumn, endColumn: word.endColumn };
  return Object.entries(BODIES).map(([name, lines]) => ({
    label: { label: words[name].label, description: name },
    kind: languages.CompletionItemKind.Snippet,
    insertTextRules: languages.CompletionItemInsertTextRule.InsertAsSnippet,
    insertText: lines.join('\n'),
    filterText: `${words[name].label} ${name}`,
    detail: words[name].text,
    documentation: { value: `\`\`\`js\n${plain(lines.join('\n'))}\n\`\`\`` },
    sortText: `~${name}`,
    range,
  }));
}
