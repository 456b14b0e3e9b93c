/** Measures, in a process of its own, how much memory reading one file takes above the idle process. Prints JSON. Part of the bench. */
import { readVolume } from '../../node.ts';

globalThis.gc?.();
const idle = process.memoryUsage().rss;
let peak = idle;
const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
const volume = await readVolume(process.argv[2]!);
peak = Math.max(peak, process.memoryUsage().rss);
clearInterval(watch);
console.log(JSON.stringify({ bytes: peak - idle, voxels: volume.voxels.byteLength }));
