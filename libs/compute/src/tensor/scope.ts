/**
 * Ownership of tensors: a scope frees every tensor made inside it except those it returns.
 * Loops and windows open scopes; operations never do.
 */
import type { Tensor } from './tensor.ts';

let current: Set<Tensor> | undefined;

/** Called by every new tensor. */
export function adopt(tensor: Tensor): void {
  current?.add(tensor);
}

/**
 * Runs `body` and disposes the tensors made inside, except those found in its result (in arrays, maps and plain objects
 * too), which pass to the enclosing scope. `body` must not be async: what it awaits would run in somebody else's scope.
 */
export function scope<T>(body: () => T): T {
  const outer = current;
  const mine = new Set<Tensor>();
  current = mine;
  let result: T;
  try {
    result = body();
  } catch (error) {
    current = outer;
    for (const tensor of mine) tensor.dispose();
    throw error;
  }
  current = outer;
  const kept = new Set<unknown>();
  collect(result, kept);
  for (const tensor of mine) {
    if (kept.has(tensor)) outer?.add(tensor);
    else tensor.dispose();
  }
  return result;
}

/** Takes tensors out of the current scope: they live until somebody disposes them. */
export function keep<T>(value: T): T {
  const found = new Set<unknown>();
  collect(value, found);
  for (const tensor of found) current?.delete(tensor as Tensor);
  return value;
}

/** Runs `body` with its new tensors collected into `into` instead of the enclosing scope; nothing is disposed. */
export function collecting<T>(into: Set<Tensor>, body: () => T): T {
  const outer = current;
  current = into;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** Hands a tensor to the enclosing scope, if there is one. */
export function passOn(tensor: Tensor): void {
  current?.add(tensor);
}

function collect(value: unknown, into: Set<unknown>): void {
  if (value === null || typeof value !== 'object') return;
  if ('device' in value && 'storage' in Object.getPrototypeOf(value)) {
    into.add(value);
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) collect(item, into);
  } else if (value instanceof Map) {
    for (const item of value.values()) collect(item, into);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, into);
  }
}
