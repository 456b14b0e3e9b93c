/** Reads the flags of nnU-Net v2's own commands (Python's argparse: one dash, many letters, several values) and their values. */
import { CommandUsageError } from '../exit.ts';

/** How many values a flag takes; `ignored` flags are understood and have no meaning here. */
export interface UpstreamFlag {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly values: 'none' | 'optional' | 'one' | 'many';
  readonly required: boolean;
}

export interface UpstreamWords {
  readonly command: string;
  readonly positional: readonly string[];
  has(flag: string): boolean;
  /** The value of a flag, or the default. */
  one(flag: string, fallback: string): string;
  optional(flag: string): string | undefined;
  many(flag: string, fallback: readonly string[]): readonly string[];
}

const VALUES: Readonly<Record<string, UpstreamFlag['values']>> = {
  '': 'none',
  '?': 'optional',
  '=': 'one',
  '!': 'one',
  '*': 'many',
  '+': 'many',
};

/**
 * `-i! -f* --npz`: flags by name, `|` between names of one flag, `=` one value, `?` one or none, `*` several values, `!` one
 * value that is required, `+` several that are.
 */
export function flagsOf(text: string): UpstreamFlag[] {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const mark = /[=?*!+]$/.exec(word)?.[0] ?? '';
      const [name, ...aliases] = (mark === '' ? word : word.slice(0, -1)).split('|');
      return {
        name: name!,
        aliases,
        values: VALUES[mark]!,
        required: mark === '!' || mark === '+',
      };
    });
}

/** Throws: CommandUsageError naming the flag that is unknown, lacks its value, or is missing. */
export function readUpstream(
  command: string,
  words: readonly string[],
  flags: readonly UpstreamFlag[],
  positionals: readonly string[],
): UpstreamWords {
  const found = new Map<string, string[]>();
  const positional: string[] = [];
  for (let at = 0; at < words.length;) {
    const word = words[at++]!;
    const [head, inline] =
      isFlag(word) && word.includes('=')
        ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]
        : [word, undefined];
    if (!isFlag(head)) {
      positional.push(head);
      continue;
    }
    const flag = flagNamed(head, flags);
    if (flag === undefined)
      throw new CommandUsageError(
        `${command}: does not know ${head}; it takes ${[...positionals, ...new Set(flags.map(({ name }) => name))].join(' ')}`,
      );
    const values: string[] = inline === undefined ? [] : [inline];
    const most = flag.values === 'none' ? 0 : flag.values === 'many' ? Infinity : 1;
    while (values.length < most && at < words.length && !isFlag(words[at]!)) values.push(words[at++]!);
    if ((flag.values === 'one' || flag.values === 'many') && values.length === 0)
      throw new CommandUsageError(`${command}: ${head} needs a value`);
    found.set(flag.name, values);
  }
  if (positional.length !== positionals.length)
    throw new CommandUsageError(
      `${command}: takes ${positionals.join(' ') || 'no words without a flag'}, came ${positional.join(' ') || 'none'}`,
    );
  const missing = flags.find(({ name, required }) => required && !found.has(name));
  if (missing) throw new CommandUsageError(`${command}: ${missing.name} is required`);
  return {
    command,
    positional,
    has: (flag) => found.has(flag),
    one: (flag, fallback) => found.get(flag)?.[0] ?? fallback,
    optional: (flag) => found.get(flag)?.[0],
    many: (flag, fallback) => found.get(flag) ?? fallback,
  };
}

/** By its name, or as argparse has it by the beginning of one name alone. */
function flagNamed(head: string, flags: readonly UpstreamFlag[]): UpstreamFlag | undefined {
  const exact = flags.find(({ name, aliases }) => name === head || aliases.includes(head));
  if (exact !== undefined || !head.startsWith('--')) return exact;
  const begun = flags.filter(({ name, aliases }) => [name, ...aliases].some((one) => one.startsWith(head)));
  return begun.length === 1 ? begun[0] : undefined;
}

/** `-f`, `--npz`; `-1` and `-0.5` are numbers. */
function isFlag(word: string): boolean {
  return /^--?[A-Za-z_]/.test(word);
}
