import * as z from 'zod';
import type { HostOutcome } from '../hosts/outcome.ts';

/** What the document read-host answers. Shares from 0 to 1; bytes; of disks `used` and `inodes` in percent, as df says them. */
const Reading = z.object({
  cpu: z.number(),
  memory: z.number(),
  disks: z.array(
    z.object({ at: z.string(), bytes: z.number(), free: z.number(), used: z.number(), inodes: z.number() }),
  ),
  units: z.array(z.object({ unit: z.string(), state: z.string(), answers: z.boolean().optional() })),
  failed: z.array(z.string()),
  unhealthy: z.array(z.string()),
  deletedOpen: z.object({ files: z.number(), bytes: z.number() }),
  journal: z.number(),
  agent: z.string(),
});
export type Reading = z.infer<typeof Reading>;

export interface Health {
  /** Why the hosts are not healthy enough to begin. */
  reasons: string[];
  /** What a person should read all the same. */
  notes: string[];
  numbers: { hosts: number; cpu: number; memory: number };
}

/**
 * C2. Every host answers, has its services active and answering, and its processors are not busy.
 * @param maxCpu share of the processors' time, 0 to 1
 * @param services units that must be active on each host
 */
export function healthOf(
  group: string,
  outcomes: HostOutcome[],
  { maxCpu, services }: { maxCpu: number; services: readonly string[] },
): Health {
  const health: Health = { reasons: [], notes: [], numbers: { hosts: outcomes.length, cpu: 0, memory: 0 } };
  if (!outcomes.length)
    health.reasons.push(
      `No host carries the tag of ${group}, or none of those has an agent: look at targets.hosts and at Systems Manager’s Fleet Manager.`,
    );
  for (const outcome of outcomes) {
    const reading = outcome.outcome === 'answered' ? Reading.safeParse(outcome.answer) : undefined;
    if (outcome.outcome !== 'answered') {
      health.reasons.push(`${outcome.host} cannot be judged: ${outcome.reason}.`);
    } else if (!reading?.success) {
      const where = reading?.error?.issues[0]?.path.join('.') ?? 'its answer';
      health.reasons.push(`${outcome.host} cannot be judged: ${where} of what it answers is not as it should be.`);
    } else {
      judge(outcome.host, reading.data, { maxCpu, services }, health);
    }
  }
  return health;
}

function judge(
  host: string,
  { cpu, memory, disks, units, failed, unhealthy, deletedOpen }: Reading,
  { maxCpu, services }: { maxCpu: number; services: readonly string[] },
  { reasons, notes, numbers }: Health,
): void {
  numbers.cpu = Math.max(numbers.cpu, cpu);
  numbers.memory = Math.max(numbers.memory, memory);
  if (cpu > maxCpu) reasons.push(`${host}: its processors are ${percent(cpu)} busy, the limit is ${percent(maxCpu)}.`);
  for (const service of services) {
    const found = units.find(({ unit }) => unit === service);
    if (!found) reasons.push(`${host}: it says nothing of ${service}.`);
    else if (found.state !== 'active') reasons.push(`${host}: ${service} is ${found.state}.`);
    else if (found.answers === false)
      reasons.push(`${host}: ${service} is active, but nothing answers where it is asked.`);
  }
  for (const { at, used, inodes } of disks)
    if (Math.max(used, inodes) >= 90)
      notes.push(`${host}: ${at} is ${used} % full, ${inodes} % of its inodes are in use.`);
  const others = failed.filter((unit) => !services.includes(unit.replace(/\.service$/, '')));
  if (others.length) notes.push(`${host}: other units have failed: ${others.join(', ')}.`);
  if (unhealthy.length) notes.push(`${host}: containers are unhealthy: ${unhealthy.join(', ')}.`);
  if (deletedOpen.bytes >= 2 ** 30)
    notes.push(
      `${host}: ${deletedOpen.files} deleted files are still held open, ${(deletedOpen.bytes / 2 ** 30).toFixed(1)} GiB that a restart of their programs would free.`,
    );
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
