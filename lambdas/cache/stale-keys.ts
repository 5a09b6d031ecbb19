import * as z from 'zod';
import type { IdleSample } from '../clients/redis/idle-sample.ts';
import type { NodeFacts } from '../clients/redis/info.ts';
import type { Removal } from '../clients/redis/removal.ts';
import type { Finding, Work } from '../framework/result.ts';
import { matching, Pattern } from './key-patterns.ts';

/** Lists and streams are not among them: job queues are kept in these. */
const types = ['string', 'set', 'hash', 'zset'] as const;

/** K1. Which keys of which cache go. */
export const StaleRule = z
  .strictObject({
    /** The cache, by its name in targets.caches. */
    cache: z.string().min(1),
    match: Pattern,
    /** A hash or a zset goes only where this says so: some queues are kept in these too. */
    types: z.array(z.enum(types)).min(1).default(['string', 'set']),
    /** Goes when nobody has touched it for so many hours and it never expires. */
    idleHours: z.number().positive().max(8_760).optional(),
    /** All that match go, in use or not. */
    always: z.literal(true).optional(),
  })
  .refine(({ idleHours, always }) => (idleHours === undefined) !== (always === undefined), {
    message: 'either idleHours or always: true',
  });
export type StaleRule = z.output<typeof StaleRule>;

export interface StaleSettings {
  stale: StaleRule[];
  protect: string[];
  queues: { name: string; keys: string[] }[];
  readsOnlyOnPrimary: string[];
}

export interface StaleWork extends Work {
  removal: Removal;
}

/**
 * K1. What is removed from a cache, and why an idle rule is not applied to it: idle times tell the truth only under conditions.
 * @param about the cache as the client names it
 */
export function stalePlan(
  { cache, about, primaries, samples }: { cache: string; about: string; primaries: NodeFacts[]; samples: IdleSample[] },
  { stale, protect, queues, readsOnlyOnPrimary }: StaleSettings,
): { work: StaleWork[]; findings: Finding[] } {
  const rules = stale.filter((rule) => rule.cache === cache);
  if (rules.length === 0) return { work: [], findings: [nothingDeclared(cache)] };
  const spared = matching([...protect, ...queues.flatMap(({ keys }) => keys)]);
  const keys = primaries.reduce((sum, node) => sum + node.keys, 0);
  const findings: Finding[] = [];
  const work = rules.flatMap((rule): StaleWork[] => {
    const { match, types, idleHours } = rule;
    const doubts = idleHours === undefined ? [] : doubtsOf(cache, idleHours, primaries, samples, readsOnlyOnPrimary);
    if (doubts.length > 0) {
      findings.push(refused(rule, doubts));
      return [];
    }
    const which =
      idleHours === undefined ? 'all of them' : `those that never expire and were not touched for ${idleHours} h`;
    return [
      {
        item: match,
        does: `UNLINK of keys like ${match} (${types.join(', ')}), ${which}, on ${about}`,
        size: keys,
        removal: { match, types, spared, ...(idleHours !== undefined && { idleSeconds: idleHours * 3_600 }) },
      },
    ];
  });
  return { work, findings };
}

/** Why idle times of this cache are not to be believed, in sentences. */
function doubtsOf(
  cache: string,
  idleHours: number,
  primaries: NodeFacts[],
  samples: IdleSample[],
  readsOnlyOnPrimary: string[],
): string[] {
  const ofNodes = primaries.flatMap(({ at, policy, uptimeSeconds, promoted }) => {
    const longest = Math.max(0, ...(samples.find((sample) => sample.at === at)?.seconds ?? []));
    return [
      ...(/lfu/.test(policy) ? [`${at} has the policy ${policy}, under which idle times are not kept.`] : []),
      ...(uptimeSeconds < idleHours * 3_600
        ? [`${at} was started ${hours(uptimeSeconds)} h ago; a restart sets every idle time to 0.`]
        : []),
      // A few seconds' grace, because the sample was taken after the uptime.
      ...(longest > uptimeSeconds + 60
        ? [
            `A key on ${at} is said to be untouched for ${hours(longest)} h, longer than the server is up (${hours(uptimeSeconds)} h): its policy was an LFU one for a time.`,
          ]
        : []),
      ...(promoted
        ? [`${at} was a replica until a failover; what was read on its predecessor never counted here.`]
        : []),
    ];
  });
  const said = readsOnlyOnPrimary.includes(cache)
    ? []
    : [
        `Nobody has said that all reads go to the primary: what is read on a replica counts as untouched. If it is so, name ${cache} in readsOnlyOnPrimary.`,
      ];
  return [...ofNodes, ...said];
}

const hours = (seconds: number) => Number((seconds / 3_600).toFixed(1)).toLocaleString('en');

const refused = ({ cache, match, idleHours }: StaleRule, doubts: string[]): Finding => ({
  severity: 'warning',
  subject: `${match} in ${cache}`,
  message:
    `Nothing was removed by the rule of ${idleHours} idle hours, because idle times are not to be trusted there. ${doubts.join(' ')}`.slice(
      0,
      2_000,
    ),
});

const nothingDeclared = (cache: string): Finding => ({
  severity: 'information',
  subject: cache,
  message:
    'No pattern of keys is declared for this cache, so nothing is removed from it. Declare what may go under stale of cache/remove-stale-keys.',
});
