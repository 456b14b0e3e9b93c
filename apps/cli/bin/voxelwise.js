#!/usr/bin/env node
// The command's door. It stands in the repository so that npm can link it before anything is built.
import module from 'node:module';

// Node 22 keeps compiled code from one start to the next.
module.enableCompileCache?.();
// Nothing is begun before the program is loaded: there is nothing to save.
const signals = ['SIGINT', 'SIGTERM'];
const interrupted = () => process.exit(5);
for (const signal of signals) process.on(signal, interrupted);
import('../dist/main.js').then(
  ({ main }) => {
    const done = main(process.argv.slice(2));
    for (const signal of signals) process.off(signal, interrupted);
    return done;
  },
  (error) => {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.error('voxelwise: not built yet; run `npm run build` once in the repository.');
    process.exitCode = 1;
  },
);
