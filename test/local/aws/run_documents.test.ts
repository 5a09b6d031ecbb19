import { describe, expect, it } from 'vitest';
import { ended, makeDocument, makeHost, mended, send, step, type Step } from './commands.ts';

/** Stands in a step's output before what went to stderr. */
const errors = '----------ERROR-------';

/** Runs a document on one host; answers how the whole came out and each of its steps. */
const run = (steps: Step[], parameters?: Record<string, unknown>, given?: Record<string, string[]>) =>
  mended(async (aws, ssm) => {
    const [DocumentName, host] = [await makeDocument(ssm, steps, parameters), await makeHost(aws)];
    const { CommandId } = await send(ssm, { DocumentName, InstanceIds: [host], Parameters: given });
    const [found] = await ended(ssm, CommandId!);
    const plugins = found!.CommandPlugins!.map(({ StatusDetails, ResponseCode, Output }) =>
      `${StatusDetails} ${ResponseCode} ${Output!.split(errors)[0]!.trim()}`.trim(),
    );
    return { whole: found!.StatusDetails, steps: plugins };
  });

const reference = 'Systems Manager API Reference';
const guide = 'Systems Manager User Guide';
const text = (rest: Record<string, unknown> = {}) => ({ Word: { type: 'String', ...rest } });

interface Rule {
  rule: string;
  /** Where AWS says so; `observed`: seen on the service, and not in its pages. */
  source: string;
  steps: Step[];
  parameters?: Record<string, unknown>;
  given?: Record<string, string[]>;
  whole: string;
  each: string[];
}

/** What the agent does with a document. */
const rules: Rule[] = [
  {
    rule: 'without a first line that names a shell, sh runs it: no [[',
    source: `"Writing scripts"; observed`,
    steps: [step('[[ a == a ]] && echo bash || echo not bash')],
    whole: 'Success',
    each: ['Success 0 not bash'],
  },
  {
    rule: 'without strictness only the last exit code counts',
    source: 'observed',
    steps: [step(['false', 'echo went on'])],
    whole: 'Success',
    each: ['Success 0 went on'],
  },
  {
    rule: 'the shell that the first line names runs it',
    source: `"Command document plugin reference", aws:runShellScript, ${guide}`,
    steps: [
      step(['#!/bin/bash', 'set -euo pipefail', '[[ a == a ]] && echo bash', 'false | true', 'echo not reached']),
    ],
    whole: 'Failed',
    each: ['Failed 1 bash'],
  },
  {
    rule: 'a step that fails fails the whole, and later steps run all the same',
    source: `"Command document plugin reference", onFailure, ${guide}`,
    steps: [step('exit 3'), step('echo later')],
    whole: 'Failed',
    each: ['Failed 3', 'Success 0 later'],
  },
  {
    rule: 'onFailure: exit leaves out what follows, but the finallyStep',
    source: `"Command document plugin reference", onFailure and finallyStep, ${guide}`,
    steps: [step('exit 3', { onFailure: 'exit' }), step('echo later'), step('echo last', { finallyStep: true })],
    whole: 'Failed',
    each: ['Failed 3', 'Skipped 0', 'Success 0 last'],
  },
  {
    rule: 'onFailure: successAndExit makes it a success',
    source: `"Command document plugin reference", onFailure, ${guide}`,
    steps: [step('exit 3', { onFailure: 'successAndExit' }), step('echo later')],
    whole: 'Success',
    each: ['Success 3', 'Skipped 0'],
  },
  {
    rule: 'timeoutSeconds is enforced, with 137',
    source: `"Command document plugin reference", timeoutSeconds, ${guide}; exit code observed`,
    steps: [step(['echo begun', 'sleep 30'], { timeoutSeconds: '1' })],
    whole: 'Execution Timed Out',
    each: ['Execution Timed Out 137 begun'],
  },
  {
    rule: 'Failed wins over TimedOut',
    source: 'observed',
    steps: [step('sleep 30', { timeoutSeconds: '1' }), step('exit 1')],
    whole: 'Failed',
    each: ['Execution Timed Out 137', 'Failed 1'],
  },
  {
    rule: 'a step for another platform is skipped',
    source: `"Data elements and parameters", precondition, ${guide}`,
    steps: [step('echo', { precondition: { StringEquals: ['platformType', 'Windows'] } })],
    whole: 'Success',
    each: [expect.stringContaining('Skipped 0 Step execution skipped') as string],
  },
  {
    rule: 'a parameter is pasted into the text, so that it can be a command',
    source: `"Data elements and parameters", interpolationType, ${guide}`,
    steps: [step('echo {{ Word }}')],
    parameters: text(),
    given: { Word: ['a; echo pasted'] },
    whole: 'Success',
    each: ['Success 0 a\npasted'],
  },
  {
    rule: 'with interpolationType ENV_VAR it is in the environment, and no command',
    source: `"Data elements and parameters", interpolationType, ${guide}`,
    steps: [step('echo "$SSM_Word"')],
    parameters: text({ interpolationType: 'ENV_VAR' }),
    given: { Word: ['a; echo pasted'] },
    whole: 'Success',
    each: ['Success 0 a; echo pasted'],
  },
  {
    rule: 'allowedValues are not enforced',
    source: 'observed',
    steps: [step('echo {{ Word }}')],
    parameters: text({ allowedValues: ['a', 'b'] }),
    given: { Word: ['c'] },
    whole: 'Success',
    each: ['Success 0 c'],
  },
  {
    rule: 'a pattern is looked for anywhere in the value',
    source: 'observed',
    steps: [step('echo {{ Word }}')],
    parameters: text({ allowedPattern: '[a-z]+' }),
    given: { Word: ['1 abc !'] },
    whole: 'Success',
    each: ['Success 0 1 abc !'],
  },
  {
    rule: 'exit 194 asks to be started again',
    source: `"Rebooting managed nodes from scripts", ${guide}`,
    steps: [
      step(
        'f=$(dirname "$(dirname "$0")")/mark-194; if [ -f "$f" ]; then rm "$f"; echo again; else touch "$f"; exit 194; fi',
      ),
    ],
    whole: 'Success',
    each: ['Success 0 again'],
  },
  {
    rule: 'of output the lists show 2,500 characters',
    source: `CommandPlugin, Output, ${reference}`,
    steps: [step(`head -c 3000 /dev/zero | tr '\\0' x`)],
    whole: 'Success',
    each: [expect.stringMatching(/^Success 0 x{2400,2480}\n---Output truncated---$/) as string],
  },
];

describe('On a host', () => {
  it.each(rules)('$rule ($source)', async ({ steps, parameters, given, whole, each }) => {
    const found = await run(steps, parameters, given);
    expect(found.whole).toBe(whole);
    expect(found.steps).toEqual(each);
  });
});
