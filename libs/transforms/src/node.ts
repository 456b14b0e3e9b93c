/** What needs Node: keeping prepared cases on a disk. */
export { directoryCache, type DirectoryCacheSettings } from './node/directory-cache.ts';
