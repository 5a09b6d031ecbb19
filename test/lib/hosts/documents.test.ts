import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pythonPrograms } from '../../../local/bare/cache.mjs';
import { documents, scriptOf, works } from '../../../lib/hosts/documents.ts';

/** Schema 2.2 as far as we use it: "Data elements and parameters", "Command document plugin reference", Systems Manager User Guide. */
const Content = z.strictObject({
  schemaVersion: z.literal('2.2'),
  description: z.string().min(1),
  parameters: z.record(
    z.string().regex(/^[A-Z][A-Za-z]+$/),
    z.strictObject({
      type: z.literal('String'),
      description: z.string().min(1),
      interpolationType: z.literal('ENV_VAR'),
      allowedPattern: z.string().regex(/^\^.*\$$/),
      default: z.string().optional(),
    }),
  ),
  mainSteps: z.tuple([
    z.strictObject({
      action: z.literal('aws:runShellScript'),
      name: z.string().min(4),
      precondition: z.strictObject({ StringEquals: z.tuple([z.literal('platformType'), z.literal('Linux')]) }),
      inputs: z.strictObject({
        timeoutSeconds: z.string().regex(/^\d+$/),
        runCommand: z.array(z.string()).min(1),
      }),
    }),
  ]),
});

const shellcheck = join(pythonPrograms['cfn-lint'].folder, 'bin', 'shellcheck');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'novacron-documents-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const check = async (name: string, script: string) => {
  const file = join(folder, `${name}.sh`);
  writeFileSync(file, script);
  const { stdout, stderr, exitCode } = await execa(shellcheck, ['--format=gcc', file], { reject: false });
  if (exitCode === undefined || exitCode > 1) throw new Error(`shellcheck did not run (${exitCode}): ${stderr}`);
  return stdout;
};

describe.each(documents.map(({ name, content }) => [name, Content.parse(content)] as const))(
  'the document %s',
  (_name, content) => {
    const { runCommand } = content.mainSteps[0].inputs;

    it('names bash in its first line and is strict: without, the agent takes dash and only the last line counts', () => {
      expect(runCommand[0]).toBe('#!/bin/bash');
      expect(runCommand.find((line) => line !== '' && !line.startsWith('#'))).toBe('set -euo pipefail');
    });

    it('has nothing that SSM would take for a parameter to paste in', () => {
      expect(runCommand.filter((line) => line.includes('{{'))).toEqual([]);
    });

    it('is told nothing by a name that it does not check', () => {
      const script = runCommand.join('\n');
      for (const name of Object.keys(content.parameters)) expect(script).toMatch(new RegExp(`SSM_${name}\\b`));
      const read = [...script.matchAll(/SSM_([A-Za-z]+)/g)].map(([, name]) => name!);
      expect(new Set(read)).toEqual(new Set(Object.keys(content.parameters)));
    });

    it('stays below 64 KB, which is what SSM takes', () => {
      expect(JSON.stringify(content).length).toBeLessThan(65_536);
    });
  },
);

it.each(works.map((work) => [work.name, work] as const))('shellcheck finds nothing in %s', async (name, work) => {
  expect(await check(name, scriptOf(work))).toBe('');
});

it('shellcheck finds a planted mistake', async () => {
  const script = scriptOf(works[0]!);
  expect(await check('planted', `${script}\nrm -rf $undefined_folder/*\n`)).toContain('SC2154');
});
