/** A model is a plan and weights; a case in, a segmentation out. */
export {};
