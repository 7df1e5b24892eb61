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

// The module that makes language workers imports every feature there is, for nothing, and too late: features that register after
// the first editor was made fail in the second one with "UNKNOWN service".
const withoutUncuratedFeatures = {
  name: 'without-uncurated-features',
  setup(build) {
    build.onLoad({ filter: /internal[\\/]common[\\/]workers\.js$/ }, async ({ path }) => {
      const source = await fs.readFile(path, 'utf8');
      const curated = source.replace(/^import '[^']+';$/gm, '');
      if (curated === source || !curated.includes('createWebWorker')) throw new Error("Monaco's worker factory is laid out differently now");
      return { contents: curated, loader: 'js' };
    });
  },
};

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
      plugins: [withoutDomDeclarations],
      entryPoints: {
        'editor.worker': `${SOURCE}/editor/editor.worker.js`,
        'json.worker': `${SOURCE}/languages/features/json/json.worker.js`,
        'ts.worker': `${SOURCE}/languages/features/typescript/ts.worker.js`,
      },
    }),
  ]);
}
