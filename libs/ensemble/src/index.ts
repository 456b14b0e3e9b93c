/** Choose among models and merge them. */
export {};
