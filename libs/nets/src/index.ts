/** Networks as readable modules, their weights' names, their export. */
export {};
