import { Deadline } from '../../../lambdas/framework/deadline.ts';
import type { Opening } from '../../../lambdas/framework/client.ts';

/** What the framework tells a client when a step opens it, with a minute left. */
export const opening = (): Opening => ({
  step: 'test',
  tag: 'test',
  deadline: new Deadline(new Date(Date.now() + 60_000)),
  signal: new AbortController().signal,
  tell: () => {},
});
