/** The worker's entry: bundled to text by the generator and started in Node and in browsers alike. */
import { Interpreter, type RunCommand } from './interpreter.ts';

export type ToWorker =
  | {
      readonly type: 'start';
      readonly module: WebAssembly.Module;
      readonly memory: WebAssembly.Memory;
      readonly control: number;
      readonly part: number;
      readonly parts: number;
    }
  | { readonly type: 'module'; readonly name: string; readonly module: WebAssembly.Module }
  | { readonly type: 'run'; readonly command: RunCommand };

export type FromWorker =
  { readonly type: 'ready' } | { readonly type: 'done' } | { readonly type: 'failed'; readonly message: string };

interface Port {
  postMessage(message: FromWorker): void;
  on?(event: 'message', listener: (message: ToWorker) => void): void;
  onmessage?: ((event: { data: ToWorker }) => void) | null;
}

const threads = (
  globalThis as { process?: { getBuiltinModule?(name: string): { parentPort: Port | null } } }
).process?.getBuiltinModule?.('node:worker_threads');
const port: Port = threads?.parentPort ?? (globalThis as unknown as Port);
let interpreter: Interpreter | undefined;
let part = 0;
let parts = 1;

function receive(message: ToWorker): void {
  try {
    if (message.type === 'start') {
      ({ part, parts } = message);
      interpreter = new Interpreter(message.module, message.memory, message.control);
      port.postMessage({ type: 'ready' });
    } else if (message.type === 'module') {
      interpreter!.addModule(message.name, message.module);
    } else {
      interpreter!.learn(message.command.newNames);
      interpreter!.run(message.command, part, parts);
      port.postMessage({ type: 'done' });
    }
  } catch (error) {
    port.postMessage({
      type: 'failed',
      message: error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error),
    });
  }
}

if (port.on) port.on('message', receive);
else port.onmessage = (event) => receive(event.data);
