import type { CacheNode } from './node.ts';

export interface IdleSample {
  at: string;
  /** Seconds since each was touched, as the server has it; none where it does not keep idle times. */
  seconds: number[];
}

const sampleSize = 200;

/** Neither RANDOMKEY nor OBJECT touches a key. */
export async function idleSample(node: CacheNode): Promise<IdleSample> {
  const keys = await node.all<string | null>(Array.from({ length: sampleSize }, () => ['RANDOMKEY'] as [string]));
  const there = [...new Set(keys.filter((key) => key !== null))];
  try {
    const idle = await node.all<number | null>(there.map((key) => ['OBJECT', 'IDLETIME', key]));
    return { at: node.at, seconds: idle.filter((seconds) => seconds !== null) };
  } catch (error) {
    // The policy may become an LFU one at any time; then there are no idle times, and the policy tells why.
    if (/LFU/.test((error as Error).message)) return { at: node.at, seconds: [] };
    throw error;
  }
}
