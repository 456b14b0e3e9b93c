/** The endings that `convert --to` gives volumes, by the name of their form. */
export const VOLUME_ENDINGS: Readonly<Record<string, string>> = { nifti: '.nii.gz', nrrd: '.nrrd', mha: '.mha' };
