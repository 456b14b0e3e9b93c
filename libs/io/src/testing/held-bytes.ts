/** For tests that count what is held: when the engine lets go of what is not, differs from run to run. Node.js only. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const bytes = (): number => process.memoryUsage().arrayBuffers;

function heldBytes(): number {
  // The first collection leaves the freeing to another thread; the second waits for that.
  collectGarbage();
  collectGarbage();
  return bytes();
}

/** The most bytes of array buffers held at any look, beyond what was held at the start. */
export function watchHeldBytes(): { readonly look: () => void; readonly most: () => number } {
  const start = heldBytes();
  let most = 0;
  return {
    look: () => {
      // Garbage and all there are at least as many as are held: collecting is for what could be a new peak.
      if (bytes() - start > most) most = Math.max(most, heldBytes() - start);
    },
    most: () => most,
  };
}
