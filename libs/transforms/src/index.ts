/** Pure, recorded, invertible changes of a case. */
export {};
