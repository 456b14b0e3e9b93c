/** Whether a name from a file may become a folder's: no way up, no other folder. */
export function isFolderName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
}
