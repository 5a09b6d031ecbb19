import * as z from 'zod';
import { misunderstood, phrase, rule, time, unique } from './rules.ts';
import type { Issue } from './rules.ts';
import { Name } from './shapes.ts';
import { parseNotification, parseRecurrence, startedByEvent, withoutTime } from './window-grammar.ts';

const notification = phrase('"none", or a lead time such as "24 hours advance"', parseNotification);

/** config/windows.yaml: the runbook's own schedule block. An environment in which nothing is live may be empty. */
export function windowsSchema(operations: readonly string[]) {
  const entry = z.strictObject({
    window: time.optional(),
    operations: z
      .array(z.enum(operations))
      .min(1)
      .check(unique((operation) => operation)),
    notification,
  });
  const windows = z.record(Name, entry).check(
    rule((entries) =>
      Object.entries(entries).flatMap(([name, window]): Issue[] => {
        const time = window?.window;
        if (time === undefined && name !== startedByEvent) return [{ path: [name, 'window'], message: withoutTime }];
        return name === 'quarterly' && typeof time === 'string'
          ? misunderstood(() => parseRecurrence(time, name), [name, 'window'])
          : [];
      }),
    ),
  );
  return z.strictObject({
    maintenance_windows: z.strictObject({
      production: windows.nullish(),
      staging: windows.nullish(),
      development: windows.nullish(),
    }),
  });
}
