/** What a command hands to the program, which lists them all. */
import type { Command } from 'commander';
import type { Context } from './context.ts';

/** One command: `define` adds its arguments and flags, and hands its work to `action`. */
export interface CommandDefinition {
  readonly name: string;
  define(command: Command, withContext: WithContext): Command;
}

/** Wraps the work of a command: it gets a context made of the global flags. */
export type WithContext = (
  work: (context: Context, ...args: never[]) => Promise<void>,
) => (...args: unknown[]) => Promise<void>;
