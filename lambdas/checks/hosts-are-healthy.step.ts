import * as z from 'zod';
import { hosts } from '../clients/hosts.ts';
import { step } from '../framework/step.ts';
import { onHosts } from '../hosts/on-hosts.ts';
import { healthOf } from './host-health.ts';
import { outcomeOf, passed, waiting } from './outcome.ts';

const subject = 'Hosts';

/**
 * C2, blocker. On every host the services are active and answer, and the processors are not busy, measured over an interval. A host
 * that cannot be asked has not passed.
 */
export const handler = step({
  input: z.strictObject({
    groups: z
      .array(
        z.strictObject({
          name: z.string(),
          services: z.array(z.strictObject({ unit: z.string(), ask: z.string().optional() })),
        }),
      )
      .default([]),
    /** Share of the processors' time, 0 to 1. */
    maxCpu: z.number().positive().max(1).default(0.8),
    /** Over which the use of the processors is measured. */
    intervalSeconds: z.int().min(1).max(60).default(5),
  }),
  uses: { hosts },
  minutes: 0,
  callMinutes: 1,
  patience: 5,
  example: { done: 1, left: 0, failed: 0, numbers: { hosts: 6, cpu: 0.31, memory: 0.62 } },
  async run({ groups, maxCpu, intervalSeconds }, { hosts, run, ledger, dryRun }) {
    if (!groups.length) return passed(subject, ['None are looked at: the configuration has no targets.hosts.']);
    const looked = await Promise.all(
      groups.map(({ name, services }) =>
        onHosts(hosts, { run, ledger, dryRun }, 'checks/hosts-are-healthy', {
          document: 'read-host',
          group: name,
          parameters: {
            Interval: String(intervalSeconds),
            Services: services.map(({ unit, ask }) => (ask ? `${unit}=${ask}` : unit)).join(' '),
          },
          // Each of twelve services may take ten seconds to be given up.
          seconds: intervalSeconds + 150,
          reads: true,
          // A checklist that was blocked is asked again, and wants to know how it is by then.
          freshMinutes: 5,
          atOnce: '100%',
          maxErrors: '100%',
        }),
      ),
    );
    const wait = looked.flatMap((one) => ('wait' in one ? [one.wait] : []));
    if (wait.length) return waiting(wait.join('; '));
    const found = groups.map(({ name, services }, index) => {
      const one = looked[index]!;
      const units = services.map(({ unit }) => unit);
      return healthOf(name, 'outcomes' in one ? one.outcomes : [], { maxCpu, services: units });
    });
    const numbers = {
      hosts: found.reduce((sum, { numbers }) => sum + numbers.hosts, 0),
      cpu: Math.max(...found.map(({ numbers }) => numbers.cpu)),
      memory: Math.max(...found.map(({ numbers }) => numbers.memory)),
    };
    const reasons = found.flatMap(({ reasons }) => reasons);
    if (reasons.length) return outcomeOf('critical', subject, reasons, numbers);
    return passed(
      subject,
      found.flatMap(({ notes }) => notes),
      numbers,
    );
  },
});
