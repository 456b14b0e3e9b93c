/** Fingerprint of a data set in, plans out. */
export {};
