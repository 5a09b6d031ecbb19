import { globSync } from 'node:fs';
import { expect, it } from 'vitest';
import { steps } from '../../lambdas/registry.ts';
import { checkout } from '../../local/bare/cache.mjs';

it('the registry lists every step, by its path', () => {
  const files = globSync('lambdas/**/*.step.ts', { cwd: checkout });
  expect(Object.keys(steps).sort()).toEqual(
    files.map((file) => file.slice('lambdas/'.length, -'.step.ts'.length)).sort(),
  );
});

const meansNothing = /util|helper|common|manager|misc/i;

it('no file has a name that says nothing of what is in it', () => {
  const files = globSync('{bin,config,docs,lambdas,lib,local,statemachines,test}/**/*', { cwd: checkout });
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => meansNothing.test(file))).toEqual([]);
  expect(
    ['lambdas/clients/aws-utils.ts', 'lib/common/names.ts', 'lib/StackManager.ts'].every((name) =>
      meansNothing.test(name),
    ),
  ).toBe(true);
});
