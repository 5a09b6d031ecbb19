import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pythonPrograms } from '../../local/bare/cache.mjs';
import { synthesized } from '../support/stacks.ts';

const { folder: environment, python } = pythonPrograms['cfn-lint'];
const { stacks } = synthesized();

let folder: string;
beforeAll(() => {
  if (!existsSync(python)) throw new Error(`${python} is missing. Make it: node local/bare/prepare.mjs cfn-lint`);
  folder = mkdtempSync(join(tmpdir(), 'novacron-lint-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** cfn-lint does not know that a task's TimeoutSeconds takes a JSONata expression, as Step Functions' "Task workflow state" says. */
const jsonataTimeout = /E3601:'\{% .* %\}' is not of type 'number' at 'States\/.*\/TimeoutSeconds'/;

/** What cfn-lint finds in templates, which are by the names of their files. W3005: the CDK repeats in DependsOn what a reference says. */
async function lint(templates: Iterable<[string, string]>): Promise<string[]> {
  const files = [...templates].map(([name, json]) => {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, json);
    return file;
  });
  const args = [join(environment, 'bin', 'cfn-lint'), '--ignore-checks=W3005', '--format=parseable', ...files];
  const { stdout, stderr, exitCode } = await execa(python, args, { reject: false });
  // Its exit code is a set of bits: 2 for errors, 4 for warnings, 8 for information. 1, or none: it did not run.
  if (exitCode === undefined || exitCode & 1) throw new Error(`cfn-lint did not run (${exitCode}): ${stderr}`);
  return stdout.split('\n').filter((line) => line && !jsonataTimeout.test(line));
}

it('finds nothing in any stack', async () => {
  expect(await lint(stacks)).toEqual([]);
}, 60_000);

it('finds a planted mistake', async () => {
  const json = stacks.get('novacron-production-automation')!.replaceAll('"nodejs24.x"', '"nodejs24"');
  const found = await lint([['planted', json]]);
  expect(found.length).toBeGreaterThan(0);
  expect(found[0]).toContain("'nodejs24' is not one of");
}, 60_000);
