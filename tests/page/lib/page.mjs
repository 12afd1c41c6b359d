// The page's own modules, loaded in Node: they are .js files without a package.json
// beside them (the web server would serve it), so a copy that says "module" is read.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const HTML = fileURLToPath(new URL('../../../html/', import.meta.url));
export const read = (name) => fs.readFileSync(path.join(HTML, name), 'utf8');
export const list = (dir, ending) => fs.readdirSync(path.join(HTML, dir)).filter((name) => name.endsWith(ending)).sort();

let copy;

export function load(name) {
  if (!copy) {
    copy = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-page-'));
    process.on('exit', () => fs.rmSync(copy, { recursive: true, force: true }));
    fs.cpSync(path.join(HTML, 'js'), copy, { recursive: true });
    fs.writeFileSync(path.join(copy, 'package.json'), '{"type":"module"}');
  }
  return import(pathToFileURL(path.join(copy, name)));
}
