import type { Opening } from '../../lambdas/framework/client.ts';
import { Deadline } from '../../lambdas/framework/deadline.ts';

/** What the framework tells a client when a step opens it, with ten minutes left. A test says what differs. */
export const opening = (differences: Partial<Opening> = {}): Opening => ({
  step: 'test',
  tag: 'testrun',
  deadline: new Deadline(new Date(Date.now() + 600_000)),
  signal: new AbortController().signal,
  tell: () => {},
  ...differences,
});
