import { isUnknown, wordOf } from './errors.ts';
import type { CacheNode } from './node.ts';

/** A setting of the server; undefined where it has none of that name or lets nobody read it, as managed caches do. */
export async function settingOf(node: CacheNode, name: string): Promise<string | undefined> {
  try {
    const [, value] = await node.call<string[]>('CONFIG', 'GET', name);
    return value;
  } catch (error) {
    if (isUnknown(error) || wordOf(error) === 'NOPERM') return undefined;
    throw error;
  }
}
