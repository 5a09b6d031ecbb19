import type { NodeFacts } from '../clients/redis/info.ts';
import type { Finding, Numbers } from '../framework/result.ts';

export interface MemoryLimits {
  fragmentation: number;
  minWasteBytes: number;
  fullShare: number;
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB`;

/** K4. What a node's memory gives a person to read. Nothing is changed: each of these is the owner's decision. */
export function memoryFindings(
  { at, memory, policy, stats, uptimeSeconds, clustered }: NodeFacts,
  { hasQueues, lazyExpire }: { hasQueues: boolean; lazyExpire: string | undefined },
  { fragmentation, minWasteBytes, fullShare }: MemoryLimits,
): Finding[] {
  const { usedBytes, rssBytes, maxBytes } = memory;
  const about = (severity: Finding['severity'], message: string, remedy?: string): Finding => ({
    severity,
    subject: `${at}`,
    message,
    ...(remedy && { remedy }),
  });
  const findings: Finding[] = [];
  const share = maxBytes > 0 ? usedBytes / maxBytes : 0;
  if (hasQueues && policy.startsWith('allkeys')) {
    findings.push(
      about(
        'critical',
        `Its policy ${policy} evicts any key when memory is full, a job queue in the same server too: jobs are lost then. Give the queue a server of its own, or take a volatile policy.`,
        'CONFIG SET maxmemory-policy volatile-lru',
      ),
    );
  }
  if (maxBytes === 0) {
    findings.push(about('warning', 'It has no maxmemory: it grows until the machine has no memory left and ends it.'));
  } else if (share >= fullShare) {
    findings.push(
      about(
        policy === 'noeviction' ? 'critical' : 'warning',
        `It uses ${Math.round(share * 100)} % of its ${mebibytes(maxBytes)}; at 100 % it ${policy === 'noeviction' ? 'refuses writes' : `evicts keys by ${policy}`}.`,
      ),
    );
  }
  if (rssBytes - usedBytes >= minWasteBytes && memory.fragmentation >= fragmentation) {
    findings.push(
      about(
        'warning',
        `It holds ${mebibytes(rssBytes)} of the machine's memory for ${mebibytes(usedBytes)} of data (${memory.fragmentation} times as much): fragmented, or a peak that has passed. A restart or active defragmentation gives it back; both are decisions of its owner.`,
      ),
    );
  }
  if (usedBytes - rssBytes >= minWasteBytes) {
    findings.push(
      about(
        'critical',
        `Of its ${mebibytes(usedBytes)} only ${mebibytes(rssBytes)} are in memory: the rest is swapped out, and every access to it waits for the disk.`,
      ),
    );
  }
  if (stats.evictedKeys > 0) {
    const days = Math.max(1, uptimeSeconds / 86_400);
    findings.push(
      about(
        'warning',
        `It has evicted ${stats.evictedKeys.toLocaleString('en')} keys for want of memory in ${Math.round(days)} days (policy ${policy}).`,
      ),
    );
  }
  if (lazyExpire === 'no') {
    findings.push(
      about(
        'information',
        'A big key that expires stops every other client while it is freed (lazyfree-lazy-expire is no).',
        clustered ? undefined : 'CONFIG SET lazyfree-lazy-expire yes',
      ),
    );
  }
  return findings;
}

/** The numbers of a cache, its primaries together; shares are of all of them. */
export function memoryNumbers(nodes: NodeFacts[]): Numbers {
  const sum = (of: (node: NodeFacts) => number) => nodes.reduce((total, node) => total + of(node), 0);
  const reads = sum(({ stats }) => stats.hits + stats.misses);
  return {
    keys: sum(({ keys }) => keys),
    usedBytes: sum(({ memory }) => memory.usedBytes),
    rssBytes: sum(({ memory }) => memory.rssBytes),
    maxBytes: sum(({ memory }) => memory.maxBytes),
    fragmentation: Math.max(0, ...nodes.map(({ memory }) => memory.fragmentation)),
    evictedKeys: sum(({ stats }) => stats.evictedKeys),
    expiredKeys: sum(({ stats }) => stats.expiredKeys),
    ...(reads > 0 && { hitShare: sum(({ stats }) => stats.hits) / reads }),
  };
}
