/** The loop, losses, optimizers and experiment state. */
export {};
