import { expect, it } from 'vitest';
import * as z from 'zod';
import { wrongInput } from '../../../lambdas/framework/wrong-input.ts';

const event = z.strictObject({
  run: z.strictObject({ id: z.string() }).optional(),
  input: z
    .strictObject({
      request: z.strictObject({ window: z.string().optional(), dryRun: z.boolean().default(false) }).optional(),
      order: z.enum(['worst', 'first']).optional(),
      hosts: z.array(z.strictObject({ name: z.string() })).default([]),
      share: z.number().positive().max(1).optional(),
      roster: z.union([z.string(), z.number()]).optional(),
    })
    .optional(),
});
const said = (given: unknown) => wrongInput(event, event.safeParse(given).error!).split('\n');

it.each<[string, unknown, string[]]>([
  [
    'an unknown field of a start, with those that there are',
    { input: { request: { dryrun: true } } },
    ['dryrun: there is no such field; allowed are window, dryRun'],
  ],
  ['an unknown field at the top', { inputs: {} }, ['inputs: there is no such field; allowed are run, input']],
  [
    'an unknown field in a list',
    { input: { hosts: [{ name: 'db', port: 1 }] } },
    ['hosts.0.port: there is no such field; allowed are name'],
  ],
  ['a wrong type', { input: { request: { dryRun: 'yes' } } }, ['dryRun: expected boolean, received string']],
  ['an unknown choice', { input: { order: 'last' } }, ['order: expected one of "worst"|"first"']],
  ['a number out of range', { input: { share: 2 } }, ['share: Too big: expected number to be <=1']],
  [
    'a union',
    { input: { roster: true } },
    ['roster: expected string, received boolean, or expected number, received boolean'],
  ],
  ['no event at all', undefined, ['input: expected object, received undefined']],
  [
    'several mistakes at once',
    { run: { id: 1 }, input: { request: { dryRun: 0 } } },
    ['run.id: expected string, received number', 'dryRun: expected boolean, received number'],
  ],
])('W12: names the field and what is allowed: %s', (_case, given, lines) => {
  expect(said(given)).toEqual(lines);
});
