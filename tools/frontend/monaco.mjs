// A curated Monaco: one module with the features the editor page uses, three workers, one style sheet, one font.
import fs from 'node:fs/promises';
import * as esbuild from 'esbuild';

const SOURCE = 'node_modules/monaco-editor/esm/vs';

const common = {
  bundle: true,
  minify: true,
  legalComments: 'none',
  target: 'es2022',
  logLevel: 'warning',
  assetNames: '[name]',
  loader: { '.ttf': 'file' },
};

// Scripts run on a server: without the browser's declarations the TypeScript worker is a third smaller, and `document` is
// an error in the editor as it is in the sandbox.
const withoutDomDeclarations = {
  name: 'without-dom-declarations',
  setup(build) {
    build.onLoad({ filter: /typescript[\\/]lib[\\/]lib\.js$/ }, async ({ path }) => {
      const { libFileMap } = await import(path);
      const unwanted = /^lib\.(dom|webworker|scripthost)|\.full\.d\.ts$/;
      const kept = Object.entries(libFileMap).filter(([name]) => !unwanted.test(name));
      if (kept.length === Object.keys(libFileMap).length || !kept.some(([name]) => name === 'lib.es2023.d.ts')) {
        throw new Error("Monaco's bundled TypeScript declarations are laid out differently now");
      }
      const licence = /^\/\*![\s\S]*?\*\/\s*/;
      const files = Object.fromEntries(kept.map(([name, text]) => [name, text.replace(licence, '')]));
      return { contents: `export const libFileMap = ${JSON.stringify(files)}`, loader: 'js' };
    });
  },
};

/** A plugin that changes one module of Monaco, and stops the build when that module is laid out differently than it was. */
function changing(name, filter, change) {
  return {
    name,
    setup(build) {
      build.onLoad({ filter }, async ({ path }) => {
        const source = await fs.readFile(path, 'utf8');
        const contents = change(source);
        if (contents === source) throw new Error(`${path} is laid out differently now; look at "${name}" in tools/frontend/monaco.mjs`);
        return { contents, loader: 'js' };
      });
    },
  };
}

// The module that makes language workers imports every feature there is, for nothing, and too late: features that register after
// the first editor was made fail in the second one with "UNKNOWN service".
const withoutUncuratedFeatures = changing(
  'without-uncurated-features',
  /internal[\\/]common[\\/]workers\.js$/,
  (source) => source.replace(/^import '[^']+';$/gm, ''),
);

// A script may return at its top. TypeScript calls that an error and does not look at what is returned: names used there alone
// would count as unused, and what is wrong there would go unseen.
const withReturnAtTheTop = changing(
  'with-return-at-the-top',
  /typescript[\\/]lib[\\/]typescriptServices\.js$/,
  (source) => source.replace(
    'grammarErrorOnFirstToken(node, Diagnostics.A_return_statement_can_only_be_used_within_a_function_body);',
    'if (node.expression) checkExpressionCached(node.expression);',
  ),
);

export async function buildMonaco(outdir) {
  await Promise.all([
    esbuild.build({
      ...common,
      outdir,
      format: 'esm',
      plugins: [withoutUncuratedFeatures],
      entryPoints: { monaco: 'tools/frontend/monaco.entry.js' },
    }),
    esbuild.build({
      ...common,
      outdir,
      format: 'iife',
      plugins: [withoutDomDeclarations, withReturnAtTheTop],
      entryPoints: {
        'editor.worker': `${SOURCE}/editor/editor.worker.js`,
        'json.worker': `${SOURCE}/languages/features/json/json.worker.js`,
        'ts.worker': `${SOURCE}/languages/features/typescript/ts.worker.js`,
      },
    }),
  ]);
}
