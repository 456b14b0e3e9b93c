/** How good a segmentation is, in millimetres. */
export {};
