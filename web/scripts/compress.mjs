// SPDX-License-Identifier: Apache-2.0
// Puts a .gz beside every file of dist that is worth it, so that the server need not compress.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const worthwhile = /\.(html|js|mjs|css|svg|json|geojson)$/;

function* files(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

let plain = 0;
let packed = 0;
for (const path of files(new URL('../dist', import.meta.url).pathname)) {
  if (!worthwhile.test(path)) continue;
  const text = readFileSync(path);
  const small = gzipSync(text, { level: 9 });
  if (small.length >= text.length) continue;
  writeFileSync(`${path}.gz`, small);
  plain += text.length;
  packed += small.length;
}
console.log(`compressed ${(plain / 1024).toFixed(0)} KiB to ${(packed / 1024).toFixed(0)} KiB`);
