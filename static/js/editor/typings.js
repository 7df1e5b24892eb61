// What the editor knows of a script's world: the declarations of sdk, context and console, and the script's own input.
import { post } from './post.js';

const OUR_DECLARATIONS = 'file:///dastgoh.d.ts';
const UNTYPED_INPUT = 'readonly input: any;';
const MOST_TRIES = 100;
const fetched = new Map();

// A script runs as it is written: what TypeScript would only like better is not a problem, and neither is what the wrapper
// of a script allows (await at its top) or what the server says more exactly (names scripts do not have).
const HARMLESS = new Set([1375, 1378, 1431, 1432, 2307, 2322, 2362, 2363, 2403, 2580, 2591, 2769, 7016]);
const HINTS = [7043, 7044, 7045, 7046, 7047, 7048, 7049, 7050, 80001, 80003, 80004, 80005, 80006];

/** Fetches the declarations of `url`; resolves to { describe(inputType) }, which gives them to TypeScript with ScriptInput, or to
 *  null. All editors of a page share them. */
export async function useTypings({ typescript }, url) {
  const defaults = typescript.javascriptDefaults;
  defaults.setCompilerOptions({
    target: typescript.ScriptTarget.ESNext, module: typescript.ModuleKind.ESNext, lib: ['esnext'],
    moduleDetection: 3, // "force": names of a script hide global ones, as they do when it runs
    allowNonTsExtensions: true, allowJs: true, checkJs: true, strict: false,
  });
  // Syntax is the server's word, as it asks the engine itself; the rest of the diagnostics are picked from in diagnose().
  defaults.setDiagnosticsOptions({ noSyntaxValidation: true, noSemanticValidation: true, diagnosticCodesToIgnore: HINTS });
  const declarations = await declarationsOf(url);
  return declarations && {
    get described() {
      return OUR_DECLARATIONS in defaults.getExtraLibs();
    },
    describe(input) {
      defaults.addExtraLib(`${declarations.replace(UNTYPED_INPUT, 'readonly input: ScriptInput;')}\n${input}`, OUR_DECLARATIONS);
    },
  };
}

function declarationsOf(url) {
  if (!fetched.has(url)) {
    const failed = () => { fetched.delete(url); return null; };
    fetched.set(url, fetch(url).then((answer) => (answer.ok ? answer.text() : failed()), failed));
  }
  return fetched.get(url);
}

/** The problems TypeScript sees; all are warnings, for the script would run. */
export async function diagnose({ typescript }, model) {
  const worker = await workerFor(typescript, model.uri);
  const found = await worker.getSemanticDiagnostics(model.uri.toString());
  return found.filter(({ code, category }) => category === 1 && !HARMLESS.has(code)).map((each) => {
    const start = model.getPositionAt(each.start ?? 0);
    const end = model.getPositionAt((each.start ?? 0) + (each.length ?? 1));
    return {
      code: `TS${each.code}`, message: sentence(each.messageText), severity: 'warning',
      line: start.lineNumber, column: start.column, endLine: end.lineNumber, endColumn: end.column,
    };
  });
}

/** Monaco starts the language with the first model, a moment after it is made; until then it has no worker to give. */
export async function workerFor(typescript, uri) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await (await typescript.getJavaScriptWorker())(uri);
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
}

const sentence = (text) => (typeof text === 'string' ? text : text.messageText);

/** context.input for parameters that have just been declared; null when the server could not say. */
export async function inputTypeOf(url, parameters) {
  const answer = await post(url, { parameters }).catch(() => null);
  return answer?.ok ? answer.text() : null;
}

const SCHEMA_TYPES = { date: 'string', enum: undefined };

/** The input of a script as a JSON Schema, for the JSON editor. */
export function inputSchema(parameters) {
  const properties = Object.fromEntries(parameters.map(({ name, type, options, description, schema, default: fallback }) => (
    [name, { type: type in SCHEMA_TYPES ? SCHEMA_TYPES[type] : type, ...schema, enum: options, description, default: fallback }])));
  const required = parameters.filter((each) => each.required && !('default' in each)).map(({ name }) => name);
  return { type: 'object', properties, required };
}
