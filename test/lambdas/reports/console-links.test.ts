import { describe, expect, it } from 'vitest';
import { executionLink, objectLink } from '../../../lambdas/reports/console-links.ts';
import { failedRecord } from './sample-record.ts';

const { run } = failedRecord;

describe('links to the console', () => {
  it('lead to the console of the execution’s region', () => {
    expect(executionLink(run.execution)).toBe(
      `https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/${run.execution}`,
    );
    expect(objectLink(run.execution, 'b', 'reports/a b.html')).toBe(
      'https://eu-west-1.console.aws.amazon.com/s3/object/b?region=eu-west-1&prefix=reports%2Fa%20b.html',
    );
  });

  it('lead to the console of the execution’s partition', () => {
    const chinese = run.execution.replace('arn:aws:', 'arn:aws-cn:').replace('eu-west-1', 'cn-north-1');
    expect(executionLink(chinese)).toMatch(/^https:\/\/console\.amazonaws\.cn\/states\/home\?region=cn-north-1#/);
  });
});
