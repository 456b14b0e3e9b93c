import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf, InputError, messageOf } from './exit.ts';

/** As Node throws them. */
const system = (code: string, rest: { path?: string; syscall?: string } = {}): Error =>
  Object.assign(new Error(`${code}: whatever, ${rest.syscall ?? 'open'}`), { code, ...rest });

describe('errors of the system', () => {
  it.each([
    [system('ENOENT', { path: '/x', syscall: 'open' }), EXIT.badInput, /^\/x: there is no such file or folder\.$/],
    [system('ENOENT', { path: '/x', syscall: 'mkdir' }), EXIT.badInput, /^\/x: lies on a disk that is read-only/],
    [system('EROFS', { path: '/x' }), EXIT.badInput, /^\/x: lies on a disk that is read-only/],
    [system('ENOSPC', { syscall: 'write' }), EXIT.resources, /^the disk is full; .* run the same command again\.$/],
    [system('EMFILE'), EXIT.bug, /^EMFILE: whatever, open$/],
    [new InputError('ENOENT', 'said in words'), EXIT.badInput, /^said in words$/],
  ])('%s', (error, code, message) => {
    expect(exitCodeOf(error)).toBe(code);
    expect(messageOf(error)).toMatch(message);
  });
});
