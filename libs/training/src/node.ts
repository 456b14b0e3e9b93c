/** Node-only entry of @voxelwise/training: experiments and prepared cases on a disk. */
export { caseFolder, type CaseFolder, type CaseFolderOptions } from './node/case-folder.ts';
export { directoryStore } from './node/directory-store.ts';
