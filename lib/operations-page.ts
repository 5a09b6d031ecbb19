import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { steps, type StepName } from '../lambdas/registry.ts';
import { checklist, operations, undoing, type PlannedStep } from './operations.ts';

/** docs/operations.md: every operation, check and step with its settings, from the code that runs. `npm run docs` writes it. */
export function operationsPage(): string {
  return [
    '# Operations',
    'Written by `npm run docs` from lib/operations.ts and the steps themselves; a test compares. Settings go to `steps:` of ' +
      '`config/<environment>.yaml`, by the path of the step.',
    '## What windows run',
    ...Object.entries(operations).map(([name, { comment, steps }]) => `### ${name}\n\n${comment}\n\n${inTurn(steps)}`),
    '## The checklist',
    'Asked all at once before anything is changed. A blocker that does not pass stops the run; a check that cannot be asked has ' +
      'not passed.',
    checklist.map(({ step, blocker }) => `- ${link(step)}: ${blocker ? 'blocker' : 'advisory'}`).join('\n'),
    '## What closing a run takes back',
    inTurn(undoing),
    '## Steps',
    'The least minutes are those worth starting a call with. The example is an answer the step may give.',
    ...(Object.keys(steps) as StepName[]).map(stepSection),
  ]
    .join('\n\n')
    .concat('\n');
}

const inTurn = (planned: readonly PlannedStep[]) =>
  planned.map(({ step, per }, i) => `${i + 1}. ${link(step)}${per ? `, for each ${per}` : ''}`).join('\n');

const link = (step: StepName) => `[${step}](#${step.replaceAll('/', '')})`;

function stepSection(step: StepName): string {
  const { kind, spec } = steps[step];
  const file = new URL(`../lambdas/${step}.step.ts`, import.meta.url);
  const source = readFileSync(file, 'utf8');
  const reaches = Object.values(spec.uses).map(({ needs }) => needs);
  const about = [
    `In [lambdas/${step}.step.ts](../lambdas/${step}.step.ts).`,
    `Reaches ${reaches.length ? reaches.join(', ') : 'nothing but the record of its run'}.`,
    ...(kind === 'step' && spec.minutes ? [`Least minutes: ${spec.minutes}.`] : []),
  ].join(' ');
  return [
    `### ${step}`,
    commentBefore(source, 'export const handler'),
    about,
    ...settings(spec.input, source + besideIt(file, source)),
    `\`\`\`json\n${JSON.stringify(spec.example, null, 2)}\n\`\`\``,
  ].join('\n\n');
}

/** The rules of a step: settings that two steps share are said there. */
const besideIt = (file: URL, source: string) =>
  [...source.matchAll(/from '(\.\/[^']+)'/g)]
    .map(([, rules]) => readFileSync(new URL(rules!, file), 'utf8'))
    .join('\n');

/** The settings that have a default, with what stands above them in the code: the others are compiled in or come with the call. */
function settings(input: z.ZodType, source: string): string[] {
  const { properties = {} } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, { default?: unknown }>;
  };
  const rows = Object.entries(properties)
    .filter(([, setting]) => setting.default !== undefined)
    .map(
      ([name, setting]) => `| ${name} | ${JSON.stringify(setting.default)} | ${commentBefore(source, `${name}:`)} |`,
    );
  return rows.length ? [['| setting | default | what it means |', '|---|---|---|', ...rows].join('\n')] : [];
}

/** The docstring that ends right before a piece of code, on one line. */
function commentBefore(source: string, code: string): string {
  const at = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*${code}`).exec(source)?.[1] ?? '';
  return at
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s*/, '').trim())
    .filter(Boolean)
    .join(' ');
}
