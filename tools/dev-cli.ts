/** Runs the command line from its sources: `npx tsx --conditions=@voxelwise/source tools/dev-cli.ts <command> …`. */
import { main } from '../apps/cli/src/main.ts';

await main(process.argv.slice(2));
