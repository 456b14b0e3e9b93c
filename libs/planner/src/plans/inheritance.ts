/** Configurations that build on others: `inherits_from`. */
import { PlanError } from '../errors.ts';
import type { ConfigurationEntry } from './plans-file.ts';

/**
 * The configuration with everything it inherits filled in; its own values win, and it keeps its `inherits_from`.
 *
 * Throws: PlanError if it, or one it builds on, does not exist (naming those that do), or if they build on each other
 * in a circle.
 */
export function resolveConfiguration(
  configurations: Readonly<Record<string, ConfigurationEntry>>,
  name: string,
  heirs: readonly string[] = [],
): ConfigurationEntry {
  if (!Object.hasOwn(configurations, name)) {
    const asked = heirs.length > 0 ? ` (${heirs.at(-1)} inherits from it)` : '';
    throw new PlanError(
      `plans: there is no configuration "${name}"${asked}. There are: ${Object.keys(configurations).join(', ')}.`,
      {
        configuration: name,
        known: Object.keys(configurations),
      },
    );
  }
  const circle = [...heirs, name];
  if (heirs.includes(name))
    throw new PlanError(`plans: configurations inherit from each other in a circle: ${circle.join(' → ')}.`, {
      circle,
    });
  const own = configurations[name]!;
  if (own.inherits_from === undefined) return own;
  return { ...resolveConfiguration(configurations, own.inherits_from, circle), ...own };
}
